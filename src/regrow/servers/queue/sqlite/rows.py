"""Rows of the table of jobs, as the values that ops return."""

from __future__ import annotations

import json
from typing import Any, Final, cast

from regrow.servers.queue.job import JobError
from regrow.servers.queue.ops import Claimed, Record
from regrow.servers.queue.sqlite.connection import Row

RECORD: Final = (
    "id, queue, state, payload, priority, attempts, max_attempts, created_at, due_at, token, lease_until, holder, grp, "
    "key, errors, traceparent"
)


CLAIMED: Final = (
    "id, payload, attempts, token, max_attempts, priority, grp, key, created_at, due_at, errors, traceparent"
)


def as_claimed(row: Row, queue: str, token: int, until: float) -> Claimed:
    """Return a job for its holder, from the columns `CLAIMED`."""
    id, payload, attempts, _, most, priority, group, key, created, due, errors, trace = row
    history = errors_from(errors) if errors else ()
    lease = (attempts + 1, most, token, until)
    return Claimed(id, queue, payload, *lease, priority, group, key, created, due, history, trace)


def as_record(row: Row) -> Record:
    """Return all that the store knows of a job, from the columns `RECORD`."""
    died_at = row[8] if row[2] == "dead" else None
    values: list[Any] = [*row[:14], errors_from(row[14]), row[15], died_at]
    return Record(*values)


def errors_from(text: str | None) -> tuple[JobError, ...]:
    """Return a job's history. What is no history, because another program wrote it, is left out."""
    if not text:
        return ()
    try:
        found: Any = json.loads(text)
    except ValueError:
        return ()
    match found:
        case [*entries]:
            return tuple(error for entry in entries if (error := _error(entry)) is not None)
        case _:
            return ()


def _error(entry: Any) -> JobError | None:
    match entry:
        case {"attempt": int(attempt), "at": int() | float() as at, "kind": str(kind), "message": str(message)}:
            trace = cast("dict[str, Any]", entry).get("trace")
            return JobError(attempt, float(at), kind, message, trace if isinstance(trace, str) else "")
        case _:
            return None


def errors_to(errors: tuple[JobError, ...]) -> str | None:
    """Return a job's history as the column keeps it: a JSON list of objects."""
    if not errors:
        return None
    return json.dumps(
        [{"attempt": e.attempt, "at": e.at, "kind": e.kind, "message": e.message, "trace": e.trace} for e in errors],
        separators=(",", ":"),
    )
