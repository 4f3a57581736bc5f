"""The end of an attempt: another one after a delay, or the outcome of the run.

how it ended                                   attempts left    none left
------------                                   -------------    ---------
returned, or left with "normal"                succeeded        succeeded
raised, or left with another reason            another          failed
raised Retry(delay=…)                          another          failed
raised Discard                                 failed           failed
took longer than its timeout                   another          timed_out
was cancelled                                  cancelled        cancelled
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, Literal, NamedTuple

from regrow.servers.cron.rows import Outcome

How = Literal["returned", "raised", "retry", "discard", "timed_out", "cancelled"]

# how it ended: (whether another attempt may follow, the outcome if none does)
ENDS: Final[dict[How, tuple[bool, Outcome]]] = {
    "returned": (False, "succeeded"),
    "raised": (True, "failed"),
    "retry": (True, "failed"),
    "discard": (False, "failed"),
    "timed_out": (True, "timed_out"),
    "cancelled": (False, "cancelled"),
}


class Ending(NamedTuple):
    """The way in which an attempt ended.

    Attributes:
        how: a line of the table.
        error: the last line of the traceback; None if there is none.
        delay: seconds until the next attempt, if the code has said so.
    """

    how: How
    error: str | None = None
    delay: float | None = None


class Verdict(NamedTuple):
    """The outcome of a run, or the seconds until its next attempt."""

    outcome: Outcome | None
    delay: float = 0.0


def verdict(ending: Ending, attempt: int, attempts: int, backoff: Callable[[int], float]) -> Verdict:
    """Return what follows from the end of an attempt.

    Args:
        ending: how it ended.
        attempt: its number, from 1.
        attempts: the most attempts of the job.
        backoff: returns the delay after an attempt, in seconds.
    """
    again, outcome = ENDS[ending.how]
    if not again or attempt >= attempts:
        return Verdict(outcome)
    return Verdict(None, backoff(attempt) if ending.delay is None else ending.delay)
