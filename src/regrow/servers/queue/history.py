"""The history of a job: the errors that are added to it, and the text that SQL stores keep of it."""

from __future__ import annotations

import json
from math import isfinite
from typing import Any, cast

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


def errors_from(text: str | None) -> tuple[JobError, ...]:
    """Return a job's history. What is no history, because another program wrote it, is left out."""
    if not text:
        return ()
    try:
        found: Any = json.loads(text)
    except (ValueError, RecursionError):  # deep brackets
        return ()
    if not isinstance(found, list):
        return ()
    return tuple(error for entry in cast("list[object]", found) if (error := _error(entry)) is not None)


def _error(entry: object) -> JobError | None:
    match entry:
        case {"attempt": int(attempt), "at": int() | float() as at, "kind": str(kind), "message": str(message)}:
            try:
                when = float(at)
            except OverflowError:  # an int of hundreds of digits
                return None
            trace = cast("dict[str, Any]", entry).get("trace")
            return (
                JobError(attempt, when, kind, message, trace if isinstance(trace, str) else "")
                if isfinite(when)
                else None
            )
        case _:
            return None


def errors_to(errors: tuple[JobError, ...]) -> str | None:
    """Return a job's history as the column keeps it: a JSON list of objects, in ASCII."""
    if not errors:
        return None
    return json.dumps(
        [{"attempt": e.attempt, "at": e.at, "kind": e.kind, "message": e.message, "trace": e.trace} for e in errors],
        separators=(",", ":"),
    )
