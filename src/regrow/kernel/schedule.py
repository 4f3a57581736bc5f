"""Who decides when more than one thing may happen next. In production nobody does: first come, first served."""

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
    """What a scheduler and its timers ask, where one is set."""

    def next(self, queue: deque[Process]) -> Process | None:
        """Take a runnable process out of the queue, which is not empty: it is stepped now. None: look again."""
        ...

    def hand_over(self) -> bool:
        """Whether a call to an idle server runs its step at once."""
        ...

    def goes_on(self, process: Process) -> bool:
        """Whether a server handles the `Continue` that its callback returned before others run."""
        ...

    def fire(self, due: list[tuple[float, Deadline]]) -> list[tuple[float, Deadline]]:
        """Which of the deadlines that have fallen due, sorted by time, fire now, and in which order; one at least."""
        ...

    def jump(self, clock: VirtualClock, due: float) -> None:
        """Move the clock to the next timer: all is done until then."""
        ...


class Shuffle:
    """A schedule by chance: which process steps, and whether a call is handed over."""

    def __init__(self, seed: int) -> None:
        self.random: random.Random = random.Random(seed)

    def next(self, queue: deque[Process]) -> Process | None:
        """Any of them; but what was put first, to be unwound, stays first."""
        if type(queue[0].value) is not Throw:
            queue.rotate(self.random.randrange(len(queue)))
        return queue.popleft()

    def hand_over(self) -> bool:
        """A coin."""
        return self.random.random() >= 0.5

    def goes_on(self, process: Process) -> bool:  # noqa: ARG002 (the protocol's)
        """A coin."""
        return self.random.random() >= 0.5

    def fire(self, due: list[tuple[float, Deadline]]) -> list[tuple[float, Deadline]]:
        """All, as they were set."""
        return due

    def jump(self, clock: VirtualClock, due: float) -> None:
        """At once."""
        clock.move_to(due)


def gives_way(process: Process) -> bool:
    """Whether others run before a server handles its `Continue`: never, but where a schedule says so."""
    schedule = process.node.scheduler.schedule
    return schedule is not None and not schedule.goes_on(process)
