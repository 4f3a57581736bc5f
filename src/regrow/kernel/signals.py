"""The messages `Exited` and `Down`, and the signals that a process sends to a process of another node."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Final

from regrow.kernel.peer import Signal
from regrow.kernel.refs import Ref

if TYPE_CHECKING:
    from regrow.kernel.process_record import Alias, Monitor, Pid


class Exited:
    """A linked process, or one that called `exit(pid, reason)`, as a message to a process that traps exits.

    Attributes:
        pid: the process that ended or sent the signal.
        reason: the reason of the end or of the signal.
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
        reason: why it ended; "noproc" if there was no such process.
        tag: the tag given to `monitor(…, tag=)`, or None.
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


# One class a signal. OTP's distribution protocol has the same ones, named in brackets.


class SendSignal(Signal):
    """A message to a process [SEND]."""

    __slots__ = ("message", "source", "target")

    def __init__(self, source: Pid, target: Pid, message: object) -> None:
        self.source: Pid = source
        self.target: Pid = target
        self.message: object = message


class AliasSignal(Signal):
    """A message to an alias, which only its own node can switch off [ALIAS_SEND]."""

    __slots__ = ("alias", "message", "source")

    def __init__(self, source: Pid, alias: Alias, message: object) -> None:
        self.source: Pid = source
        self.alias: Alias = alias
        self.message: object = message


class ExitSignal(Signal):
    """The exit signal of `exit(pid, reason)` [EXIT2]."""

    __slots__ = ("reason", "source", "target")

    def __init__(self, source: Pid, target: Pid, reason: object) -> None:
        self.source: Pid = source
        self.target: Pid = target
        self.reason: object = reason


class LinkSignal(Signal):
    """The source has linked itself to the target [LINK]."""

    __slots__ = ("source", "target")

    def __init__(self, source: Pid, target: Pid) -> None:
        self.source: Pid = source
        self.target: Pid = target


class UnlinkSignal(Signal):
    """The source has removed its link; `id` is for the acknowledgement [UNLINK_ID]."""

    __slots__ = ("id", "source", "target")

    def __init__(self, source: Pid, target: Pid, id: Ref) -> None:
        self.source: Pid = source
        self.target: Pid = target
        self.id: Ref = id


class UnlinkAckSignal(Signal):
    """The source has seen the `UnlinkSignal` with this id [UNLINK_ID_ACK]."""

    __slots__ = ("id", "source", "target")

    def __init__(self, source: Pid, target: Pid, id: Ref) -> None:
        self.source: Pid = source
        self.target: Pid = target
        self.id: Ref = id


class LinkExitSignal(Signal):
    """The source has ended, and was linked to the target [EXIT]."""

    __slots__ = ("reason", "source", "target")

    def __init__(self, source: Pid, target: Pid, reason: object) -> None:
        self.source: Pid = source
        self.target: Pid = target
        self.reason: object = reason


class MonitorSignal(Signal):
    """The source monitors the target [MONITOR_P]."""

    __slots__ = ("monitor", "source", "target")

    def __init__(self, source: Pid, target: Pid, monitor: Monitor) -> None:
        self.source: Pid = source
        self.target: Pid = target
        self.monitor: Monitor = monitor


class DemonitorSignal(Signal):
    """The source monitors the target no longer [DEMONITOR_P]."""

    __slots__ = ("monitor", "source", "target")

    def __init__(self, source: Pid, target: Pid, monitor: Monitor) -> None:
        self.source: Pid = source
        self.target: Pid = target
        self.monitor: Monitor = monitor


class DownSignal(Signal):
    """The source has ended, and the target monitored it [MONITOR_P_EXIT]."""

    __slots__ = ("monitor", "reason", "source", "target")

    def __init__(self, source: Pid, target: Pid, monitor: Monitor, reason: object) -> None:
        self.source: Pid = source
        self.target: Pid = target
        self.monitor: Monitor = monitor
        self.reason: object = reason


class CallSignal(Signal):
    """A request: a message, and a monitor of the target until it is answered. `request` is a `CallRequest`."""

    __slots__ = ("request", "source", "target")

    def __init__(self, source: Pid, target: Pid, request: Any) -> None:
        self.source: Pid = source
        self.target: Pid = target
        self.request: Any = request


class AbandonSignal(Signal):
    """The source no longer waits for the answer to its request."""

    __slots__ = ("request", "source", "target")

    def __init__(self, source: Pid, target: Pid, request: Any) -> None:
        self.source: Pid = source
        self.target: Pid = target
        self.request: Any = request


class ReplySignal(Signal):
    """The answer to a request of the target, or the reason why there is none.

    `state` is ANSWERED or FAILED, as in `requests.py`.
    """

    __slots__ = ("answer", "request", "state", "target")

    def __init__(self, target: Pid, request: Any, state: int, answer: object) -> None:
        self.target: Pid = target
        self.request: Any = request
        self.state: int = state
        self.answer: object = answer


AnySignal = (
    SendSignal
    | AliasSignal
    | ExitSignal
    | LinkSignal
    | UnlinkSignal
    | UnlinkAckSignal
    | LinkExitSignal
    | MonitorSignal
    | DemonitorSignal
    | DownSignal
    | CallSignal
    | AbandonSignal
    | ReplySignal
)
