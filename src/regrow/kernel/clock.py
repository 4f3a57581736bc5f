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

from regrow.kernel.bounded_repr import safe_repr

FOREVER: Final = float("inf")
MOST: Final = sys.float_info.max  # an int can be more, and is no float then


class Clock:
    """Monotonic seconds, as the machine counts them."""

    virtual: bool = False

    def now(self) -> float:
        """Seconds since some moment in the past; never goes backwards."""
        return time.monotonic()


def asked(clock: Clock) -> Callable[[], float]:
    """What tells the time of a clock; of the machine's without a call in between."""
    return time.monotonic if type(clock) is Clock else clock.now


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
