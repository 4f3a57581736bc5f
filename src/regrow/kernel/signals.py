"""What travels between processes: exits, downs, and the signals from one node to another."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Final

from regrow.kernel.pid import Ref

if TYPE_CHECKING:
    from regrow.kernel.pid import Monitor, Pid


class Exited:
    """A linked process, or one that called `exit(pid, reason)`, as a message to a process that traps exits.

    Attributes:
        pid: who ended or sent the signal.
        reason: why.
    """

    __slots__ = ("pid", "reason")
    __match_args__: Final = ("pid", "reason")

    def __init__(self, pid: Pid, reason: object) -> None:
        self.pid: Pid = pid
        self.reason: object = reason

    def __repr__(self) -> str:
        return f"Exited({self.pid!r}, {self.reason!r})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Exited) and (self.pid, self.reason) == (other.pid, other.reason)

    __hash__: ClassVar[None] = None  # type: ignore[assignment]


class Down:
    """A monitored process has ended (OTP's `DOWN`). Fires once for each monitor.

    Attributes:
        ref: what `monitor` returned.
        pid: the process, or the name as it was given to `monitor`.
        reason: why it ended; "noproc" when it was not there.
        tag: what `monitor(…, tag=)` was given, else None.
    """

    __slots__ = ("pid", "reason", "ref", "tag")
    __match_args__: Final = ("ref", "pid", "reason")

    def __init__(self, ref: Ref, pid: object, reason: object, tag: object = None) -> None:
        self.ref: Ref = ref
        self.pid: object = pid
        self.reason: object = reason
        self.tag: object = tag

    def __repr__(self) -> str:
        return f"Down({self.ref!r}, {self.pid!r}, {self.reason!r})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Down) and (self.ref, self.pid, self.reason) == (other.ref, other.pid, other.reason)

    __hash__: ClassVar[None] = None  # type: ignore[assignment]


class Signal:
    """What one node tells another about a process of its own: the kinds are in `node.py`, at the door."""

    __slots__ = ("kind", "reason", "ref", "source", "target")

    def __init__(self, kind: str, source: Pid | None, target: Any, reason: object, ref: Monitor | None) -> None:
        self.kind: str = kind
        self.source: Pid | None = source
        self.target: Any = target
        self.reason: object = reason
        self.ref: Monitor | None = ref
