"""The clock of tests: it stands still while anything runs."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Final

from regrow.kernel.awaitables import OTHERS
from regrow.kernel.bounded_repr import safe_repr
from regrow.kernel.clock import FOREVER, Clock, Times, is_float
from regrow.kernel.current_node import current_node

QUIET_ROUNDS: Final = 10  # rounds of the loop that asyncio's internal callbacks may need
START: Final = 1000.0  # the virtual time at which a clock starts
WALL_START: Final = 1_704_067_200.0  # the wall clock shows 2024-01-01T00:00:00Z then


class VirtualClock(Clock):
    """A clock that a test moves: `advance(seconds)`, or by itself to the next timer when all processes wait.

    Its wall clock starts at 2024-01-01T00:00:00Z and moves with it; `set_wall` and `step_wall` move the wall clock alone.

    Args:
        jump: whether the clock moves by itself when nothing can run without it.
    """

    def __init__(self, *, jump: bool = True) -> None:
        self.virtual = True
        self.jump = jump
        self.time: float = START
        self.wall_ahead: float = WALL_START - START  # seconds by which the wall clock is ahead of the virtual time
        self.moved: Callable[[], None] | None = None  # set by the node's timers
        self.on_step: set[Callable[[], None]] = set()  # called after a step of the wall clock
        self.stuck: Callable[[], None] | None = None  # called when all processes wait and there is no timer to jump to
        self.stuck_after: float = 0.0  # real seconds without an event from outside, before `stuck` is called

    def now(self) -> float:
        """Return the virtual time in seconds; it starts at 1000."""
        return self.time

    def wall(self) -> float:
        """Return the Unix time of the virtual wall clock; it starts at 2024-01-01T00:00:00Z."""
        return self.time + self.wall_ahead

    def times(self) -> Times:
        """Return the Unix time and the virtual time of this moment."""
        now = self.time  # read once: a thread may ask while the clock moves
        return Times(now + self.wall_ahead, now)

    def set_wall(self, when: datetime) -> None:
        """Set the wall clock. The virtual time and its timers do not move.

        A test sets it before it starts what it tests: a program that runs already sees a step of its wall clock.

        Args:
            when: a date and time with a time zone.

        Raises:
            TypeError: `when` is no datetime.
            ValueError: `when` has no time zone.
        """
        self.wall_ahead = date_with_zone(when).timestamp() - self.time
        self._stepped()

    def step_wall(self, seconds: float | timedelta) -> None:
        """Step the wall clock, as a machine's clock is stepped when it is set. The virtual time does not move.

        Args:
            seconds: how far; a negative number sets the wall clock back.

        Raises:
            TypeError: neither a number nor a timedelta.
            ValueError: not a finite number.
        """
        self.wall_ahead += step(seconds)
        self._stepped()

    def _stepped(self) -> None:
        for call in list(self.on_step):
            call()

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


def date_with_zone(value: object) -> datetime:
    """Return the argument of `set_wall` if it is a date with a time zone.

    Raises:
        TypeError: it is no datetime.
        ValueError: it has no time zone.
    """
    if not isinstance(value, datetime):
        raise TypeError(f"set_wall: wanted a datetime with a time zone, got {safe_repr(value)}")
    if value.utcoffset() is None:
        raise ValueError(
            f"set_wall: wanted a datetime with a time zone, as datetime(2024, 1, 1, tzinfo=UTC); got {value!r}"
        )
    return value


def step(value: object) -> float:
    """Return the argument of `step_wall` as seconds.

    Raises:
        TypeError: neither a number nor a timedelta.
        ValueError: not a finite number.
    """
    given = value.total_seconds() if isinstance(value, timedelta) else value
    if isinstance(given, bool) or not isinstance(given, int | float):
        raise TypeError(f"step_wall: wanted seconds (a number) or a timedelta, got {safe_repr(given)}")
    if not is_float(given) or not -FOREVER < given < FOREVER:
        raise ValueError(f"step_wall: wanted a finite number of seconds, got {safe_repr(given)}")
    return float(given)


async def until_idle() -> None:
    """Wait, without moving the clock, until every other process of the node waits for a message, a timer or asyncio."""
    scheduler = current_node().scheduler
    quiet = 0
    while quiet < QUIET_ROUNDS:
        await OTHERS
        quiet = 0 if scheduler.queue else quiet + 1
