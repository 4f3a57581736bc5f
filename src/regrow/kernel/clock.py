"""The one place that asks for the time.

`Clock` is the machine's. `VirtualClock` stands still while anything runs and jumps to the next timer when every
process waits; a day of timers passes in a blink, and a test that uses it never sleeps.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from datetime import timedelta
from typing import Any, Final

from regrow.kernel.awaitables import OTHERS
from regrow.kernel.bounded_repr import safe_repr
from regrow.kernel.current_node import current_node

FOREVER: Final = float("inf")
MOST: Final = sys.float_info.max  # an int can be more, and is no float then
QUIET_ROUNDS: Final = 10  # of the loop: what asyncio's own tasks have in hand takes some


class Clock:
    """Monotonic seconds, as the machine counts them."""

    virtual: bool = False

    def now(self) -> float:
        """Seconds since some moment in the past; never goes backwards."""
        return time.monotonic()


def asked(clock: Clock) -> Callable[[], float]:
    """What tells the time of a clock; of the machine's without a call in between."""
    return time.monotonic if type(clock) is Clock else clock.now


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
        self.stuck: Callable[[], None] | None = None  # called when all wait and there is no timer to jump to
        self.stuck_after: float = 0.0  # real seconds of which nothing came from outside

    def now(self) -> float:
        """The virtual time in seconds; starts at 1000."""
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


def is_float(value: Any) -> bool:
    """Whether a number, which may be an int of any length, is a float too."""
    return bool(-MOST <= value <= MOST or value in (FOREVER, -FOREVER))


def time_of_day() -> str:
    """The time on the wall, for those who read a message."""
    return time.strftime("%H:%M:%S")


def seconds(value: object, what: str) -> float | None:
    """A duration as float seconds, or None for ever. `what` names the argument in the error.

    Raises:
        TypeError: neither a number, a timedelta nor None.
        ValueError: negative, not a number, or more than a float can be.
    """
    if value is None:
        return None
    if type(value) is float and 0.0 <= value < FOREVER:
        return value
    if isinstance(value, timedelta):
        value = value.total_seconds()
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise TypeError(f"{what}: wanted seconds (a number), a timedelta or None for ever, got {safe_repr(value)}")
    if not value >= 0 or not is_float(value):
        most = f" and ≤ {MOST:.4g}" if value > MOST else ""
        raise ValueError(f"{what}: wanted seconds ≥ 0{most}, got {safe_repr(value)}. Use None to wait for ever")
    duration = float(value)
    return None if duration == FOREVER else duration
