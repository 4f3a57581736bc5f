"""Who: a pid, a reference, and the process that stands behind a pid while it lives."""

from __future__ import annotations

from collections import deque
from collections.abc import Generator
from contextvars import Context
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from regrow.kernel.facade import ProcessTask
    from regrow.kernel.lineage import Lineage
    from regrow.kernel.node import Node
    from regrow.kernel.timers import Deadline, Timer

# What a process is doing. A process at RECEIVING takes whatever comes first and has no mail: only such a one can be
# handed a call directly.
NEW: Final = 0
READY: Final = 1
RUNNING: Final = 2
RECEIVING: Final = 3
SELECTING: Final = 4
AWAITING: Final = 5
CALLING: Final = 6
ENDED: Final = 7

STATUS_WORDS: Final = ("new", "runnable", "running", "waiting", "waiting", "waiting", "waiting", "exiting")


class Pid:
    """The identity of one process: small, hashable, ordered, and printed as `<0.12.0>`.

    A pid outlives its process and never keeps it alive: `process` is cut when the process dies.
    """

    __slots__ = ("node", "number", "process")

    def __init__(self, node: Node, number: int) -> None:
        self.node = node
        self.number = number
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


class Count:
    """A number that grows. Of an object and not of a class: Python forgets all it knows of a class that is written to."""

    __slots__ = ("last",)

    def __init__(self) -> None:
        self.last = 0


REFS: Final = Count()  # made so far


class Ref:
    """A unique reference, printed as `#Ref<0.7>`. Two refs are equal only when they are the same one."""

    __slots__ = ("number",)

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

    def __init__(self, owner: Pid, mode: str) -> None:
        self.number = REFS.last = REFS.last + 1
        self.owner = owner
        self.mode = mode  # "" when off


class Monitor(Alias):
    """One process watching another: the ref that `monitor` gives, known to both ends."""

    __slots__ = ("tag", "target", "watched")

    def __init__(self, owner: Pid, watched: Pid | None, target: object) -> None:
        self.number = REFS.last = REFS.last + 1
        self.owner = owner
        self.mode = ""
        self.watched = watched  # None once it has fired or was taken back
        self.target = target  # what the watcher wrote: a pid or a name
        self.tag: object = None


for ordered in (Pid, Ref, Alias, Monitor):
    type.__setattr__(ordered, "__hash__", object.__hash__)  # mypyc gives a class with `__lt__` none


class Process:
    """All that the kernel keeps of one process. What most processes never need waits in `rare`.

    `links`, `watchers` and `monitors` are None, then the one pid or ref, then a dict: a dict of one would cost every
    server 184 bytes.
    """

    __slots__ = (
        "alive",
        "application",
        "as_task",
        "body",
        "context",
        "deadline",
        "initial_call",
        "inner",
        "lineage",
        "links",
        "mailbox",
        "monitors",
        "name",
        "node",
        "parent",
        "pid",
        "rare",
        "reason",
        "status",
        "task",
        "trap_exit",
        "value",
        "waiting",
        "watchers",
    )

    def __init__(self, node: Node, pid: Pid, context: Context) -> None:
        self.node = node
        self.pid = pid
        self.context = context
        self.body: Generator[Any, Any, Any] | None = None
        self.status: int = NEW
        self.alive = True
        self.trap_exit = False
        self.as_task = False  # a coroutine of the user's is being driven
        self.inner: Any = None  # what lies between it and a compiled loop that waits for it: see `driving.py`
        self.reason: object = None  # why it ended
        self.value: object = None  # what the next step is sent
        self.waiting: Any = None  # a Receive, a Request or a future
        self.deadline: Deadline | None = None  # of a receive
        self.mailbox: deque[Any] | None = None
        self.links: object = None
        self.watchers: object = None
        self.monitors: object = None
        self.name: object = None
        self.parent: Pid | None = None
        self.lineage: Lineage | None = None
        self.initial_call: object = None
        self.application: object = None
        self.task: ProcessTask | None = None
        self.rare: Rare | None = None

    def __repr__(self) -> str:
        return f"Process({self.pid!r}, {STATUS_WORDS[self.status]})"


class Rare:
    """What few processes have."""

    __slots__ = (
        "adopted",
        "aliases",
        "cancels",
        "dictionary",
        "global_names",
        "label",
        "parent",
        "quiet",
        "tables",
        "timers",
        "unlinking",
    )

    def __init__(self) -> None:
        self.dictionary: dict[object, object] = {}
        self.aliases: dict[Alias, None] = {}
        self.timers: set[Timer] = set()
        self.global_names: dict[object, None] = {}
        self.tables: dict[Any, None] = {}  # those that have entries of this process: see names.Held
        self.unlinking: dict[Pid, Ref] | None = None  # from processes of other nodes, until they have acknowledged it
        self.label: object = None
        self.cancels = 0  # how often a remnant was cancelled
        self.quiet = False  # no crash report
        self.adopted: Any = None  # the asyncio task that is this process


def rare(process: Process) -> Rare:
    """The rarely used part of a process, made when it is first asked for."""
    found = process.rare
    if found is None:
        found = process.rare = Rare()
    return found
