"""The clock of tests: it stands still while anything runs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from regrow.kernel.awaitables import OTHERS
from regrow.kernel.clock import Clock
from regrow.kernel.current_node import current_node

QUIET_ROUNDS: Final = 10  # rounds of the loop that asyncio's internal callbacks may need


class VirtualClock(Clock):
    """A clock that a test moves: `advance(seconds)`, or by itself to the next timer when all processes wait.

    Args:
        jump: whether the clock moves by itself when nothing can run without it.
    """

    def __init__(self, *, jump: bool = True) -> None:
        self.virtual = True
        self.jump = jump
        self.time: float = 1000.0
        self.moved: Callable[[], None] | None = None  # set by the node's timers
        self.stuck: Callable[[], None] | None = None  # called when all processes wait and there is no timer to jump to
        self.stuck_after: float = 0.0  # real seconds without an event from outside, before `stuck` is called

    def now(self) -> float:
        """Return the virtual time in seconds; it starts at 1000."""
        return self.time

    def advance(self, delay: float) -> None:
        """Move the clock by `delay` seconds and let everything fire that has fallen due."""
        if delay < 0:
            raise ValueError(f"a clock moves forward only: wanted seconds ≥ 0, got {delay!r}")
        self.move_to(self.time + delay)

    async def run_until_idle(self) -> None:
        """Let every process of this thread's node do what it can at this moment; the clock stands still meanwhile.

        Raises:
            NoNode: there is no node.
        """
        await until_idle()

    def move_to(self, when: float) -> None:
        """Move the clock to `when`, unless it is past that already."""
        self.time = max(self.time, when)
        if self.moved is not None:
            self.moved()


async def until_idle() -> None:
    """Wait, without moving the clock, until every other process of the node waits for a message, a timer or asyncio."""
    scheduler = current_node().scheduler
    quiet = 0
    while quiet < QUIET_ROUNDS:
        await OTHERS
        quiet = 0 if scheduler.queue else quiet + 1
