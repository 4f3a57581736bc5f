"""A process as the kernel keeps it, and the states it goes through."""

from __future__ import annotations

from collections import deque
from collections.abc import Generator
from contextvars import Context
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from regrow.kernel.ancestors import Lineage
    from regrow.kernel.asyncio_task import ProcessTask
    from regrow.kernel.deadlines import Deadline, Timer
    from regrow.kernel.node import Node
    from regrow.kernel.pid import Alias, Pid, Ref


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
        self.node: Node = node
        self.pid: Pid = pid
        self.context: Context = context
        self.body: Generator[Any, Any, Any] | None = None
        self.status: int = NEW
        self.alive: bool = True
        self.trap_exit: bool = False
        self.as_task: bool = False  # a coroutine of the user's is being driven
        self.inner: Any = None  # what lies between it and a compiled loop that waits for it: see `coroutine_driver.py`
        self.reason: object = None  # why it ended
        self.value: object = None  # what the next step is sent
        self.waiting: Any = None  # a Receive, a Request or a future
        self.deadline: Deadline | None = None  # of a receive
        self.mailbox: deque[Any] | None = None  # `mailbox.py` alone writes to it
        self.links: object = None
        self.watchers: object = None
        self.monitors: object = None
        self.name: object = None
        self.parent: Pid | None = None
        self.lineage: Lineage | None = None
        self.initial_call: object = None
        self.application: object = None
        self.task: ProcessTask | None = None
        self.rare: ProcessExtras | None = None

    def __repr__(self) -> str:
        return f"Process({self.pid!r}, {STATUS_WORDS[self.status]})"


class ProcessExtras:
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
        self.tables: dict[Any, None] = {}  # those that have entries of this process: see names.HeldByProcess
        self.unlinking: dict[Pid, Ref] | None = None  # from processes of other nodes, until they have acknowledged it
        self.label: object = None
        self.cancels: int = 0  # how often a remnant was cancelled
        self.quiet: bool = False  # no crash report
        self.adopted: Any = None  # the asyncio task that is this process


def extras(process: Process) -> ProcessExtras:
    """The rarely used part of a process, made when it is first asked for."""
    found = process.rare
    if found is None:
        found = process.rare = ProcessExtras()
    return found


def add_alias(process: Process, alias: Alias) -> None:
    """Let messages to an alias reach the process."""
    extras(process).aliases[alias] = None


def drop_alias(process: Process, alias: Alias) -> bool:
    """Switch an alias of the process off; return whether it was on and its own."""
    if process.rare is None or alias not in process.rare.aliases:
        return False
    alias.mode = ""
    del process.rare.aliases[alias]
    return True
