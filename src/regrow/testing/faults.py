"""What may go wrong, for simulations to bring about: at the n-th message of a process, or at each of them in turn.

    @simulate(runs=20, faults=[Kill(Counter)])      for every n: kill Counter at its n-th message, until it has fewer

The process may be any but the test's own. A fault without `at` is tried for n = 1, 2, 3 …, each n under all the runs,
until no run has an n-th message any more.
"""

from __future__ import annotations

import copy
from typing import Any

from regrow.kernel import links
from regrow.kernel.bounded_repr import safe_repr
from regrow.kernel.clock import VirtualClock
from regrow.kernel.deadlines import Alarm
from regrow.kernel.mailbox import on_its_way
from regrow.kernel.process_record import READY, Process
from regrow.kernel.requests import CLOSED, CallRequest
from regrow.kernel.yields import Throw


class Fault:
    """Something that goes wrong once in a run, when a process is about to take its n-th message.

    Args:
        who: a registered name, a class that the process is registered under or whose `init` it began with, or a
            process's label. None for any process: n then counts the messages of all together.
        at: n, from 1. None for every n, one after the other.

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
        self.struck: bool = False

    def __repr__(self) -> str:
        who = "" if self.who is None else f"{getattr(self.who, '__name__', None) or safe_repr(self.who)}, "
        return f"{type(self).__name__}({who}at={self.at})"

    def begin(self) -> None:
        """A new run begins."""
        self.count = 0
        self.struck = False

    def at_message(self, number: int) -> Fault:
        """The same fault, at one certain message."""
        made = copy.copy(self)
        made.at = number
        return made

    def meets(self, process: Process) -> bool:
        """Whether the process, about to be stepped, is not to be stepped now."""
        if self.struck or self.at is None or not self.counts(process) or not self.means(process):
            return False
        self.count += 1
        if self.count < self.at:
            return False
        self.struck = True
        return self.strike(process)

    def counts(self, process: Process) -> bool:
        """Whether what the process is about to do is taking a message."""
        return on_its_way(process)

    def means(self, process: Process) -> bool:
        """Whether this is one of the processes that the fault is for."""
        who = self.who
        if who is None:
            return process is not process.node.init
        if process.name == who or (process.rare is not None and process.rare.label == who):
            return True
        return isinstance(who, type) and "init" in vars(who) and process.initial_call is vars(who)["init"]

    def strike(self, process: Process) -> bool:
        """Let it go wrong; whether the process is not to be stepped now."""
        raise NotImplementedError


class Kill(Fault):
    """The process is killed when it is about to take its n-th message, which is lost with it."""

    what = "is killed"

    def strike(self, process: Process) -> bool:
        """Send it "kill"."""
        links.exit_signal(process, process.node.guest, "kill", False)
        return True


class DropReply(Fault):
    """The answer to the n-th call of a server is lost: it does its work, and the caller waits until its time is over."""

    what = "answers, and the reply is lost:"

    def counts(self, process: Process) -> bool:
        """Only calls have a reply."""
        return type(process.value) is CallRequest

    def strike(self, process: Process) -> bool:
        """Let the server see a request of which nobody awaits the answer."""
        asked: Any = process.value
        lost = CallRequest(asked.pid, asked.request)
        lost.state = CLOSED
        process.value = lost
        return False


class Slow(Fault):
    """The process takes `seconds` for its n-th message; its mail waits meanwhile.

    Args:
        seconds: how long, on the node's clock.
        who: as for every fault.
        at: as for every fault.
    """

    what = "is slow"

    def __init__(self, seconds: float, who: object = None, *, at: int | None = None) -> None:
        super().__init__(who, at=at)
        self.seconds = seconds

    def strike(self, process: Process) -> bool:
        """Leave it out until the time is over."""
        value = process.value
        scheduler = process.node.scheduler

        def over(_alarm: Alarm) -> None:
            if process.status == READY and process.value is value:
                scheduler.ready(process, value)

        scheduler.timers.start(Alarm(scheduler.timers, None, "slow", over), self.seconds)
        return True


class ClockStep(Fault):
    """The clock steps ahead by `seconds`, as after a machine's sleep: all that falls due meanwhile does so at once.

    Args:
        seconds: how far; a node's clock never goes back.
        who: whose n-th message is the moment.
        at: as for every fault.
    """

    what = "sees the clock step"

    def __init__(self, seconds: float, who: object = None, *, at: int | None = None) -> None:
        super().__init__(who, at=at)
        self.seconds = seconds

    def strike(self, process: Process) -> bool:
        """Move it, before the process takes its message."""
        clock = process.node.clock
        assert isinstance(clock, VirtualClock)
        value = process.value
        clock.advance(self.seconds)
        return process.status != READY or process.value is not value or isinstance(value, Throw)
