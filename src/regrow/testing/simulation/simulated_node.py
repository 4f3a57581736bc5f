"""One simulated run: a node whose order is decided by `Choices`, on a loop without I/O.

`Choices` decides the following, which may therefore differ from run to run:

    next process        any process that can run
    after a start       a server that has a `Continue` to handle runs first, or its starter does
    next message        any sender's first message in a mailbox; a message of a timer may be late
    next timer          any timer of those that fall due together; a process that can run may go before it
    lateness            timers fire while processes can run, or a reply comes too late: see `lateness.py`
    asyncio             its callbacks run before the next process, or after it

Messages between two processes keep their order. A message that a process sends to itself arrives at once: no later
message overtakes it. A `Down` or an `Exited` overtakes no message and is not overtaken.
"""

from __future__ import annotations

import asyncio
import gc
import inspect
import random
import re
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Final

from regrow.kernel import names
from regrow.kernel.alarms import Timer
from regrow.kernel.bounded_repr import safe_repr
from regrow.kernel.deadlines import Deadline
from regrow.kernel.mailbox import on_its_way
from regrow.kernel.node import Node
from regrow.kernel.process_record import READY, RECEIVING, Pid, Process
from regrow.kernel.refs import REFS
from regrow.kernel.requests import CallRequest
from regrow.kernel.signals import Down, Exited
from regrow.kernel.trace import Trace
from regrow.kernel.virtual_clock import VirtualClock
from regrow.kernel.yields import RESCAN, TIMEOUT, Launch, Receive, Throw
from regrow.ops import tracing
from regrow.testing.describe import brief, described
from regrow.testing.failures import Failure
from regrow.testing.faults import Fault
from regrow.testing.simulation.choices import Choices
from regrow.testing.simulation.lateness import ROUNDING, Lateness, together
from regrow.testing.simulation.loop import SimulatedLoop, Stuck, no_outside_io

MOST_STEPS: Final = 200_000
RECORDED: Final = 500  # events of a run that its trace keeps


class RunOutcome:
    """The outcome of one run.

    Attributes:
        error: the exception of the test; None if it passed.
        choices: the decisions of the run.
        steps: the number of steps of all processes.
        lines: the trace, if one was asked for.
        recording: the value of the fixture `trace`, if the test uses it.
        chance: whether the test has used the module `random`.
    """

    def __init__(
        self,
        error: BaseException | None,
        choices: Choices,
        steps: int,
        lines: list[str],
        recording: object,
        chance: bool,
    ) -> None:
        self.error = error
        self.choices = choices
        self.steps = steps
        self.lines = lines
        self.recording = recording
        self.chance = chance


class SimulatedNode:
    """A node, its schedule, and the listener that records what happens on it."""

    def __init__(
        self, choices: Choices, faults: Sequence[Fault], slack: float | None, busy: bool, record: bool
    ) -> None:
        self.choices = choices
        self.faults = faults
        self.clock: VirtualClock = VirtualClock()
        self.loop: SimulatedLoop = SimulatedLoop(self.clock)
        self.node: Node = Node(clock=self.clock, hand_over=False)
        self.node.schedule = self
        self.node.trace = Trace()
        self.node.trace.listeners[self.listen] = None
        self.senders: dict[
            Pid, list[tuple[object, object]]
        ] = {}  # for each process: its messages with their senders, oldest first
        self.lines: list[str] | None = [] if record else None
        self.shown_choices: int = 0  # decisions that the lines show
        self.repeated: int = 1  # the number of times that the last line was added
        self.favoured: list[Process] = []  # processes to step next in the ordinary order, last one first: see `sent`
        self.steps: int = 0
        self.idle_at: float = self.clock.now()
        self.one_by_one: bool = False
        self.late: Lateness = Lateness(self, slack, busy)
        self.giving_way: set[Process] = set()  # servers that let others run before they handle a `Continue`
        self.over: bool = False
        self.test: Process | None = None
        self.gone: asyncio.Future[object] | None = None

    # The schedule's methods, which the kernel calls

    def next(self, queue: deque[Process]) -> Process | None:
        """Choose the process to step now; None if a timer fires first."""
        if self.giving_way:
            self.queue_again(queue)
        if self.over or type(queue[0].value) is Throw or queue[0] is self.node.init:
            return queue.popleft()
        self.steps += 1
        if self.steps == MOST_STEPS:
            self.fail(AssertionError(f"the test has not ended after {MOST_STEPS} steps of its processes"))
        if any(process.status != READY for process in queue):
            ready = [process for process in queue if process.status == READY]
            queue.clear()
            queue.extend(ready)
            if not ready:
                return None
        self.favour(queue)
        due = self.node.scheduler.timers.next_due()
        may_fire = self.late.may_fire(queue, due)
        chosen = self.choices.choose_process([process.pid.number for process in queue], 1 if may_fire else 0)
        if chosen == len(queue):
            self.fire_one(due)
            return None
        process = queue[chosen]
        del queue[chosen]
        self.late.runs(process)
        if self.favoured and self.favoured[-1] is process:
            self.favoured.pop()
        if self.loop.has_work() and self.choices.choose(2):
            self.node.scheduler.steps = 1  # this is the last step of the turn
        self.delay(process)
        for fault in self.faults:
            if process is not self.test and fault.applies(process):
                self.line(f"{described(process)} {fault.what}")
                return None
        self.line(f"{described(process)} {words(process)}")
        if self.late.loses_reply(process):
            self.line("  its reply comes too late")
        return process

    def goes_on(self, process: Process) -> bool:
        """Whether a server handles its `Continue` at once; others may run first, as OTP promises no order there."""
        if self.over or not self.choices.choose(2):
            return True
        self.giving_way.add(process)
        return False

    def queue_again(self, queue: deque[Process]) -> None:
        """Queue the servers that have given way with all other processes."""
        yielded = self.node.scheduler.yielded
        queue.extend(process for process in yielded if process in self.giving_way)
        yielded[:] = [process for process in yielded if process not in self.giving_way]
        self.giving_way.clear()

    def favour(self, queue: deque[Process]) -> None:
        """Move a favoured process to the front: in the ordinary order an idle server answers its caller at once."""
        while self.favoured:
            process = self.favoured[-1]
            if process.status == READY and process in queue:
                queue.remove(process)
                queue.appendleft(process)
                return
            self.favoured.pop()

    def hand_over(self) -> bool:
        """Return False: stepping the server and then its caller is one schedule; `favour` makes it the ordinary one."""
        return False

    def fire(self, due: list[tuple[float, Deadline]]) -> list[tuple[float, Deadline]]:
        """Choose one of the deadlines that are due together; all, in some order, if the test has moved the clock."""
        if self.over:
            return due
        waiting = list(due)
        found: list[tuple[float, Deadline]] = []
        while waiting and not (self.one_by_one and found):
            count = sum(1 for when, _ in waiting if when - waiting[0][0] <= ROUNDING)
            found.append(waiting.pop(self.choices.choose(count)))
            self.line(fired_words(found[-1][1]))
        return found

    def jump(self, clock: VirtualClock, due: float) -> None:
        """Let time pass up to the next timer: all processes wait."""
        self.idle_at = max(due, clock.now())
        self.fire_one(due)

    def fire_one(self, due: float) -> None:
        """Move the clock to a timer, and let only one timer fire."""
        self.one_by_one = True
        try:
            self.late.moves(due)
            self.clock.move_to(together(self.node.scheduler.timers, due))
        finally:
            self.one_by_one = False

    # Order of messages

    def delay(self, process: Process) -> None:
        """Maybe let a process take a message before the oldest one: the first of another sender."""
        mailbox = process.mailbox
        if mailbox is None:
            return
        waiting: Any = process.waiting
        if process.value is RESCAN:
            seen = waiting.seen if type(waiting) is Receive else 0
            messages = list(mailbox)[seen:]
        elif on_its_way(process) and not selective(waiting):
            seen = -1
            messages = [process.value, *mailbox]
        else:
            return
        movable = self.movable(process.pid, messages)
        chosen = self.choices.choose(len(movable))
        if chosen == 0:
            return
        place = movable[chosen]
        message = messages[place]
        del mailbox[place + seen]
        if seen < 0:
            mailbox.appendleft(process.value)
            process.value = message
        else:
            mailbox.insert(seen, message)
        self.moved(process.pid, message, messages[0])

    def movable(self, pid: Pid, messages: list[Any]) -> list[int]:
        """Return the places of the messages that may come first."""
        log = self.senders.get(pid, [])
        senders: list[object] = [None] * len(messages)  # None: not known, so the message keeps its place
        position = len(log)
        for place in range(len(messages) - 1, -1, -1):
            back = position - 1
            while back >= 0 and log[back][0] is not messages[place]:
                back -= 1
            if back >= 0:
                senders[place] = log[back][1]
                position = back
        found = [0]
        before: list[object] = [senders[0]]
        for place in range(1, len(messages)):
            if senders[place] is None or None in before:
                break
            if pid in before and senders[place] is not pid:
                break  # a message to itself arrives when it is sent, so no later one overtakes it
            if senders[place] is not TIMERS and all(
                senders[place] is not one for one in before
            ):  # a timer's message may be late, never early
                found.append(place)
            before.append(senders[place])
        return found

    def moved(self, pid: Pid, message: object, first: object) -> None:
        """Move a message in the log of senders, as in the mailbox."""
        log = self.senders[pid]
        place = max(index for index, (one, _) in enumerate(log) if one is message)
        entry = log.pop(place)
        log.insert(min(index for index, (one, _) in enumerate(log) if one is first), entry)

    # The listener to the kernel's trace

    def listen(self, point: str, who: object, whom: object, what: object) -> None:
        """Record an event of the node."""
        if point == "send":
            self.sent(who, whom, what)
        elif self.lines is not None and point in EVENT_WORDS:
            by = "" if whom is None else f"{EVENT_WORDS[point]} {self.shown(whom)}"
            self.line(f"  {self.shown(who)} {by or 'is spawned'}")
        if point == "exit" and self.test is not None and who is self.test.pid:
            self.over = True  # later events do not belong to the test
        elif point == "exit":
            self.late.ended(who, whom)

    def sent(self, sender: object, address: object, message: object) -> None:
        """Note the sender of a message, since the order between two processes must hold."""
        try:
            pid = names.find(self.node, address)
        except (TypeError, ValueError):  # `send` raises this error itself
            return
        if pid is None or pid.process is None or pid.node is not self.node:
            return
        if isinstance(message, CallRequest) and pid.process.status == RECEIVING:
            caller = message.pid.process
            if caller is not None:
                self.favoured.append(caller)
            self.favoured.append(pid.process)
        log = self.senders.setdefault(pid, [])
        if pid.process.mailbox is None and pid.process.status != READY:
            log.clear()
        if sender is self.node.guest:  # a timer, or a plain task; the message of a task keeps its place
            sender = TIMERS if self.one_by_one else None
        log.append((message, sender))

    # The trace

    def line(self, text: str) -> None:
        """Add a line to the trace, with an arrow if a decision out of order led to it."""
        if self.lines is None or self.over or self.test is None or not text:
            return
        made = self.choices.made
        mark = "→" if any(made[self.shown_choices :]) else " "
        self.shown_choices = len(made)
        line = f"{mark} {self.clock.now() - 1000.0:+9.3f} s  {repeatable(text)}"
        if self.lines and self.lines[-1].partition(" (again, ")[0] == line:
            self.repeated += 1
            self.lines[-1] = f"{line} (again, {self.repeated} in all)"
        else:
            self.repeated = 1
            self.lines.append(line)

    def shown(self, value: object) -> str:
        """Return a pid with the name of its process, or the repr of another value."""
        return described(value.process) if isinstance(value, Pid) and value.process is not None else brief(value)

    # The run

    async def run(self, function: Callable[..., Awaitable[Any]], arguments: dict[str, Any]) -> None:
        """Run the test as a process of the node; raise the exception that it raises."""
        __tracebackhide__ = True
        raised: list[Failure] = []

        async def test() -> None:
            try:
                await function(**arguments)
            except BaseException as error:
                raised.append(Failure(error))
                if isinstance(error, asyncio.CancelledError):
                    raise

        async with self.node:
            self.loop.node = self.node
            self.clock.stuck = self.stuck
            self.test = self.node.launch(test, (), self.node.init)
            self.test.initial_call = function  # the trace shows the test under this function's name
            self.gone = self.node.ended(self.test)
            try:
                reason = await self.gone
            finally:
                self.over = True
        if raised and not isinstance(raised[0].error, asyncio.CancelledError):
            raised[0].throw()
        if isinstance(reason, BaseException):
            Failure(reason, raised[0].kept[0][1] if raised else None).throw()
        if reason != "normal" or raised:
            raise AssertionError(f"the test's process was ended with {safe_repr(reason)}")

    def stuck(self) -> None:
        """Fail the run: all processes wait, and no timer is set."""
        if not self.over:
            waiting = "\n  ".join(
                f"{described(process)} is {process!r}"
                for process in self.node.processes.values()
                if process.pid.number > 1
            )
            self.fail(Stuck(f"every process waits, and no timer is set:\n  {repeatable(waiting)}"))

    def fail(self, error: BaseException) -> None:
        """End the run with an error."""
        if self.gone is not None and not self.gone.done():
            self.gone.set_exception(error)


TIMERS: Final = "timers"  # stands for the sender of a timer's message
ADDRESSES: Final = re.compile(r" at 0x[0-9a-fA-F]+|(?<=\bTask)-\d+")

EVENT_WORDS: Final = {"spawn": "is spawned by", "exit": "has ended:", "register": "is now", "link": "is linked with"}


def repeatable(text: str) -> str:
    """Remove from a text the parts that differ between two equal runs: addresses, and asyncio's task numbers."""
    return ADDRESSES.sub("", text)


def selective(waiting: Any) -> bool:
    """Whether a process waits in a receive that selects messages."""
    return type(waiting) is Receive and (waiting.kind is not None or waiting.predicate is not None)


def words(process: Process) -> str:
    """Describe what a process is about to do."""
    value = process.value
    if isinstance(value, Launch):
        return "takes its first step"
    if value is TIMEOUT:
        return "has waited long enough"
    if value is RESCAN:
        return f"looks for mail among {len(process.mailbox or ())}"
    if isinstance(value, CallRequest):
        return f"takes the call {brief(value.request)} of {value.pid}"
    if isinstance(value, Down | Exited):
        return f"takes {brief(value)}"
    if value is None:
        return "goes on"
    return f"takes {brief(value)}"


def fired_words(deadline: Deadline) -> str:
    """Describe a deadline that fires; empty if the process that it wakes has a line in the trace."""
    if isinstance(deadline, CallRequest):
        return f"the time is over for the call {brief(deadline.request)} of {deadline.pid}"
    if isinstance(deadline, Timer) and deadline.address is not None:
        return f"a timer sends {brief(deadline.message)} to {brief(deadline.address)}"
    return ""


def run_once(
    function: Callable[..., Awaitable[Any]],
    arguments: dict[str, Any],
    choices: Choices,
    *,
    faults: Sequence[Fault] = (),
    slack: float | None = 0.0,
    chance: int = 0,
    record: bool = False,
) -> RunOutcome:
    """Run an async function as a process of a fresh node, once, in one schedule.

    Args:
        function: the test.
        arguments: its arguments; `node`, `virtual_clock` and `trace` are replaced by those of this run.
        choices: the schedule.
        faults: the faults to inject.
        slack: seconds by which timers may be early; None: the seed decides, and an odd one means early timers.
        chance: the seed for the module `random` and for the lateness of the machine.
        record: whether to keep the trace.
    """
    simulated = SimulatedNode(choices, faults, slack, chance % 2 == 1 and not faults, record)
    of_this_run: dict[str, Any] = {"node": simulated.node, "virtual_clock": simulated.clock}
    if "trace" in arguments:
        of_this_run["trace"] = tracing.trace(node=simulated.node, size=RECORDED)
        of_this_run["trace"].start()
    given = {name: of_this_run.get(name, value) for name, value in arguments.items()}
    for fault in faults:
        fault.begin()
    before, collecting, refs = random.getstate(), gc.isenabled(), REFS.last
    random.seed(chance)
    drawn = random.getstate()
    gc.disable()  # a finalizer would run at another moment in the next run
    REFS.last = 0
    error: BaseException | None = None
    try:
        with no_outside_io(), asyncio.Runner(loop_factory=lambda: simulated.loop) as runner:
            runner.run(simulated.run(function, given))
    except (KeyboardInterrupt, SystemExit):
        raise
    except BaseException as raised:  # also the outcomes of pytest, which are no subclasses of Exception
        error = None if simulated.late.excuses(raised) else raised
    finally:
        drew = random.getstate() != drawn
        REFS.last = max(refs, REFS.last)
        random.setstate(before)
        if collecting:
            gc.enable()
    return RunOutcome(error, choices, simulated.steps, simulated.lines or [], of_this_run.get("trace"), drew)


def is_async(function: object) -> bool:
    """Whether a function is an `async def`, which a simulation can run."""
    return inspect.iscoroutinefunction(function)
