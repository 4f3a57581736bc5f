"""The errors that a queue adds to the history of a job."""

from __future__ import annotations

from regrow.kernel.bounded_repr import safe_repr
from regrow.servers.queue.job import MOST_MESSAGE, JobError


def job_error(attempt: int, kind: str, message: object) -> JobError:
    """Return an error for a job's history; the store sets its time.

    Args:
        attempt: its number.
        kind: one word.
        message: a string of any length, or None.

    Raises:
        TypeError: the message is no string.
    """
    if message is not None and not isinstance(message, str):
        raise TypeError(f"error: wanted a string, got {safe_repr(message)}")
    text = (message or "").encode(errors="replace").decode()
    return JobError(attempt, 0.0, kind, text[:MOST_MESSAGE])
