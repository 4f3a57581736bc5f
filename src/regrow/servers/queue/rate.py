"""The rate of claims: a token bucket, whose level a store keeps for all processes."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta


@dataclass(frozen=True, slots=True)
class Rate:
    """At most `limit` claims in `per` seconds: `Rate(10)`, `Rate(100, per=60.0, burst=10)`.

    Args:
        limit: claims.
        per: seconds.
        burst: the most claims at once after a quiet time; None for `limit`.

    Raises:
        ValueError: a value is not greater than 0.
    """

    limit: float
    per: float | timedelta = 1.0
    burst: float | None = None

    def __post_init__(self) -> None:
        per = self.per.total_seconds() if isinstance(self.per, timedelta) else self.per
        object.__setattr__(self, "per", float(per))
        for name, value in (("limit", self.limit), ("per", self.per), ("burst", self.size)):
            if not value > 0:  # type: ignore[operator]
                raise ValueError(f"Rate({name}=): wanted a number greater than 0, got {value!r}")

    @property
    def size(self) -> float:
        """The most tokens that the bucket holds."""
        return float(self.limit if self.burst is None else self.burst)

    @property
    def speed(self) -> float:
        """Tokens that come in a second."""
        return self.limit / self.per  # type: ignore[operator]

    def level(self, tokens: float | None, then: float, now: float) -> float:
        """Return the tokens of a bucket that had `tokens` at `then`; None was never used. Times are monotonic seconds."""
        if tokens is None:
            return self.size
        return min(self.size, tokens + max(0.0, now - then) * self.speed)

    def wait(self, level: float) -> float:
        """Return the seconds until a bucket of this level has one token."""
        return max(0.0, (1.0 - level) / self.speed)
