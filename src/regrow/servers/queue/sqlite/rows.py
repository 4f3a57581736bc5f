"""Rows of the table of jobs, as the values that ops return."""

from __future__ import annotations

from typing import Any, Final

from regrow.servers.queue.history import errors_from
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
