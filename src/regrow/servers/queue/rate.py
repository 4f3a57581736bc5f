"""The rate of claims: a token bucket, whose level a store keeps for all processes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from math import isfinite
from typing import Final, NamedTuple

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


Bucket = tuple[float | None, float]  # its tokens, None if it was never used, and when it had them


class Shares(NamedTuple):
    """The jobs that each of several claims takes, and what becomes of the bucket of their queue.

    Attributes:
        counts: jobs, one number for each claim.
        bucket: what is left.
        changed: whether the bucket has to be stored: a claim took tokens, or the clock is before the bucket's time,
            from where no token would come.
        short: the rate of a claim that takes less than it asks for; None if there is no such claim.
    """

    counts: list[int]
    bucket: Bucket
    changed: bool
    short: Rate | None

    def wait(self, now: float) -> float:
        """Return the seconds until the claim that is short has a token."""
        return 0.0 if self.short is None else self.short.wait(self.short.level(*self.bucket, now))


def share(claims: Sequence[tuple[int, Rate | None]], bucket: Bucket, now: float, jobs: int | None = None) -> Shares:
    """Share out the ready jobs of a queue among claims, each a count and a rate: the first claim takes first.

    A claim without a rate takes no tokens, and needs none. `jobs` is the number of ready jobs; None for enough.
    """
    counts: list[int] = []
    changed, short = False, None
    for count, rate in claims:
        given = max(0, count if jobs is None else min(count, jobs))
        if rate is not None:
            level = rate.level(*bucket, now)
            given = min(given, rate.claims(level))
            changed = changed or given > 0 or bucket[1] > now
            bucket = (level - given, now)
            if given < count:
                short = rate
        if jobs is not None:
            jobs -= given
        counts.append(given)
    return Shares(counts, bucket, changed, short)
