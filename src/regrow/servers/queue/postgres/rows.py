"""Rows of PostgreSQL's table of jobs, as the values that ops return."""

from __future__ import annotations

from typing import Any

from regrow.servers.queue.history import errors_from
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
