"""Reads of a SQLite store, without its write lock.

Nothing is swept before a read: the rows are read as they are.
"""

from __future__ import annotations

from typing import Any, Final

from regrow.servers.queue.job import Stats
from regrow.servers.queue.ops import Count, Look, Peek, Read, ReadDead, ReadStats, Show
from regrow.servers.queue.sqlite.connection import Connection
from regrow.servers.queue.sqlite.rows import RECORD, as_record
from regrow.servers.queue.sqlite.schema import LIVE

LIVE_OF: Final = "SELECT live FROM regrow_queues WHERE name=?"
QUEUES: Final = "SELECT name, live, dead, paused FROM regrow_queues"
# Ready jobs are what is left of the live ones: usually they are by far the most.
COUNTS: Final = (
    ("leased", "SELECT queue, count(*) FROM regrow_jobs INDEXED BY regrow_jobs_leased WHERE state='leased'"),
    ("delayed", "SELECT queue, count(*) FROM regrow_jobs INDEXED BY regrow_jobs_delayed WHERE state='delayed'"),
    (
        "blocked",
        f"SELECT queue, count(*) FROM regrow_jobs INDEXED BY regrow_jobs_group WHERE grp IS NOT NULL AND {LIVE} AND state='blocked'",
    ),
)
PEEK: Final = "SELECT payload FROM regrow_jobs WHERE queue=? AND state='ready' ORDER BY priority, id LIMIT ?"
READ_DEAD: Final = f"SELECT {RECORD} FROM regrow_jobs WHERE queue=? AND state='dead' AND id<? ORDER BY id DESC LIMIT ?"
SHOW: Final = f"SELECT {RECORD} FROM regrow_jobs WHERE id=?"
TAIL: Final = f"SELECT {RECORD} FROM regrow_jobs WHERE id>? AND (? IS NULL OR queue=?) ORDER BY id LIMIT ?"
TO_CLAIM: Final = """SELECT 1 FROM regrow_jobs WHERE queue=? AND state='ready'
    AND NOT EXISTS(SELECT 1 FROM regrow_queues WHERE name=? AND paused IS NOT NULL) LIMIT 1"""
MOST_ID: Final = 2**63 - 1


def read(connection: Connection, op: Read) -> Any:
    """Return the result of a read."""
    match op:
        case Count():
            row = connection.execute(LIVE_OF, (op.queue,)).fetchone()
            return 0 if row is None else row[0]
        case ReadStats():
            return _stats(connection, op.queue)
        case Peek():
            rows = connection.execute(PEEK, (op.queue, max(0, op.count))).fetchall()
            return [payload for (payload,) in rows]
        case ReadDead():
            before = MOST_ID if op.before is None else op.before
            return [
                as_record(row) for row in connection.execute(READ_DEAD, (op.queue, before, max(0, op.count))).fetchall()
            ]
        case Show():
            if op.id is not None:
                rows = connection.execute(SHOW, (op.id,)).fetchall()
                return [as_record(row) for row in rows if op.queue is None or row[1] == op.queue]
            rows = connection.execute(TAIL, (op.after, op.queue, op.queue, max(0, op.count))).fetchall()
            return [as_record(row) for row in rows]
        case Look():
            return _look(connection, op)


def _stats(connection: Connection, queue: str | None) -> dict[str, Stats]:
    counts: dict[str, dict[str, int]] = {name: {} for name, _ in COUNTS}
    for state, sql in COUNTS:
        # The plus keeps SQLite from an index that begins with the queue, and reads more rows.
        where, of = ("", ()) if queue is None else (f" AND {'' if state == 'blocked' else '+'}queue=?", (queue,))
        counts[state].update(connection.execute(f"{sql}{where} GROUP BY queue", of).fetchall())
    where, of = ("", ()) if queue is None else (" WHERE name=?", (queue,))
    found = {} if queue is None else {queue: Stats()}
    for name, live, dead, paused in connection.execute(QUEUES + where, of).fetchall():
        leased, delayed, blocked = (counts[state].get(name, 0) for state in ("leased", "delayed", "blocked"))
        ready = max(0, live - leased - delayed - blocked)
        found[name] = Stats(ready, delayed, leased, blocked, dead, paused)
    return found


def _look(connection: Connection, op: Look) -> frozenset[str]:
    found: set[str] = set()
    for queue in op.wanting:
        if connection.execute(TO_CLAIM, (queue, queue)).fetchone() is not None:
            found.add(queue)
    for queue, bound in op.full:
        row = connection.execute(LIVE_OF, (queue,)).fetchone()
        if row is None or row[0] < bound:
            found.add(queue)
    return frozenset(found)
