"""Faults that a simulation injects: at the n-th message of a process, or at each of its messages in turn.

    @simulate(runs=20, faults=[Kill(Counter)])      kill Counter at its first message; in further runs at the second, …

A fault may strike any process except the test's. A fault without `at` is tried for n = 1, 2, 3 …, each n in `runs`
schedules, until no run has an n-th message.
"""

from __future__ import annotations

import copy
from typing import Any

from regrow.kernel import links
from regrow.kernel.alarms import Alarm
from regrow.kernel.bounded_repr import safe_repr
from regrow.kernel.mailbox import on_its_way
from regrow.kernel.process_record import READY, Process
from regrow.kernel.requests import CLOSED, CallRequest
from regrow.kernel.virtual_clock import VirtualClock
from regrow.kernel.yields import Throw


class Fault:
    """A fault that strikes once in a run, when a process is about to take its n-th message.

    Args:
        who: the processes that it strikes: a registered name, a label, or a class that a process is registered under or
            whose `init` it began with. None: any process; n then counts the messages of all processes together.
        at: n, counted from 1. None: every n, one after the other.

    Raises:
        ValueError: n is less than 1.
    """

    what = "is struck"

    def __init__(self, who: object = None, *, at: int | None = None) -> None:
        if at is not None and at < 1:
            raise ValueError(f"{type(self).__name__}(at=): wanted 1 for the first message, or more; got {at}")
        self.who = who
        self.at = at
        self.count: int = 0
        self.fired: bool = False

    def __repr__(self) -> str:
        who = "" if self.who is None else f"{getattr(self.who, '__name__', None) or safe_repr(self.who)}, "
        return f"{type(self).__name__}({who}at={self.at})"

    def begin(self) -> None:
        """Reset the counters at the start of a run."""
        self.count = 0
        self.fired = False

    def at_message(self, number: int) -> Fault:
        """Return a copy of this fault that strikes at one message."""
        fault = copy.copy(self)
        fault.at = number
        return fault

    def applies(self, process: Process) -> bool:
        """Strike if this is the n-th message; return whether the scheduler must skip the process's next step."""
        if self.fired or self.at is None or not self.counts(process) or not self.matches(process):
            return False
        self.count += 1
        if self.count < self.at:
            return False
        self.fired = True
        return self.strike(process)

    def counts(self, process: Process) -> bool:
        """Whether the process is about to take a message."""
        return on_its_way(process)

    def matches(self, process: Process) -> bool:
        """Whether this is one of the processes that the fault may strike."""
        who = self.who
        if who is None:
            return process is not process.node.init
        if process.name == who or (process.rare is not None and process.rare.label == who):
            return True
        return isinstance(who, type) and "init" in vars(who) and process.initial_call is vars(who)["init"]

    def strike(self, process: Process) -> bool:
        """Inject the fault; return whether the scheduler must skip the process's next step."""
        raise NotImplementedError


class Kill(Fault):
    """A fault that kills a process when it is about to take its n-th message; the message is lost."""

    what = "is killed"

    def strike(self, process: Process) -> bool:
        """Send the process the exit signal "kill"."""
        links.exit_signal(process, process.node.guest, "kill", False)
        return True


class DropReply(Fault):
    """A fault that drops the reply to the n-th call of a server: the work is done, and the caller times out."""

    what = "answers, and the reply is lost:"

    def counts(self, process: Process) -> bool:
        """Whether the process is about to take a call; only calls have a reply."""
        return type(process.value) is CallRequest

    def strike(self, process: Process) -> bool:
        """Replace the request by a copy that no caller waits for."""
        request: Any = process.value
        lost = CallRequest(request.pid, request.request)
        lost.state = CLOSED
        process.value = lost
        return False


class Slow(Fault):
    """A fault that delays a process for `seconds` at its n-th message; its other messages wait, too.

    Args:
        seconds: the delay, on the node's clock.
        who: the processes, as for `Fault`.
        at: the number of the message, as for `Fault`.
    """

    what = "is slow"

    def __init__(self, seconds: float, who: object = None, *, at: int | None = None) -> None:
        super().__init__(who, at=at)
        self.seconds = seconds

    def strike(self, process: Process) -> bool:
        """Keep the process out of the queue until the time is over."""
        value = process.value
        scheduler = process.node.scheduler

        def over(_alarm: Alarm) -> None:
            if process.status == READY and process.value is value:
                scheduler.ready(process, value)

        scheduler.timers.start(Alarm(scheduler.timers, None, "slow", over), self.seconds)
        return True


class ClockStep(Fault):
    """A fault that moves the clock ahead by `seconds`, as after a machine's sleep: all timers due by then fire at once.

    Args:
        seconds: how far the clock moves; a node's clock never goes back.
        who: the processes whose messages are counted, as for `Fault`.
        at: the number of the message, as for `Fault`.
    """

    what = "sees the clock step"

    def __init__(self, seconds: float, who: object = None, *, at: int | None = None) -> None:
        super().__init__(who, at=at)
        self.seconds = seconds

    def strike(self, process: Process) -> bool:
        """Move the clock before the process takes its message."""
        clock = process.node.clock
        assert isinstance(clock, VirtualClock)
        value = process.value
        clock.advance(self.seconds)
        return process.status != READY or process.value is not value or isinstance(value, Throw)
