"""Administration of a SQLite store's queues, inside a batch's transaction."""

from __future__ import annotations

from typing import Any, Final

from regrow.servers.queue.ops import Admin, Cancel, Move, Pause, Prune, Purge, Resume, Retry
from regrow.servers.queue.sqlite.batch import SLICE, Batch
from regrow.servers.queue.sqlite.put import DELETE, HEAD, SET_STATE, holder
from regrow.servers.queue.sqlite.schema import LIVE

PAUSE: Final = (
    "INSERT INTO regrow_queues(name, paused) VALUES (?,?) ON CONFLICT(name) DO UPDATE SET paused=excluded.paused"
)
RESUME: Final = "UPDATE regrow_queues SET paused=NULL WHERE name=? AND paused IS NOT NULL RETURNING name"

# Jobs that wait, by the index of each state.
WAITING: Final = (
    "SELECT id, grp FROM regrow_jobs WHERE queue=? AND state='ready' LIMIT ?",
    "SELECT id, grp FROM regrow_jobs INDEXED BY regrow_jobs_delayed WHERE +queue=? AND state='delayed' LIMIT ?",
    f"SELECT id, grp FROM regrow_jobs INDEXED BY regrow_jobs_group WHERE queue=? AND state='blocked' AND grp IS NOT NULL AND {LIVE} LIMIT ?",
)
DEAD: Final = "SELECT id, grp FROM regrow_jobs WHERE queue=? AND state='dead' ORDER BY id LIMIT ?"
DEAD_ONE: Final = "SELECT id, grp FROM regrow_jobs WHERE queue=? AND state='dead' AND id=?"
DIED: Final = "SELECT id, queue FROM regrow_jobs WHERE state='dead' AND due_at<? ORDER BY due_at LIMIT ?"
REVIVE: Final = "UPDATE regrow_jobs SET state=?, attempts=0, due_at=? WHERE id=?"
CANCEL: Final = """DELETE FROM regrow_jobs WHERE id=? AND queue=? AND state IN ('ready','delayed','blocked')
    RETURNING state, grp"""

ACTIVE: Final = f"""SELECT id, state FROM regrow_jobs
    WHERE queue=? AND grp=? AND {LIVE} AND state IN ('ready','delayed','leased') ORDER BY state='leased' DESC"""

MOVED: Final = """SELECT id, state, grp, key, key_until IS NOT NULL AND key_until<=? FROM regrow_jobs
    WHERE queue=? AND state<>'leased' ORDER BY id LIMIT ?"""
# A ready job stays ready: the wall clock may have stepped back before its time.
_MOVE: Final = """UPDATE regrow_jobs SET queue=?, state=?,
    due_at=CASE state WHEN 'ready' THEN min(due_at, ?) ELSE due_at END"""
MOVE: Final = f"{_MOVE} WHERE id=?"
MOVE_WITHOUT_KEY: Final = f"{_MOVE}, key=NULL, key_until=NULL, key_states=NULL WHERE id=?"


def administer(batch: Batch, op: Admin) -> Any:
    """Apply an op; return its result."""
    match op:
        case Pause():
            batch.execute(PAUSE, (op.queue, op.note))
            return None
        case Resume():
            if batch.execute(RESUME, (op.queue,)).fetchall():
                batch.woke.add(op.queue)
            return None
        case Purge():
            return _purge(batch, op)
        case Retry():
            return _retry(batch, op)
        case Cancel():
            return _cancel(batch, op)
        case Prune():
            return _prune(batch, op)
        case Move():
            return _move(batch, op)


def _purge(batch: Batch, op: Purge) -> int:
    limit = min(op.limit, SLICE)
    found: list[Any] = []
    for statement in (DEAD,) if op.state == "dead" else WAITING:
        if len(found) < limit:
            found += batch.execute(statement, (op.queue, limit - len(found))).fetchall()
    batch.connection.executemany(DELETE, [(id,) for id, _ in found])
    if op.state == "dead":
        batch.dead[op.queue] -= len(found)
    else:
        batch.live[op.queue] -= len(found)
        for group in {group for _, group in found if group is not None}:
            settle(batch, op.queue, group)
    return len(found)


def _retry(batch: Batch, op: Retry) -> int:
    if op.ids:
        found = [row for id in op.ids for row in batch.execute(DEAD_ONE, (op.queue, id)).fetchall()]
        found = list(dict.fromkeys(found))
    else:
        found = batch.execute(DEAD, (op.queue, min(op.limit, SLICE))).fetchall()
    batch.connection.executemany(
        REVIVE, [("ready" if group is None else "blocked", batch.wall, id) for id, group in found]
    )
    for group in {group for _, group in found if group is not None}:
        settle(batch, op.queue, group)
    if found:
        batch.dead[op.queue] -= len(found)
        batch.live[op.queue] += len(found)
        batch.woke.add(op.queue)
    return len(found)


def _cancel(batch: Batch, op: Cancel) -> bool:
    rows = batch.execute(CANCEL, (op.id, op.queue)).fetchall()
    if not rows:
        return False
    ((state, group),) = rows
    batch.live[op.queue] -= 1
    if group is not None and state != "blocked":
        batch.advance(op.queue, group)
    return True


def _prune(batch: Batch, op: Prune) -> int:
    found = batch.execute(DIED, (batch.wall - op.older, min(op.limit, SLICE))).fetchall()
    batch.connection.executemany(DELETE, [(id,) for id, _ in found])
    for _, queue in found:
        batch.dead[queue] -= 1
    return len(found)


def _move(batch: Batch, op: Move) -> int:
    """Move jobs. A key that a job of the other queue has already stays there alone; an empty row for it is deleted."""
    if op.queue == op.to:
        return 0
    found = batch.execute(MOVED, (batch.wall, op.queue, min(op.limit, SLICE))).fetchall()
    groups: set[str] = set()
    for id, state, group, key, over in found:
        waits = state in {"ready", "delayed", "blocked"}
        if waits and group is not None:
            groups.add(group)
        taken = key is not None and (over or batch.drive(holder(op.to, key, batch.wall)) is not None)
        if taken and state == "done":
            batch.execute(DELETE, (id,))
            continue
        new = "blocked" if waits and group is not None else state
        batch.execute(MOVE_WITHOUT_KEY if taken else MOVE, (op.to, new, batch.wall, id))
        counter = batch.live if waits else batch.dead if state == "dead" else None
        if counter is not None:
            counter[op.queue] -= 1
            counter[op.to] += 1
        if state == "ready":
            batch.woke.add(op.to)
    for group in groups:
        settle(batch, op.to, group)
        settle(batch, op.queue, group)
    return len(found)


def settle(batch: Batch, queue: str, group: str) -> None:
    """Let the right job of a group go on, after jobs were added to it: the leased one, else the oldest."""
    head = batch.execute(HEAD, (queue, group)).fetchone()
    if head is None:
        return
    for id, state in batch.execute(ACTIVE, (queue, group)).fetchall():
        if state == "leased":
            head = None
        elif head is None or id != head[0]:
            batch.execute(SET_STATE, ("blocked", id))
    if head is not None:
        batch.advance(queue, group)
