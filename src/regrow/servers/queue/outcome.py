"""The outcomes of an attempt, as tables; nothing here reads a clock or a store.

What a worker's code raises, and the verdict (`ops.Nack`):

    it ends normally    ack
    Retry(delay)        retry, after this delay
    Snooze(delay)       snooze: later, and the attempt does not count
    Discard             dead
    any other           retry, after the backoff
    drain               release: as before the claim

How a leased job leaves its state:

    verdict   attempts left   state                          attempts
    retry     yes             delayed; ready without delay   as claimed
    retry     no              dead                           as claimed
    snooze    either          delayed; ready without delay   one less
    release   either          ready                          one less
    dead      either          dead                           as claimed
    its end   yes             ready                          as claimed
    its end   no              dead                           as claimed
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from math import isfinite
from typing import Final, Literal

from regrow.servers.queue.job import MOST_ERRORS, JobError, Seconds

End = Literal["retry", "snooze", "release", "dead", "lease over"]
Left = Literal["ready", "delayed", "dead"]
BackoffFunction = Callable[[int], float]

_HASH: Final = 2_654_435_761  # Knuth's multiplier: neighbouring ids get delays far from each other
_RANGE: Final = 1 << 32


@dataclass(frozen=True, slots=True)
class Backoff:
    """The delay before the next attempt: `first` after the first failure, then `factor` times the one before.

    Called with the number of the failed attempt, from 1, it returns seconds.

    Args:
        first: seconds.
        factor: at least 1.
        most: seconds; no delay is longer, jitter included.
        jitter: a share of the delay, from 0 to 1, by which the delays of different jobs differ at most in each
            direction. It depends on the job and the attempt alone, so that a simulation repeats.

    Raises:
        ValueError: a value is out of its range, or not finite.
    """

    first: Seconds = 5.0
    factor: float = 2.0
    most: Seconds = 3600.0
    jitter: float = 0.1

    def __post_init__(self) -> None:
        for name in ("first", "most"):
            value = getattr(self, name)
            value = value.total_seconds() if isinstance(value, timedelta) else float(value)
            if not (value >= 0 and isfinite(value)):
                raise ValueError(f"Backoff({name}=): wanted a finite number of seconds ≥ 0, got {value!r}")
            object.__setattr__(self, name, value)
        if not (self.factor >= 1 and isfinite(self.factor)):
            raise ValueError(f"Backoff(factor=): wanted a finite number ≥ 1, got {self.factor!r}")
        if not 0 <= self.jitter <= 1:
            raise ValueError(f"Backoff(jitter=): wanted a number from 0 to 1, got {self.jitter!r}")

    def __call__(self, attempt: int) -> float:
        """Return the delay after this attempt, in seconds, without jitter."""
        first, most = float(self.first), float(self.most)  # type: ignore[arg-type]
        if first == 0.0 or self.factor == 1.0:
            return min(first, most)
        try:
            return min(most, first * float(self.factor) ** (attempt - 1))
        except OverflowError:
            return most

    def of_job(self, attempt: int, job: int) -> float:
        """Return the delay after this attempt of the job with this id, with its jitter."""
        spread = (job * _HASH + attempt * 40_503) % _RANGE / _RANGE  # from 0 to 1
        delay = self(attempt) * (1.0 + self.jitter * (2.0 * spread - 1.0))
        return min(delay, float(self.most))  # type: ignore[arg-type]


def left(end: End, attempt: int, most: int, delay: float) -> tuple[Left, int]:
    """Return the state and the attempts of a job whose lease has ended.

    Args:
        end: a verdict, or "lease over".
        attempt: the number of the attempt that ends.
        most: the most attempts of the job.
        delay: seconds until the next.
    """
    later: Left = "delayed" if delay > 0 else "ready"
    match end:
        case "retry":
            return ("dead", attempt) if attempt >= most else (later, attempt)
        case "snooze":
            return later, attempt - 1
        case "release":
            return "ready", attempt - 1
        case "dead":
            return "dead", attempt
        case "lease over":
            return ("dead", attempt) if attempt >= most else ("ready", attempt)


def with_error(errors: tuple[JobError, ...], error: JobError | None) -> tuple[JobError, ...]:
    """Return a job's history with one more error; the oldest are dropped."""
    return errors if error is None else (*errors, error)[-MOST_ERRORS:]


def lease_over(attempt: int, at: float, holder: str | None) -> JobError:
    """Return the error of an attempt whose lease ended without a word of its holder."""
    return JobError(attempt, at, "LeaseLost", f"the lease ended while {holder or 'an unknown holder'} held it")
