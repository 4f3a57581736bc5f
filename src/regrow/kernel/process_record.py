"""The parts of a process: its pid, its record, and the interfaces of the node and the scheduler that run it.

`Pid`, `Process`, `Host` and `Runner` name each other, so they are in one module, below all that uses them. `Node` is the
one `Host` and `Scheduler` the one `Runner`: as base classes they give the lower modules their types, so that no module
imports one above it. (As protocols, they would cost compiled code a look-up for each attribute.)

The states of a process, and the functions that make each step (tests/kernel/test_states.py compares):

    NEW --> READY --> RUNNING --> RECEIVING, SELECTING, AWAITING or CALLING --> READY ...
                         |                              |
                         '----------> ENDED <-----------'

    to         from                   made by
    NEW        -                      Process.__init__
    READY      every other but ENDED  Scheduler.ready, Scheduler.ready_first, Scheduler.yield_turn, put
    RUNNING    READY                  Scheduler.step
    RUNNING    RECEIVING              Scheduler.hand_over: the mailbox is empty, so no message is overtaken
    RUNNING    NEW, SELECTING         Adoption.__aenter__, Node.wake_adopted, receive_adopted: asyncio steps these
    RECEIVING  RUNNING                Scheduler.hand_over, Scheduler.step, Scheduler._await_message, Scheduler.select
    SELECTING  RUNNING                Scheduler.select, receive_adopted: messages that do not fit stay in the mailbox
    AWAITING   RUNNING                await_future: a future of asyncio
    CALLING    RUNNING                Scheduler._await_answer
    ENDED      RUNNING                Node.returned, Node.crashed
    ENDED      every other            close_body, lost: its body is dropped where it is
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Coroutine, Generator
from contextvars import Context
from typing import TYPE_CHECKING, Any, Final, Protocol

from regrow.kernel.current_task import CurrentTask
from regrow.kernel.gate import Gate
from regrow.kernel.peer import Peer
from regrow.kernel.refs import REFS, Ref

if TYPE_CHECKING:
    import asyncio

    from regrow.kernel.clock import Clock
    from regrow.kernel.deadlines import Deadline, Timers
    from regrow.kernel.lineage import Lineage

# What a process is doing.
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

    A pid outlives its process and never keeps it alive: `process` is set to None when the process dies.
    """

    __slots__ = ("node", "number", "process")

    def __init__(self, node: Peer, number: int) -> None:
        self.node: Peer = node
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


def is_guest(pid: Pid) -> bool:
    """Return whether a pid stands for the plain asyncio tasks of its node, which have no pid each."""
    return pid.number == 0


class Alias(Ref):
    """A second address of a process that can be switched off; it then drops every message (`erlang:alias/1`)."""

    __slots__ = ("mode", "owner")

    def __init__(self, owner: Pid, mode: str) -> None:
        self.number = REFS.last = REFS.last + 1
        self.owner: Pid = owner
        self.mode: str = mode  # "" when off


class Monitor(Alias):
    """A reference that `monitor` returns: it is kept by the watcher and by the watched process."""

    __slots__ = ("tag", "target", "watched")

    def __init__(self, owner: Pid, watched: Pid | None, target: object) -> None:
        self.number = REFS.last = REFS.last + 1
        self.owner = owner
        self.mode = ""
        self.watched: Pid | None = watched  # None once it has fired or was taken back
        self.target: object = target  # what the watcher wrote: a pid or a name
        self.tag: object = None


for _ordered in (Pid, Alias, Monitor):
    type.__setattr__(_ordered, "__hash__", object.__hash__)  # mypyc gives a class with `__lt__` none


class Process:
    """The kernel's record of one process. Fields that most processes never need are in `rare`.

    `links`, `watchers` and `monitors` are each a `small_set`: None, one pid or ref, or a dict. A dict with one member
    would cost every server 184 bytes.
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

    def __init__(self, node: Host, pid: Pid, context: Context) -> None:
        self.node: Host = node
        self.pid: Pid = pid
        self.context: Context = context
        self.body: Generator[Any, Any, Any] | None = None
        self.status: int = NEW
        self.alive: bool = True
        self.trap_exit: bool = False
        self.as_task: bool = False  # whether the process is running a user's coroutine now
        self.inner: Any = None  # the driver between that coroutine and a compiled loop: see `coroutine_driver.py`
        self.reason: object = None  # the reason of its end
        self.value: object = None  # the value that the next step sends to the body
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
        self.task: TaskOfProcess | None = None
        self.rare: ProcessExtras | None = None

    def __repr__(self) -> str:
        return f"Process({self.pid!r}, {STATUS_WORDS[self.status]})"


class ProcessExtras:
    """The fields of a process's record that few processes need."""

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
        self.timers: set[Deadline] = set()
        self.global_names: dict[object, None] = {}
        self.tables: dict[Any, None] = {}  # tables that have entries of this process: see `names.HeldByProcess`
        self.unlinking: dict[Pid, Ref] | None = None  # links to other nodes' processes that wait for an acknowledgement
        self.label: object = None
        self.cancels: int = 0  # how often a remnant was cancelled
        self.quiet: bool = False  # no crash report
        self.adopted: Any = None  # the asyncio task that is this process


def extras(process: Process) -> ProcessExtras:
    """Return the rarely used part of a process's record; it is made when it is first needed."""
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


# What a process may ask


class TaskOfProcess(Protocol):
    """The task that a process is to asyncio: `asyncio_task.ProcessTask`."""

    must_cancel: bool
    cancel_message: Any

    def cancel(self, msg: Any = None) -> bool:
        """Cancel what the process waits for."""
        ...

    def uncancel(self) -> int:
        """Take back one cancellation."""
        ...

    def take_cancel(self) -> asyncio.CancelledError | None:
        """Return the cancellation that the next step must begin with, if there is one."""
        ...

    def end(self, reason: object) -> None:
        """Note that the process has ended."""
        ...

    def get_stack(self, *, limit: int | None = None) -> list[Any]:
        """Return the frames at which the process waits, outermost first."""
        ...


class Runner:
    """A node's scheduler, as processes see it; `scheduler.Scheduler` documents each part."""

    timers: Timers
    jumps: Any  # a `virtual_time.ClockMover`
    stack: Any

    def __init__(self, loop: asyncio.AbstractEventLoop, clock: Clock, schedule: Any) -> None:
        # Here and not in `Scheduler`: mypyc reads without a check what the declaring class itself always sets.
        self.loop: asyncio.AbstractEventLoop = loop
        self.clock: Clock = clock
        self.schedule: Any = schedule  # a `schedule.Schedule`, or None in production
        self.shown: CurrentTask = CurrentTask(loop)
        self.queue: deque[Process] = deque()
        self.yielded: list[Process] = []  # processes that run in the next turn
        self.current: Process | None = None
        self.scheduled: bool = False  # whether a turn is
        self.turning: bool = False
        self.depth: int = 0  # hand-overs on the stack
        self.steps: int = 0  # steps left until the clock is read again
        self.turn_ends: float = 0.0
        self.awaiting: int = 0  # processes that wait for a future
        self.dying: deque[Process] = deque()  # processes whose end is not fully reported yet
        self.broken_off: list[tuple[Process, object, bool]] = []  # interrupted ends of steps: see `unfinished.py`
        self.closed: bool = False

    def ready(self, process: Process, value: object) -> None:
        """Let a process be stepped with `value` when its turn comes."""
        raise NotImplementedError

    def ready_first(self, process: Process, value: object) -> None:
        """Let a process be stepped before all others."""
        raise NotImplementedError

    def yield_turn(self, process: Process) -> None:
        """Let a process be stepped after the event loop's next round."""
        raise NotImplementedError

    def want_turn(self) -> None:
        """Schedule a turn, if none is scheduled."""
        raise NotImplementedError

    def wake(self, process: Process, value: object) -> None:
        """Give a waiting process what it waited for."""
        raise NotImplementedError

    def turn(self) -> None:
        """Step processes until the queue is empty or the turn is over."""
        raise NotImplementedError

    def hand_over(self, process: Process, message: object) -> bool:
        """Step an idle process on the caller's stack; false if it has to wait for its turn."""
        raise NotImplementedError

    def has_time(self) -> bool:
        """Return whether the running code may continue without waiting."""
        raise NotImplementedError

    def server_keeps_turn(self, process: Process) -> bool:
        """Return whether a server may take its next message without yielding."""
        raise NotImplementedError

    def process_keeps_turn(self, process: Process) -> bool:
        """Return whether a process may take its next message without yielding."""
        raise NotImplementedError

    def limit(self, process: Process, timeout: float) -> None:
        """Let a receive end after `timeout` seconds."""
        raise NotImplementedError

    def ended(self, process: Process, error: Any) -> None:
        """End a process whose body has returned or raised `error`."""
        raise NotImplementedError

    def handle_yield(self, process: Process, wish: Any) -> None:
        """Arrange for what a body has yielded."""
        raise NotImplementedError


class Tracer:
    """The listeners of a node; see `trace.Trace`."""

    listeners: dict[Callable[[str, object, object, object], None], None]
    dead: dict[Process, None]

    def emit(self, point: str, who: object, whom: object = None, what: object = None) -> None:
        """Report an event to every listener."""
        raise NotImplementedError


class RemnantTable:
    """The killed coroutines of a node that still release what they hold; see `remnants.Remnants`."""

    kept: dict[Process, Any]

    def cancelled(self) -> asyncio.CancelledError:
        """Return a new cancellation for a remnant."""
        raise NotImplementedError

    def begin(self, process: Process) -> None:
        """Give a dead process's coroutine its time."""
        raise NotImplementedError

    def keep(self, process: Process, wish: Any) -> None:
        """Let a dead process wait for asyncio, and refuse it everything else."""
        raise NotImplementedError

    def overdue(self, process: Process) -> None:
        """Cancel a remnant whose time is over once more, or close it."""
        raise NotImplementedError

    def done(self, process: Process) -> None:
        """Forget a remnant that has ended."""
        raise NotImplementedError

    def all_done(self) -> Coroutine[Any, Any, None]:
        """Wait for all remnants."""
        raise NotImplementedError


class Host(Peer):
    """A node of this program, as processes see it; `node.Node` documents each part."""

    # Most nodes never set these. Python reads attributes more slowly from an object with more than thirty of them.
    controller: Any = None  # of the applications, once one has been started
    failure: BaseException | None = None
    cancelled: bool = False  # whether `fail` has cancelled the block
    leaving: bool = False  # whether the block is being left: a failure then does not cancel it
    end_task: asyncio.Task[None] | None = None

    loop: asyncio.AbstractEventLoop
    scheduler: Runner
    remnants: RemnantTable
    init: Process
    guest: Pid
    thread: int

    def __init__(self, name: str, clock: Clock) -> None:
        # Here and not in `Node`, for the reason that `Runner` has.
        self.name = name
        self.number = 0
        self.clock: Clock = clock
        self.processes: dict[Pid, Process] = {}
        self.names: dict[object, Process] = {}
        self.registries: dict[object, Any] = {}
        self.applications: dict[object, Any] = {}
        self.block: asyncio.Task[Any] | None = None
        self.told: dict[Process, None] = {}  # those that trap exits, and have an exit signal of their parent's
        self.attempts: dict[Process, Any] = {}  # those that call the start function of a child or an application
        self.adopted: dict[Any, Process] = {}
        self.burying: bool = False  # those that have died are being buried, one by one
        self.gate: Gate = Gate()
        self.trace: Tracer | None = None
        self.running: bool = False
        self.last_lineage: Lineage | None = None  # of the last one that was spawned: its brothers share it

    def caller(self) -> Process | None:
        """Return the process that runs now; None in a plain asyncio task."""
        raise NotImplementedError

    def launch(self, function: Callable[..., Any], args: tuple[Any, ...], parent: Process | None) -> Process:
        """Make a process that runs a user's function."""
        raise NotImplementedError

    def new_process(self, context: Context, initial_call: object = None) -> Process:
        """Make a process that does nothing yet."""
        raise NotImplementedError

    def remove(self, process: Process) -> None:
        """Take a process that has ended out of the tables."""
        raise NotImplementedError

    def returned(self, process: Process) -> None:
        """End a process whose body has returned."""
        raise NotImplementedError

    def crashed(self, process: Process, error: BaseException) -> None:
        """End a process whose body has raised."""
        raise NotImplementedError

    def interrupted(self, error: BaseException) -> None:
        """End the program, if `error` is a KeyboardInterrupt or SystemExit."""
        raise NotImplementedError

    def told_by_parent(self, process: Process) -> None:
        """Note that a process that traps exits has an exit signal from its parent."""
        raise NotImplementedError

    def report_remnant(self, process: Process) -> None:
        """Log that a killed process has not ended."""
        raise NotImplementedError

    def wake_adopted(self, process: Process, value: object) -> None:
        """Wake an asyncio task that is a process."""
        raise NotImplementedError

    def end_adopted(self, process: Process) -> None:
        """Cancel an asyncio task that is a process which has ended."""
        raise NotImplementedError

    def post(self, function: Callable[..., Any], *args: Any) -> bool:
        """Run a function on this node's loop, from any thread; false if the node is down."""
        raise NotImplementedError

    def find_node(self, name: object) -> Host | None:
        """Return the node of this program with this name."""
        raise NotImplementedError

    def ended(self, process: Process, timeout: float | None = None) -> asyncio.Future[object]:
        """Return a future of the reason of a process's end."""
        raise NotImplementedError

    def end(self, pid: Pid, reason: object) -> Coroutine[Any, Any, None]:
        """End a process that is linked to the first one, and wait until it has ended."""
        raise NotImplementedError

    def begin_end(self, reason: object) -> None:
        """Let a task end this node."""
        raise NotImplementedError

    def fail(self, error: BaseException) -> None:
        """Cancel the node's block, and raise `error` from it."""
        raise NotImplementedError

    def give_back_loop(self) -> None:
        """Give the event loop its own time back."""
        raise NotImplementedError

    def close(self) -> None:
        """Release the loop and the thread."""
        raise NotImplementedError
