"""Rows of PostgreSQL's table of jobs, as the values that ops return."""

from __future__ import annotations

import json
from typing import Any, cast

from regrow.servers.queue.job import JobError
from regrow.servers.queue.ops import Claimed, Record


def as_record(row: tuple[Any, ...], monotonic: float) -> Record:
    """Return all that the store knows of a job; its lease ends at the machine's `monotonic` and the seconds that remain."""
    id, queue, state, payload, priority, attempts, most, created_at, due_at, token, remaining, *rest = row
    holder, group, key, errors, traceparent, died_at = rest
    return Record(
        id,
        queue,
        state,
        bytes(payload),
        priority,
        attempts,
        most,
        created_at,
        due_at,
        token,
        None if remaining is None else monotonic + remaining,
        holder,
        group,
        key,
        errors_from(errors),
        traceparent,
        died_at,
    )


def as_claimed(row: tuple[Any, ...], until: float) -> Claimed:
    """Return a job for its holder."""
    _, id, queue, payload, attempts, most, token, priority, group, key, created_at, due_at, errors, traceparent = row
    return Claimed(
        id,
        queue,
        bytes(payload),
        attempts,
        most,
        token,
        until,
        priority,
        group,
        key,
        created_at,
        due_at,
        errors_from(errors),
        traceparent,
    )


def errors_from(text: str | None) -> tuple[JobError, ...]:
    """Return a job's history. What is no history, because another program wrote it, is left out."""
    if not text:
        return ()
    try:
        found: Any = json.loads(text)
    except ValueError:
        return ()
    if not isinstance(found, list):
        return ()
    return tuple(error for entry in cast("list[object]", found) if (error := _error(entry)) is not None)


def _error(entry: object) -> JobError | None:
    match entry:
        case {"attempt": int(attempt), "at": int() | float() as at, "kind": str(kind), "message": str(message)}:
            trace = cast("dict[str, Any]", entry).get("trace")
            return JobError(attempt, float(at), kind, message, trace if isinstance(trace, str) else "")
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
