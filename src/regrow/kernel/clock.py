"""The only module that reads the time.

`Clock` is the machine's clock. `VirtualClock` stands still while anything runs, and jumps to the next timer when every
process waits: a test that uses it never sleeps.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from datetime import timedelta
from typing import Any, Final, NamedTuple

from regrow.kernel.bounded_repr import safe_repr

FOREVER: Final = float("inf")
MOST: Final = sys.float_info.max  # a larger int cannot be converted to a float


class Times(NamedTuple):
    """Both times of a clock at one moment.

    Attributes:
        wall: Unix seconds, by the wall clock. They decrease when the wall clock is set back.
        monotonic: seconds since some moment in the past. They never decrease, and all programs of a machine share them.
    """

    wall: float
    monotonic: float


class Clock:
    """The monotonic clock of the machine, and its wall clock, in seconds. Any thread may read them."""

    virtual: bool = False

    def now(self) -> float:
        """Return the seconds since some moment in the past; they never decrease."""
        return time.monotonic()

    def wall(self) -> float:
        """Return the Unix time: the seconds since 1970-01-01T00:00:00Z, by the wall clock, which can be set."""
        return time.time()

    def times(self) -> Times:
        """Return the Unix time and the monotonic time of this moment."""
        now = self.now()
        return Times(self.wall(), now)


def asked(clock: Clock) -> Callable[[], float]:
    """Return the function that reads a clock; for the machine's clock this is `time.monotonic`, which saves a call."""
    return time.monotonic if type(clock) is Clock else clock.now


def is_float(value: Any) -> bool:
    """Return whether a number, which may be an int of any length, fits into a float."""
    return bool(-MOST <= value <= MOST or value in (FOREVER, -FOREVER))


def time_of_day() -> str:
    """Return the local time of day, for the reader of a message."""
    return time.strftime("%H:%M:%S")


def seconds(value: object, what: str) -> float | None:
    """Return a duration as float seconds, or None for ever. `what` names the argument in the error.

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
