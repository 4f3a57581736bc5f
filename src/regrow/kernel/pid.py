"""Who: a pid, a reference, and the process that stands behind a pid while it lives."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from regrow.kernel.node import Node
    from regrow.kernel.process_record import Process


class Pid:
    """The identity of one process: small, hashable, ordered, and printed as `<0.12.0>`.

    A pid outlives its process and never keeps it alive: `process` is cut when the process dies.
    """

    __slots__ = ("node", "number", "process")

    def __init__(self, node: Node, number: int) -> None:
        self.node: Node = node
        self.number: int = number
        self.process: Process | None = None

    def __repr__(self) -> str:
        return f"<{self.node.number}.{self.number}.0>"

    def __lt__(self, other: Pid) -> bool:
        return (self.node.number, self.number) < (other.node.number, other.number)

    def __le__(self, other: Pid) -> bool:
        return self is other or self < other

    def __copy__(self) -> Pid:
        return self

    def __deepcopy__(self, memo: object) -> Pid:
        return self


class Counter:
    """A number that grows. Of an object and not of a class: Python forgets all it knows of a class that is written to."""

    __slots__ = ("last",)

    def __init__(self) -> None:
        self.last: int = 0


REFS: Final = Counter()  # made so far


class Ref:
    """A unique reference, printed as `#Ref<0.7>`. Two refs are equal only when they are the same one."""

    __slots__ = ("number",)

    number: int

    def __init__(self) -> None:
        self.number = REFS.last = REFS.last + 1

    def __repr__(self) -> str:
        return f"#Ref<0.{self.number}>"

    def __lt__(self, other: Ref) -> bool:
        return self.number < other.number

    def __le__(self, other: Ref) -> bool:
        return self.number <= other.number

    def __copy__(self) -> Ref:
        return self

    def __deepcopy__(self, memo: object) -> Ref:
        return self


class Alias(Ref):
    """A second address of a process that can be switched off, and then drops what is sent to it (`erlang:alias/1`)."""

    __slots__ = ("mode", "owner")

    number: int

    def __init__(self, owner: Pid, mode: str) -> None:
        self.number = REFS.last = REFS.last + 1
        self.owner: Pid = owner
        self.mode: str = mode  # "" when off


class Monitor(Alias):
    """One process watching another: the ref that `monitor` gives, known to both ends."""

    __slots__ = ("tag", "target", "watched")

    number: int

    def __init__(self, owner: Pid, watched: Pid | None, target: object) -> None:
        self.number = REFS.last = REFS.last + 1
        self.owner = owner
        self.mode = ""
        self.watched: Pid | None = watched  # None once it has fired or was taken back
        self.target: object = target  # what the watcher wrote: a pid or a name
        self.tag: object = None


for _ordered in (Pid, Ref, Alias, Monitor):
    type.__setattr__(_ordered, "__hash__", object.__hash__)  # mypyc gives a class with `__lt__` none
