"""The rate of claims: a token bucket, whose level a store keeps for all processes."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from math import isfinite
from typing import Final

# A token that is missing for less than this is there: the clock's values are rounded, so a timer that is set for the next
# token may end a moment before it. A claim leaves the bucket below zero then, and no token is given twice.
_ROUNDING_SECONDS: Final = 1e-6
_ROUNDING_TOKENS: Final = 1e-3


@dataclass(frozen=True, slots=True)
class Rate:
    """At most `limit` claims in `per` seconds: `Rate(10)`, `Rate(100, per=60.0, burst=10)`.

    Args:
        limit: claims.
        per: seconds.
        burst: the most claims at once after a quiet time, at least 1; None for `limit`, or 1 if that is less.

    Raises:
        ValueError: a value is not finite or not greater than 0, or `burst` is less than 1.
    """

    limit: float
    per: float | timedelta = 1.0
    burst: float | None = None

    def __post_init__(self) -> None:
        per = self.per.total_seconds() if isinstance(self.per, timedelta) else self.per
        object.__setattr__(self, "per", float(per))
        for name, value in (("limit", self.limit), ("per", float(per))):
            if not (value > 0 and isfinite(value)):
                raise ValueError(f"Rate({name}=): wanted a finite number greater than 0, got {value!r}")
        if self.burst is not None and not (self.burst >= 1 and isfinite(self.burst)):
            raise ValueError(f"Rate(burst=): wanted a finite number of at least 1, or None; got {self.burst!r}")

    @property
    def size(self) -> float:
        """The most tokens that the bucket holds."""
        return float(max(1.0, self.limit) if self.burst is None else self.burst)

    @property
    def speed(self) -> float:
        """Tokens that come in a second."""
        return self.limit / self.per  # type: ignore[operator]

    def level(self, tokens: float | None, then: float, now: float) -> float:
        """Return the tokens of a bucket that had `tokens` at `then`; None was never used. Times are monotonic seconds."""
        if tokens is None:
            return self.size
        return min(self.size, tokens + max(0.0, now - then) * self.speed)

    def claims(self, level: float) -> int:
        """Return the number of claims that a bucket of this level allows."""
        return max(0, int(level + min(_ROUNDING_SECONDS * self.speed, _ROUNDING_TOKENS)))

    def wait(self, level: float) -> float:
        """Return the seconds until a bucket of this level has one token."""
        return 0.0 if self.claims(level) else (1.0 - level) / self.speed
