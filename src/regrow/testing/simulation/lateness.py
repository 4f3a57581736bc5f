"""How late a simulated machine is: which timers may fire while processes can run, and which replies come too late.

In every second run (those of odd seeds) the machine is as busy as a real one may be. A process that has a message to
take is overtaken by timers that fall due within a second; a reply may come when its caller waits no more. Nothing of
this may fail a program that is correct, so what a test relies on holds:

    a process begins, or goes on after a call or      a timer is early for it by a quarter of the timer's own time at
    a sleep                                           most, and by a quarter of what it has slept
    the time limit of a call, the end of a sleep      the same, whoever is overtaken
    the test can run                                  no time passes before it does
    a message or call of the test waits to be taken   no time passes before it is, nor before a call that it leads to is
    the test sleeps, or waits for a limited time      all that can run has run before that time is over; until then, what
                                                      is late is so by a tenth of what is left
    a process ends of a limit that ended too early    the program makes no provision for it: the run does not count

With a number as `slack` all timers may be early by so many seconds, in every run, whoever waits for them.
"""

from __future__ import annotations

import asyncio
from collections import deque
from typing import TYPE_CHECKING, Any, Final

from regrow.kernel.deadlines import Alarm, Deadline, Timers
from regrow.kernel.exits import CallTimeout
from regrow.kernel.mailbox import on_its_way
from regrow.kernel.pid import Pid
from regrow.kernel.process_record import AWAITING, CALLING, READY, Process
from regrow.kernel.requests import PENDING, CallRequest
from regrow.kernel.wakeups import ReceiveTimeout
from regrow.kernel.yields import RESCAN, TIMEOUT, Receive
from regrow.testing.faults import DropReply

if TYPE_CHECKING:
    from regrow.testing.simulation.simulated_node import SimulatedNode

LATEST: Final = 1.0  # seconds by which processes are overtaken, in one run together
OF_A_TIME: Final = 0.25  # by so much of its own time a deadline may be early for what is not about to take a message
OF_A_WAIT: Final = 0.1  # of what is left of the test's own wait, for all that was late until then
ROUNDING: Final = 1e-6  # seconds: two times that are nearer than that are the same
REPLY_IS_LATE: Final = 0.1  # of the calls, until one was


class Lateness:
    """How late the machine is in one run.

    Args:
        world: the run.
        slack: seconds by which timers may be too early; None for what the seed says.
        busy: whether the machine is, where `slack` is None.
    """

    def __init__(self, world: SimulatedNode, slack: float | None, busy: bool) -> None:
        self.world = world
        self.slack: float = slack or 0.0
        self.busy: bool = busy and slack is None
        self.replies: bool = self.busy  # one of them may still be late
        self.since: dict[Process, float] = {}  # when the processes of the queue came there
        self.set_at: dict[Deadline, tuple[float, float]] = {}  # for each deadline: when it is due, and when it was set
        self.spent: float = 0.0  # seconds that have passed while processes could run
        self.lost: tuple[Pid, float] | None = None  # who has answered too late, and when its caller ceases to wait
        self.forced: bool = False  # a limit may have ended too early
        self.void: bool = False  # and somebody has ended of it

    # Timers

    def may_fire(self, queue: deque[Process], due: float) -> bool:
        """Whether the next timer may fire before the processes of the queue run."""
        now = self.world.clock.now()
        if self.busy:
            since = self.since
            self.since = {process: since.get(process, now) for process in queue}
        if due <= now:
            return True
        if self.busy:
            return due - now <= LATEST and self._may_overtake(queue, due)
        return self.slack > 0.0 and due - self.world.idle_at <= self.slack + ROUNDING

    def runs(self, process: Process) -> None:
        """A process has its turn."""
        self.since.pop(process, None)

    def moves(self, due: float) -> None:
        """Time is about to pass: note which deadlines were set at this moment."""
        if self.busy:
            now = self.world.clock.now()
            if self.world.node.scheduler.queue and due > now:
                self.spent += due - now
                self.forced = True
            known = self.set_at
            self.set_at = {}
            for deadline in waiting_in(self.world.node.scheduler.timers):
                due = deadline.due
                before = known.get(deadline)
                self.set_at[deadline] = (due, now) if before is None or before[0] != due else before

    def _may_overtake(self, queue: deque[Process], due: float) -> bool:
        test = self.world.test
        if test is None or test.status == READY:
            return False
        deadline = self.world.node.scheduler.timers.heap[0][2]
        little = OF_A_TIME * self.length(deadline) + ROUNDING
        is_call = isinstance(deadline, CallRequest)
        most = little if is_call or is_sleep(deadline) else LATEST + ROUNDING
        spent = self.spent + due - self.world.clock.now()
        if spent > LATEST + ROUNDING:
            return False
        for process in queue:
            late = due - self.since[process]
            if late > (most if takes_message(process) else min(little, OF_A_TIME * planned(process) + ROUNDING)):
                return False
        if is_call:
            return True
        if isinstance(deadline, Alarm) and isinstance(deadline.message, asyncio.TimerHandle):
            return False
        room = self.tests_patience(deadline) - due
        return spent < OF_A_WAIT * room and not any(map(self.heeds_test, queue))

    def length(self, deadline: Deadline) -> float:
        """How many seconds a deadline was set for."""
        due, set_at = self.set_at.get(deadline, (0.0, 0.0))
        return deadline.due - (set_at if due == deadline.due else self.world.clock.now())

    def tests_patience(self, deadline: Deadline) -> float:
        """Until when the test waits: infinity if for ever, and a time that is over if it must not wait at all."""
        test = self.world.test
        if test is None or deadline is test.deadline:
            return 0.0
        if test.status == CALLING:
            return test.waiting.due or float("inf")
        if test.status == AWAITING:
            return min((timer.due for timer in self.world.loop.waiting.values()), default=float("inf"))
        return float("inf") if test.deadline is None else test.deadline.due

    def heeds_test(self, process: Process) -> bool:
        """Whether a process that can run has a message of the test to take, or is asked by a server that the test waits for."""
        test = asked = self.world.test
        for _ in self.world.node.processes:  # they may wait for each other in a circle
            asked = asked.waiting.server if asked is not None and asked.status == CALLING else None
            if asked is process:
                return True
        log = self.world.senders.get(process.pid)
        if test is None or not log:
            return False
        left: list[Any] = [process.value, *(process.mailbox or ())]
        return any(sender is test.pid and any(one is message for one in left) for message, sender in log)

    # Replies

    def loses_reply(self, process: Process) -> bool:
        """Whether the reply to the call that a process is about to take comes when its caller waits no more."""
        value = process.value
        if not self.replies or type(value) is not CallRequest or value.due == 0.0 or value.state != PENDING:
            return False
        test = self.world.test
        if test is None or not (test.status == CALLING or self.has_room(value)):
            return False
        if not self.world.choices.choose(2, REPLY_IS_LATE):
            return False
        self.replies = False
        self.forced = True
        self.lost = (process.pid, value.due)
        DropReply().strike(process)
        return True

    def has_room(self, asked: CallRequest) -> bool:
        """Whether the test waits long enough for what comes of a call that has timed out."""
        now = self.world.clock.now()
        return asked.due - now <= OF_A_WAIT * (self.tests_patience(asked) - now)

    # What comes of it

    def ended(self, pid: object, reason: object) -> None:
        """A process has ended; with a server's end its caller hears that, where it would have had its late reply first."""
        if self.lost is not None and pid is self.lost[0] and self.world.clock.now() < self.lost[1]:
            self.void = True
        if self.forced and is_too_late(reason):
            self.void = True

    def excuses(self, error: BaseException) -> bool:
        """Whether a test that failed has only failed because it makes no provision for a machine that is late."""
        return self.void or (self.forced and has_run_out(error))


def takes_message(process: Process) -> bool:
    """Whether a process is about to take a message: what it has planned by the clock is not disturbed if it does so late."""
    return process.value is RESCAN or on_its_way(process)


def planned(process: Process) -> float:
    """How many seconds a process has slept before it goes on; infinity if it did not."""
    waiting = process.waiting
    slept = waiting.timeout if process.value is TIMEOUT and isinstance(waiting, Receive) else None
    return float("inf") if slept is None else slept


def is_sleep(deadline: Deadline) -> bool:
    """Whether this is the end of a `sleep`: many a program puts what it does in order by these."""
    waiting = deadline.process.waiting if isinstance(deadline, ReceiveTimeout) else None
    return isinstance(waiting, Receive) and waiting.kind == ()


def together(timers: Timers, due: float) -> float:
    """The last of the times that are the same as `due` but for the rounding of floats."""
    return max([due, *(one.due for one in waiting_in(timers) if 0.0 < one.due - due <= ROUNDING)])


def waiting_in(timers: Timers) -> list[Deadline]:
    """All deadlines that are set."""
    found: list[Deadline] = [deadline for due, _, deadline in timers.heap if deadline.due == due]
    for bucket in timers.buckets.values():
        found += bucket
    return found


def is_too_late(reason: object) -> bool:
    """Whether a process has ended because something took too long."""
    match reason:
        case BaseException():
            return has_run_out(reason)
        case ("timeout", _) | (("timeout", _), _):  # pyright: ignore[reportUnknownVariableType]
            return True
        case _:
            return False


def has_run_out(error: BaseException) -> bool:
    """Whether an exception is a timeout, or came of one.

    An assertion of the program's own that fails while it handles the timeout of a call did not: it makes provision.
    """
    left: list[BaseException | None] = [error]
    seen: set[int] = set()
    while left:
        one = left.pop()
        if one is None or id(one) in seen:
            continue
        seen.add(id(one))
        reason = getattr(one, "reason", None)
        if isinstance(one, TimeoutError) or (not isinstance(reason, BaseException) and is_too_late(reason)):
            return True
        left += [one.__cause__, reason if isinstance(reason, BaseException) else None]
        if not (isinstance(one, AssertionError) and isinstance(one.__context__, CallTimeout)):
            left.append(one.__context__)
        if isinstance(one, BaseExceptionGroup):
            left += one.exceptions  # pyright: ignore[reportUnknownMemberType]
    return False
