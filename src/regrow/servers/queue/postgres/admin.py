"""Administration of PostgreSQL's jobs as steps, in slices.

The groups that an op touches are found first, and locked before its jobs are: a group's lock is taken before its rows.
"""

from __future__ import annotations

from typing import Any

from regrow.servers.queue.ops import Admin, Cancel, Move, Pause, Prune, Purge, Resume, Retry
from regrow.servers.queue.postgres.puts import WHOLE, Changes, Steps, pairs, seconds
from regrow.servers.queue.postgres.sql import Statements


def admin_steps(sql: Statements, op: Admin, changes: Changes) -> Steps:
    """Apply one op; return its result."""
    match op:
        case Pause():
            yield sql.pause, (op.queue, op.note)
            return None
        case Resume():
            rows = yield sql.resume, (op.queue,)
            if rows:
                changes.woke.add(op.queue)
            return None
        case Purge():
            return (yield from _purge(sql, op, changes))
        case Retry():
            return (yield from _retry(sql, op, changes))
        case Cancel():
            if not 0 < op.id < WHOLE:
                return False
            return bool((yield from _delete_waiting(sql, op.queue, [(op.id, None)], changes)))
        case Prune():
            rows = yield sql.prune, (seconds(op.older), op.limit)
            return len(rows)
        case Move():
            return (yield from _move(sql, op, changes))


def _lock_groups(sql: Statements, found: list[tuple[Any, ...]], *queues: str) -> Steps:
    """Lock the groups of jobs, given as pairs (id, group), in these queues; return their names."""
    groups = {group for _, group in found if group is not None}
    if groups:
        yield sql.lock_groups, pairs({(queue, group) for queue in queues for group in groups})
    return groups


def _purge(sql: Statements, op: Purge, changes: Changes) -> Steps:
    if op.state == "dead":
        rows = yield sql.purge_dead, (op.queue, op.limit)
        return len(rows)
    found = yield sql.waiting, (op.queue, op.limit)
    yield from _lock_groups(sql, found, op.queue)
    return (yield from _delete_waiting(sql, op.queue, found, changes))


def _delete_waiting(sql: Statements, queue: str, found: list[tuple[Any, ...]], changes: Changes) -> Steps:
    rows = yield sql.delete_waiting, (queue, [id for id, _ in found])
    for name, group in rows:
        changes.left(name, group)
    return len(rows)


def _retry(sql: Statements, op: Retry, changes: Changes) -> Steps:
    if op.ids:
        found = yield sql.some_dead, (op.queue, [id for id in set(op.ids) if 0 < id < WHOLE])
    else:
        found = yield sql.dead_ids, (op.queue, op.limit)
    yield from _lock_groups(sql, found, op.queue)
    rows = yield sql.retry, (op.queue, [id for id, _ in found])
    for queue, group in rows:
        changes.change[queue] += 1
        if group is None:
            changes.woke.add(queue)
        else:
            changes.crossed.add((queue, group))
    return len(rows)


def _move(sql: Statements, op: Move, changes: Changes) -> Steps:
    if op.queue == op.to:
        return 0
    found = yield sql.movable, (op.queue, op.limit)
    yield from _lock_groups(sql, found, op.queue, op.to)
    rows = yield sql.move, (op.queue, [id for id, _ in found], op.to, op.to)
    keyless: list[int] = []
    for id, live, state, group, key in rows:
        if live:
            changes.left(op.queue, group)
            changes.change[op.to] += 1
            if group is not None:
                changes.crossed.add((op.to, group))
            elif state == "ready":
                changes.woke.add(op.to)
        elif state == "done" and key is None:
            keyless.append(id)
    if keyless:
        yield sql.delete_keyless, (keyless,)
    return len(rows)
