"""One simulated run: a node whose order is decided by `Choices`, on a loop that nothing outside can reach.

What is decided, and may therefore differ from run to run:

    whose turn it is             among all processes that can run
    who goes on first            a server that has started and has a `Continue` to handle, or its starter
    which message comes first    among those of different senders, in one mailbox; what a timer sends may be late
    which timer fires first      among those that fall due together, and whether a process that can run goes before it
    how late the machine is      whether timers fire while processes can run, and a reply comes too late: `lateness.py`
    asyncio's turn               whether its callbacks run before the next process

The order between two processes holds. What a process sends to itself is there at once: nothing that is sent later
overtakes it. What an end tells (`Down`, `Exited`) overtakes nothing and is not overtaken.
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
from regrow.kernel.bounded_repr import safe_repr
from regrow.kernel.clock import VirtualClock
from regrow.kernel.deadlines import Deadline, Timer
from regrow.kernel.mailbox import on_its_way
from regrow.kernel.node import Node
from regrow.kernel.pid import REFS, Pid
from regrow.kernel.process_record import READY, RECEIVING, Process
from regrow.kernel.requests import CallRequest
from regrow.kernel.signals import Down, Exited
from regrow.kernel.trace import Trace
from regrow.kernel.yields import RESCAN, TIMEOUT, Launch, Receive, Throw
from regrow.ops import tracing
from regrow.testing.describe import brief, described
from regrow.testing.failures import Failure
from regrow.testing.faults import Fault
from regrow.testing.simulation.choices import Choices
from regrow.testing.simulation.lateness import ROUNDING, Lateness, together
from regrow.testing.simulation.loop import SimulatedLoop, Stuck, no_outside_io

MOST_STEPS: Final = 200_000
RECORDED: Final = 500  # events of a run


class Outcome:
    """What has become of one run.

    Attributes:
        error: what the test raised; None if it passed.
        choices: the decisions.
        steps: of its processes.
        lines: the trace, where one was asked for.
        recording: what the test got as its argument `trace`.
        chance: whether the test has asked the module `random`.
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
    """The schedule of one node, and whoever listens to it."""

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
        self.node.trace.listeners[self.heard] = None
        self.senders: dict[Pid, list[tuple[object, object]]] = {}  # of the messages that came, oldest first
        self.lines: list[str] | None = [] if record else None
        self.told: int = 0  # decisions that the lines show
        self.repeated: int = 1  # so often the last line
        self.favoured: list[Process] = []  # who goes on in the ordinary order, the last first: see `sent`
        self.steps: int = 0
        self.idle_at: float = self.clock.now()
        self.one_by_one: bool = False
        self.late: Lateness = Lateness(self, slack, busy)
        self.giving_way: set[Process] = set()  # who lets others go first, though it has a `Continue` to handle
        self.over: bool = False
        self.test: Process | None = None
        self.gone: asyncio.Future[object] | None = None

    # What the kernel asks

    def next(self, queue: deque[Process]) -> Process | None:
        """Whoever is to run now; or a timer fires first."""
        if self.giving_way:
            self.queue_again(queue)
        if self.over or type(queue[0].value) is Throw or queue[0] is self.node.init:
            return queue.popleft()
        self.steps += 1
        if self.steps == MOST_STEPS:
            self.fail(AssertionError(f"the test has not ended after {MOST_STEPS} steps of its processes"))
        if any(process.status != READY for process in queue):
            living = [process for process in queue if process.status == READY]
            queue.clear()
            queue.extend(living)
            if not living:
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
            if process is not self.test and fault.meets(process):
                self.line(f"{described(process)} {fault.what}")
                return None
        self.line(f"{described(process)} {words(process)}")
        if self.late.loses_reply(process):
            self.line("  its reply comes too late")
        return process

    def goes_on(self, process: Process) -> bool:
        """Whether a server handles its `Continue` at once; others may run before, as OTP promises no order there."""
        if self.over or not self.choices.choose(2):
            return True
        self.giving_way.add(process)
        return False

    def queue_again(self, queue: deque[Process]) -> None:
        """Put those who have given way to where all others are."""
        yielded = self.node.scheduler.yielded
        queue.extend(process for process in yielded if process in self.giving_way)
        yielded[:] = [process for process in yielded if process not in self.giving_way]
        self.giving_way.clear()

    def favour(self, queue: deque[Process]) -> None:
        """In the ordinary order a server that was idle answers its caller at once: bring whose turn that makes it forward."""
        while self.favoured:
            process = self.favoured[-1]
            if process.status == READY and process in queue:
                queue.remove(process)
                queue.appendleft(process)
                return
            self.favoured.pop()

    def hand_over(self) -> bool:
        """Never: to step the server, and then the caller, is a schedule like others; `favour` makes it the ordinary one."""
        return False

    def fire(self, due: list[tuple[float, Deadline]]) -> list[tuple[float, Deadline]]:
        """One of those that fall due together; or, if the test has moved the clock, all of them, in some order."""
        if self.over:
            return due
        waiting = list(due)
        found: list[tuple[float, Deadline]] = []
        while waiting and not (self.one_by_one and found):
            together = sum(1 for when, _ in waiting if when - waiting[0][0] <= ROUNDING)
            found.append(waiting.pop(self.choices.choose(together)))
            self.line(fired_words(found[-1][1]))
        return found

    def jump(self, clock: VirtualClock, due: float) -> None:
        """All wait: time passes."""
        self.idle_at = max(due, clock.now())
        self.fire_one(due)

    def fire_one(self, due: float) -> None:
        """Move the clock to a timer, and let that one fire alone."""
        self.one_by_one = True
        try:
            self.late.moves(due)
            self.clock.move_to(together(self.node.scheduler.timers, due))
        finally:
            self.one_by_one = False

    # Messages on their way

    def delay(self, process: Process) -> None:
        """Let another message than the oldest come first: one whose sender has sent none of those before it."""
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
        """The places of the messages that may come first."""
        log = self.senders.get(pid, [])
        senders: list[object] = [None] * len(messages)  # None: not known, and so it keeps its place
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
                break  # what a process has sent to itself was there when it was sent
            if senders[place] is not TIMERS and all(senders[place] is not one for one in before):  # late, never early
                found.append(place)
            before.append(senders[place])
        return found

    def moved(self, pid: Pid, message: object, first: object) -> None:
        """Keep the order of the log as that of the mailbox."""
        log = self.senders[pid]
        place = max(index for index, (one, _) in enumerate(log) if one is message)
        entry = log.pop(place)
        log.insert(min(index for index, (one, _) in enumerate(log) if one is first), entry)

    # What the kernel tells

    def heard(self, point: str, who: object, whom: object, what: object) -> None:
        """Something has happened in the node."""
        if point == "send":
            self.sent(who, whom, what)
        elif self.lines is not None and point in TOLD:
            by = "" if whom is None else f"{TOLD[point]} {self.shown(whom)}"
            self.line(f"  {self.shown(who)} {by or 'is spawned'}")
        if point == "exit" and self.test is not None and who is self.test.pid:
            self.over = True  # what others still do is not the test's
        elif point == "exit":
            self.late.ended(who, whom)

    def sent(self, sender: object, address: object, message: object) -> None:
        """Note who has sent a message: the order between two processes holds."""
        try:
            pid = names.find(self.node, address)
        except (TypeError, ValueError):  # it will be told so by `send`
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
        if sender is self.node.guest:  # a timer, or a plain task, whose message keeps its place
            sender = TIMERS if self.one_by_one else None
        log.append((message, sender))

    # The trace

    def line(self, text: str) -> None:
        """Add a line to the trace, marked where a decision out of order led to it."""
        if self.lines is None or self.over or self.test is None or not text:
            return
        made = self.choices.made
        mark = "→" if any(made[self.told :]) else " "
        self.told = len(made)
        line = f"{mark} {self.clock.now() - 1000.0:+9.3f} s  {repeatable(text)}"
        if self.lines and self.lines[-1].partition(" (again, ")[0] == line:
            self.repeated += 1
            self.lines[-1] = f"{line} (again, {self.repeated} in all)"
        else:
            self.repeated = 1
            self.lines.append(line)

    def shown(self, value: object) -> str:
        """A pid with its name; anything else as it prints."""
        return described(value.process) if isinstance(value, Pid) and value.process is not None else brief(value)

    # The run

    async def run(self, function: Callable[..., Awaitable[Any]], arguments: dict[str, Any]) -> None:
        """Run the test as a process of the node, and raise what it raises."""
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
            self.test.initial_call = function  # by whose name it is shown
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
        """All wait, and there is no timer."""
        if not self.over:
            waiting = "\n  ".join(
                f"{described(process)} is {process!r}"
                for process in self.node.processes.values()
                if process.pid.number > 1
            )
            self.fail(Stuck(f"everyone waits, and no timer is set:\n  {repeatable(waiting)}"))

    def fail(self, error: BaseException) -> None:
        """End the run."""
        if self.gone is not None and not self.gone.done():
            self.gone.set_exception(error)


TIMERS: Final = "timers"  # the sender of what they send
ADDRESSES: Final = re.compile(r" at 0x[0-9a-fA-F]+|(?<=\bTask)-\d+")

TOLD: Final = {"spawn": "is spawned by", "exit": "has ended:", "register": "is now", "link": "is linked with"}


def repeatable(text: str) -> str:
    """A text without what differs each time that the same schedule runs: where objects lie, how asyncio counts its tasks."""
    return ADDRESSES.sub("", text)


def selective(waiting: Any) -> bool:
    """Whether a process has asked for messages of a certain kind, of which it was given one."""
    return type(waiting) is Receive and (waiting.kind is not None or waiting.predicate is not None)


def words(process: Process) -> str:
    """What a process is about to do."""
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
    """What the end of a time does; empty where the process that it wakes has a line of its own."""
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
) -> Outcome:
    """Run an async function as a process of a fresh node, once, in one schedule.

    Args:
        function: the test.
        arguments: what it is called with; `node`, `virtual_clock` and `trace` are those of this run.
        choices: the schedule.
        faults: what goes wrong.
        slack: seconds by which timers may be too early; None for what the seed says, which of an odd one is some.
        chance: the seed: of the module `random`, for what the test itself leaves to chance, and of what the machine does.
        record: whether to keep the trace.
    """
    world = SimulatedNode(choices, faults, slack, chance % 2 == 1 and not faults, record)
    own: dict[str, Any] = {"node": world.node, "virtual_clock": world.clock}
    if "trace" in arguments:
        own["trace"] = tracing.trace(node=world.node, size=RECORDED)
        own["trace"].start()
    given = {name: own.get(name, value) for name, value in arguments.items()}
    for fault in faults:
        fault.begin()
    before, collecting, refs = random.getstate(), gc.isenabled(), REFS.last
    random.seed(chance)
    drawn = random.getstate()
    gc.disable()  # what a finalizer does would come at some other moment in the next run
    REFS.last = 0
    error: BaseException | None = None
    try:
        with no_outside_io(), asyncio.Runner(loop_factory=lambda: world.loop) as runner:
            runner.run(world.run(function, given))
    except (KeyboardInterrupt, SystemExit):
        raise
    except BaseException as raised:  # also pytest's outcomes, which are no Exceptions
        error = None if world.late.excuses(raised) else raised
    finally:
        asked = random.getstate() != drawn
        REFS.last = max(refs, REFS.last)
        random.setstate(before)
        if collecting:
            gc.enable()
    return Outcome(error, choices, world.steps, world.lines or [], own.get("trace"), asked)


def is_async(function: object) -> bool:
    """Whether a simulation can run this."""
    return inspect.iscoroutinefunction(function)
