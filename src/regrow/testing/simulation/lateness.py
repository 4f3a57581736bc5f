"""The lateness of a simulated machine: timers that fire while processes can run, and replies that come too late.

In every second run (those of odd seeds) the machine is as busy as a real one may be. Timers that fall due within a
second may overtake a process that has a message to take; a reply may come after its caller has timed out. A correct
program must not fail by this, so these guarantees hold:

    a process begins, or continues after a call or    a timer is early for it by at most a quarter of the timer's time,
    a sleep                                           and by at most a quarter of the time that the process slept
    the time limit of a call, the end of a sleep      early by at most a quarter of its time, for any process
    the test can run                                  no time passes before it runs
    a message or call of the test waits to be taken   no time passes before it is taken, nor before a call that follows
                                                      from it is taken
    the test sleeps, or waits for a limited time      all processes that can run do so before that time is over; until
                                                      then, they are late by at most a tenth of the time that is left
    a process ends with a time limit that was early   the program does not handle timeouts: the run does not count

With a number as `slack` all timers may be early by that many seconds, in every run, for any process.
"""

from __future__ import annotations

import asyncio
from collections import deque
from typing import Any, Final, Protocol

from regrow.kernel.alarms import Alarm
from regrow.kernel.deadlines import Deadline, Timers
from regrow.kernel.exits import CallTimeout
from regrow.kernel.mailbox import on_its_way
from regrow.kernel.node import Node
from regrow.kernel.process_record import AWAITING, CALLING, READY, Pid, Process
from regrow.kernel.requests import PENDING, CallRequest
from regrow.kernel.virtual_clock import VirtualClock
from regrow.kernel.wakeups import ReceiveTimeout
from regrow.kernel.yields import RESCAN, TIMEOUT, Receive
from regrow.testing.faults import DropReply
from regrow.testing.simulation.choices import Choices
from regrow.testing.simulation.loop import SimulatedLoop

LATEST: Final = 1.0  # seconds by which timers overtake processes, in total for a run
OF_A_TIME: Final = 0.25  # of a deadline's time: it may be so early for a process that takes no message
OF_A_WAIT: Final = 0.1  # of the time that the test still waits, for the lateness up to then
ROUNDING: Final = 1e-6  # seconds: two times that differ by less are the same
REPLY_IS_LATE: Final = 0.1  # the chance for a call, until one reply was late


class Simulated(Protocol):
    """The part of a `SimulatedNode` that is asked here."""

    node: Node
    clock: VirtualClock
    loop: SimulatedLoop
    choices: Choices
    idle_at: float
    test: Process | None
    senders: dict[Pid, list[tuple[object, object]]]


class Lateness:
    """The lateness of the machine in one run.

    Args:
        simulated: the node of the run.
        slack: seconds by which timers may be early; None: the seed decides.
        busy: whether the machine is busy, if `slack` is None.
    """

    def __init__(self, simulated: Simulated, slack: float | None, busy: bool) -> None:
        self.simulated = simulated
        self.slack: float = slack or 0.0
        self.busy: bool = busy and slack is None
        self.replies: bool = self.busy  # whether a reply may still be late
        self.since: dict[Process, float] = {}  # for each queued process: when it was queued
        self.set_at: dict[Deadline, tuple[float, float]] = {}  # for each deadline: its time, and when it was set
        self.spent: float = 0.0  # seconds that passed while processes could run
        self.lost: tuple[Pid, float] | None = (
            None  # the server whose reply is late, and the time at which its caller times out
        )
        self.forced: bool = False  # whether a time limit may have been early
        self.void: bool = False  # whether a process has ended by it

    # Timers

    def may_fire(self, queue: deque[Process], due: float) -> bool:
        """Whether the next timer may fire before the processes of the queue run."""
        now = self.simulated.clock.now()
        if self.busy:
            since = self.since
            self.since = {process: since.get(process, now) for process in queue}
        if due <= now:
            return True
        if self.busy:
            return due - now <= LATEST and self._may_overtake(queue, due)
        return self.slack > 0.0 and due - self.simulated.idle_at <= self.slack + ROUNDING

    def runs(self, process: Process) -> None:
        """Note that a process has its turn."""
        self.since.pop(process, None)

    def moves(self, due: float) -> None:
        """Note, before time passes, which deadlines were set at this moment."""
        if self.busy:
            now = self.simulated.clock.now()
            if self.simulated.node.scheduler.queue and due > now:
                self.spent += due - now
                self.forced = True
            known = self.set_at
            self.set_at = {}
            for deadline in waiting_in(self.simulated.node.scheduler.timers):
                due = deadline.due
                before = known.get(deadline)
                self.set_at[deadline] = (due, now) if before is None or before[0] != due else before

    def _may_overtake(self, queue: deque[Process], due: float) -> bool:
        test = self.simulated.test
        if test is None or test.status == READY:
            return False
        deadline = self.simulated.node.scheduler.timers.heap[0][2]
        little = OF_A_TIME * self.length(deadline) + ROUNDING
        is_call = isinstance(deadline, CallRequest)
        most = little if is_call or is_sleep(deadline) else LATEST + ROUNDING
        spent = self.spent + due - self.simulated.clock.now()
        if spent > LATEST + ROUNDING:
            return False
        for process in queue:
            late = due - self.since[process]
            if late > (most if takes_message(process) else min(little, OF_A_TIME * slept(process) + ROUNDING)):
                return False
        if is_call:
            return True
        if isinstance(deadline, Alarm) and isinstance(deadline.message, asyncio.TimerHandle):
            return False
        room = self.end_of_tests_wait(deadline) - due
        return spent < OF_A_WAIT * room and not any(map(self.serves_test, queue))

    def length(self, deadline: Deadline) -> float:
        """Return the seconds that a deadline was set for."""
        due, set_at = self.set_at.get(deadline, (0.0, 0.0))
        return deadline.due - (set_at if due == deadline.due else self.simulated.clock.now())

    def end_of_tests_wait(self, deadline: Deadline) -> float:
        """Return the time until which the test waits: infinity if for ever, 0 if it must not wait at all."""
        test = self.simulated.test
        if test is None or deadline is test.deadline:
            return 0.0
        if test.status == CALLING:
            return test.waiting.due or float("inf")
        if test.status == AWAITING:
            return min((timer.due for timer in self.simulated.loop.waiting.values()), default=float("inf"))
        return float("inf") if test.deadline is None else test.deadline.due

    def serves_test(self, process: Process) -> bool:
        """Whether a process has a message of the test to take, or a call by a server that the test waits for."""
        test = server = self.simulated.test
        for _ in self.simulated.node.processes:  # no more steps than processes: calls may form a cycle
            server = server.waiting.server if server is not None and server.status == CALLING else None
            if server is process:
                return True
        log = self.simulated.senders.get(process.pid)
        if test is None or not log:
            return False
        untaken: list[Any] = [process.value, *(process.mailbox or ())]
        return any(sender is test.pid and any(one is message for one in untaken) for message, sender in log)

    # Replies

    def loses_reply(self, process: Process) -> bool:
        """Drop the reply to the call that a process is about to take, if it is to be late; return whether it is."""
        value = process.value
        if not self.replies or type(value) is not CallRequest or value.due == 0.0 or value.state != PENDING:
            return False
        test = self.simulated.test
        if test is None or not (test.status == CALLING or self.has_room(value)):
            return False
        if not self.simulated.choices.choose(2, REPLY_IS_LATE):
            return False
        self.replies = False
        self.forced = True
        self.lost = (process.pid, value.due)
        DropReply().strike(process)
        return True

    def has_room(self, request: CallRequest) -> bool:
        """Whether the test waits long enough for the consequences of a call that times out."""
        now = self.simulated.clock.now()
        return request.due - now <= OF_A_WAIT * (self.end_of_tests_wait(request) - now)

    # Consequences

    def ended(self, pid: object, reason: object) -> None:
        """Note the end of a process.

        The run is void if a server with a late reply ends: its caller gets the `Down` before the reply is due.
        """
        if self.lost is not None and pid is self.lost[0] and self.simulated.clock.now() < self.lost[1]:
            self.void = True
        if self.forced and is_too_late(reason):
            self.void = True

    def excuses(self, error: BaseException) -> bool:
        """Whether a failed test may have failed only because it does not allow for a machine that is late."""
        return self.void or (self.forced and has_run_out(error))


def takes_message(process: Process) -> bool:
    """Whether a process is about to take a message; it planned nothing by the clock, so it may be late."""
    return process.value is RESCAN or on_its_way(process)


def slept(process: Process) -> float:
    """Return the seconds that a process slept before this step; infinity if it did not sleep."""
    waiting = process.waiting
    seconds = waiting.timeout if process.value is TIMEOUT and isinstance(waiting, Receive) else None
    return float("inf") if seconds is None else seconds


def is_sleep(deadline: Deadline) -> bool:
    """Whether a deadline is the end of a `sleep`; many programs order their actions by sleeps."""
    waiting = deadline.process.waiting if isinstance(deadline, ReceiveTimeout) else None
    return isinstance(waiting, Receive) and waiting.kind == ()


def together(timers: Timers, due: float) -> float:
    """Return the latest time that differs from `due` only by the rounding of floats."""
    return max([due, *(one.due for one in waiting_in(timers) if 0.0 < one.due - due <= ROUNDING)])


def waiting_in(timers: Timers) -> list[Deadline]:
    """Return all deadlines that are set."""
    found: list[Deadline] = [deadline for due, _, deadline in timers.heap if deadline.due == due]
    for bucket in timers.buckets.values():
        found += bucket
    return found


def is_too_late(reason: object) -> bool:
    """Whether a reason says that something took too long."""
    match reason:
        case BaseException():
            return has_run_out(reason)
        case ("timeout", _) | (("timeout", _), _):  # pyright: ignore[reportUnknownVariableType]
            return True
        case _:
            return False


def has_run_out(error: BaseException) -> bool:
    """Whether an exception is a timeout, or was caused by one.

    An assertion that fails while the program handles the timeout of a call does not count: the program allows for it.
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
