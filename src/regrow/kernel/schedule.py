"""Schedules decide what happens next when more than one thing may. Production has none: first come, first served."""

from __future__ import annotations

import random
from collections import deque
from typing import TYPE_CHECKING, Protocol

from regrow.kernel.yields import Throw

if TYPE_CHECKING:
    from regrow.kernel.deadlines import Deadline
    from regrow.kernel.process_record import Process
    from regrow.kernel.virtual_clock import VirtualClock


class Schedule(Protocol):
    """The decisions that a scheduler and its timers leave to a schedule, if one is set."""

    def next(self, queue: deque[Process]) -> Process | None:
        """Remove a runnable process from the queue, which is not empty, to be stepped now. None: call `next` again."""
        ...

    def hand_over(self) -> bool:
        """Return whether a call to an idle server runs the server's step at once."""
        ...

    def goes_on(self, process: Process) -> bool:
        """Return whether a server handles the `Continue` that its callback returned before others run."""
        ...

    def fire(self, due: list[tuple[float, Deadline]]) -> list[tuple[float, Deadline]]:
        """Return at least one of the deadlines that have fallen due, in the order in which they fire now.

        `due` is sorted by time.
        """
        ...

    def jump(self, clock: VirtualClock, due: float) -> None:
        """Move the clock to the next timer, at `due`, since nothing can run before it."""
        ...


class Shuffle:
    """A random schedule: it chooses the process to step, and whether a call is handed over."""

    def __init__(self, seed: int) -> None:
        self.random: random.Random = random.Random(seed)

    def next(self, queue: deque[Process]) -> Process | None:
        """Remove a random process; one that was put first, to be unwound, stays first."""
        if type(queue[0].value) is not Throw:
            queue.rotate(self.random.randrange(len(queue)))
        return queue.popleft()

    def hand_over(self) -> bool:
        """Return True or False with equal chances."""
        return self.random.random() >= 0.5

    def goes_on(self, process: Process) -> bool:  # noqa: ARG002 (the protocol's)
        """Return True or False with equal chances."""
        return self.random.random() >= 0.5

    def fire(self, due: list[tuple[float, Deadline]]) -> list[tuple[float, Deadline]]:
        """Return all, in the order of time."""
        return due

    def jump(self, clock: VirtualClock, due: float) -> None:
        """Move the clock at once."""
        clock.move_to(due)


def gives_way(process: Process) -> bool:
    """Return whether others run before a server handles its `Continue`: only if a schedule decides so."""
    schedule = process.node.scheduler.schedule
    return schedule is not None and not schedule.goes_on(process)
