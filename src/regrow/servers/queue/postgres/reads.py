"""Reads of PostgreSQL's jobs, without locks; and what `check` looks for."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, LiteralString

from regrow.servers.queue.job import Stats
from regrow.servers.queue.ops import Count, Look, Peek, Read, ReadDead, ReadStats, Show
from regrow.servers.queue.postgres.puts import WHOLE
from regrow.servers.queue.postgres.rows import as_record
from regrow.servers.queue.postgres.sql import Statements
from regrow.servers.queue.store import Clocks

Rows = Callable[..., list[tuple[Any, ...]]]

STATES: Final = ("ready", "delayed", "leased", "blocked", "dead")


def read(rows: Rows, sql: Statements, op: Read, clocks: Clocks) -> Any:
    """Return the result of a read; `rows` executes a statement."""
    match op:
        case Count():
            return rows(sql.count, (op.queue, op.queue))[0][0]
        case ReadStats():
            return _stats(rows, sql, op.queue)
        case Peek():
            return [bytes(payload) for (payload,) in rows(sql.peek, (op.queue, op.count))]
        case ReadDead():
            before = WHOLE - 1 if op.before is None else max(-WHOLE, min(op.before, WHOLE - 1))
            monotonic = clocks().monotonic
            return [as_record(row, monotonic) for row in rows(sql.dead, (op.queue, before, op.count))]
        case Show():
            return _show(rows, sql, op, clocks().monotonic)
        case Look():
            found = {name for (name,) in rows(sql.wanting, (sorted(op.wanting),))} if op.wanting else set[str]()
            found |= {name for name, bound in op.full if rows(sql.count, (name, name))[0][0] < bound}
            return frozenset(found)


def _stats(rows: Rows, sql: Statements, queue: str | None) -> dict[str, Stats]:
    counts: dict[str, dict[str, Any]] = {} if queue is None else {queue: {}}
    for name, state, count in rows(sql.stats) if queue is None else rows(sql.stats_of, (queue,)):
        counts.setdefault(name, {})[state] = count
    for name, paused in rows(sql.paused) if queue is None else rows(sql.paused_of, (queue,)):
        counts.setdefault(name, {})["paused"] = paused
    return {name: Stats(**found) for name, found in counts.items()}


def _show(rows: Rows, sql: Statements, op: Show, monotonic: float) -> list[Any]:
    if op.id is None:
        after = max(-WHOLE, min(op.after, WHOLE - 1))
        found = rows(sql.show_after, (after, op.queue, op.queue, op.count))
    elif -WHOLE <= op.id < WHOLE:
        found = rows(sql.show, (op.id, op.queue, op.queue))
    else:
        found = []
    return [as_record(row, monotonic) for row in found]


# Each finds rows that contradict themselves; the text is one line about each.
CHECKS: Final[tuple[tuple[str, LiteralString], ...]] = (
    (
        "job {} of the queue {!r} is leased without an end of its lease",
        "SELECT id, queue FROM {jobs} WHERE state = 'leased' AND (lease_until IS NULL OR leased_at IS NULL) LIMIT 100",
    ),
    (
        "job {} of the queue {!r} is {}, and has a lease",
        """SELECT id, queue, state FROM {jobs} WHERE state <> 'leased'
            AND (lease_until IS NOT NULL OR leased_at IS NOT NULL) LIMIT 100""",
    ),
    (
        "job {} of the queue {!r} is blocked without a group",
        "SELECT id, queue FROM {jobs} WHERE state = 'blocked' AND grp IS NULL LIMIT 100",
    ),
    (
        "queue {!r}: {} jobs of the group {!r} are not blocked, and one should be",
        """SELECT queue, count(*) FILTER (WHERE {active}), grp FROM {jobs} WHERE grp IS NOT NULL AND {live}
            GROUP BY queue, grp HAVING count(*) FILTER (WHERE {active}) <> 1 LIMIT 100""",
    ),
    (
        "queue {!r}: {} live jobs were counted, and there are {}",
        """SELECT name, live, found FROM (SELECT q.name, q.live,
            (SELECT count(*) FROM {jobs} j WHERE j.queue = q.name AND j.{live}) AS found FROM {queues} q
            WHERE q.live IS NOT NULL) s WHERE live <> found LIMIT 100""",
    ),
    (
        "queue {!r}: the key {!r} is that of {} jobs",
        """SELECT queue, key, count(*) FROM {jobs} WHERE key IS NOT NULL GROUP BY queue, key
            HAVING count(*) > 1 LIMIT 100""",
    ),
    (
        "job {} of the queue {!r} is dead without the time of its death",
        "SELECT id, queue FROM {jobs} WHERE state = 'dead' AND died_at IS NULL LIMIT 100",
    ),
    (
        "job {} of the queue {!r} is done without a key",
        "SELECT id, queue FROM {jobs} WHERE state = 'done' AND key IS NULL LIMIT 100",
    ),
)

INVALID: Final = """SELECT w.name FROM unnest(%s::text[]) AS w(name) WHERE NOT EXISTS(
    SELECT FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
    JOIN pg_catalog.pg_index i ON i.indexrelid = c.oid
    WHERE n.nspname = %s AND c.relname = w.name AND i.indisvalid AND i.indisready)"""
