"""Putting jobs with keys, groups and bounds, as steps: statements to run, without a connection.

A generator yields `(sql, parameters)` and receives the rows. The store drives it inside its transaction, and `put_in`
inside that of the user, on connections that block and on those whose `execute` is awaited.
"""

from __future__ import annotations

from collections.abc import Generator
from heapq import nsmallest
from itertools import takewhile
from typing import Any, Final, NamedTuple

from regrow.servers.queue.errors import Full, StoreError
from regrow.servers.queue.job import Enqueued
from regrow.servers.queue.ops import NewJob, Put
from regrow.servers.queue.sqlite.connection import Row
from regrow.servers.queue.sqlite.schema import LIVE, SCHEMA

Step = tuple[str, tuple[Any, ...]]  # a statement and its parameters
Steps = Generator[Step, list[Row], Any]

FIND_KEY: Final = (
    "SELECT id, state='done', key_until IS NOT NULL AND key_until<=? FROM regrow_jobs WHERE queue=? AND key=?"
)
FREE_KEY: Final = "UPDATE regrow_jobs SET key=NULL, key_until=NULL, key_states=NULL WHERE id=?"
DELETE: Final = "DELETE FROM regrow_jobs WHERE id=?"

_COLUMNS: Final = (
    "queue, priority, payload, max_attempts, created_at, due_at, traceparent, grp, key, key_until, key_states"
)
_IN_GROUP: Final = f"SELECT 1 FROM regrow_jobs WHERE queue=? AND grp=? AND {LIVE}"
INSERT: Final = f"""INSERT INTO regrow_jobs({_COLUMNS}, state) VALUES (?,?,?,?,?,?,?,?,?,?,?, ?)
    ON CONFLICT(queue, key) WHERE key IS NOT NULL DO NOTHING RETURNING id, state='ready'"""
INSERT_IN_GROUP: Final = f"""INSERT INTO regrow_jobs({_COLUMNS}, state) VALUES (?,?,?,?,?,?,?,?,?,?,?,
    CASE WHEN EXISTS({_IN_GROUP}) THEN 'blocked' ELSE ? END)
    ON CONFLICT(queue, key) WHERE key IS NOT NULL DO NOTHING RETURNING id, state='ready'"""

LOWEST: Final = "SELECT min(priority) FROM regrow_jobs WHERE queue=? AND state='ready'"
NEXT: Final = "SELECT min(priority) FROM regrow_jobs WHERE queue=? AND state='ready' AND priority>?"
OLDEST: Final = "SELECT id, grp FROM regrow_jobs WHERE queue=? AND state='ready' AND priority=? ORDER BY id LIMIT ?"

HEAD: Final = (
    f"SELECT id, state='blocked', due_at FROM regrow_jobs WHERE queue=? AND grp=? AND {LIVE} ORDER BY id LIMIT 1"
)
FOLLOWERS: Final = f"""SELECT due_at FROM regrow_jobs WHERE queue=? AND grp=? AND {LIVE} AND state='blocked'
    ORDER BY id LIMIT ?"""
ENTER: Final = """INSERT INTO regrow_queues(name) VALUES (?) ON CONFLICT(name) DO UPDATE SET live=live
    RETURNING live, (SELECT value FROM regrow_queue_meta WHERE key='schema')"""
ADD: Final = "UPDATE regrow_queues SET live=live+? WHERE name=?"
SET_STATE: Final = "UPDATE regrow_jobs SET state=? WHERE id=?"


class Stored(NamedTuple):
    """The effects of a put: its answers, and the change of the number of live jobs."""

    answers: list[Enqueued]
    added: int
    dropped: int
    ready: bool


def due_of(job: NewJob, wall: float) -> float:
    """Return the time from which a job may be claimed."""
    return wall + job.delay if job.at is None else job.at


def put_steps(put: Put, wall: float, live: int) -> Steps:
    """Put jobs, all or none; `live` is the number of live jobs of the queue. Returns Stored, or None without room."""
    first: dict[str, int] = {}  # key, and the place in the answers of the job that has it
    answers: list[Enqueued | None] = [None] * len(put.jobs)
    fresh: list[int] = []
    twins: list[tuple[int, int]] = []
    for place, job in enumerate(put.jobs):
        if job.key is None:
            fresh.append(place)
        elif job.key in first:
            twins.append((place, first[job.key]))
        else:
            answers[place] = yield from holder(put.queue, job.key, wall)
            if answers[place] is None:
                first[job.key] = place
                fresh.append(place)
    dropped, ready = 0, False
    if put.bound is not None and (over := live + len(fresh) - put.bound) > 0 and fresh:
        if put.full == "wait" or len(fresh) > put.bound:
            return None
        if not (yield from _can_drop(put.queue, over, wall)):
            return None
        dropped, ready = over, (yield from _drop(put.queue, over, wall))
    added = 0
    for place in fresh:
        job = put.jobs[place]
        rows = yield _insert(put.queue, job, wall)
        if rows:
            answers[place] = Enqueued(rows[0][0])
            added += 1
            ready = ready or bool(rows[0][1])
        elif job.key is not None:  # in autocommit mode, another connection was faster
            answers[place] = yield from holder(put.queue, job.key, wall)
    for place, original in twins:
        found = answers[original]
        answers[place] = found and Enqueued(found.id, duplicate=True)
    return Stored([answer for answer in answers if answer is not None], added, dropped, ready)


def put_in_steps(put: Put, wall: float) -> Steps:
    """Put jobs in a transaction of the user, all or none. Returns their answers.

    The first statement writes: it begins the transaction where Python's `sqlite3` begins it by itself, and takes the
    write lock, so that what is read afterwards is not changed by another connection. Only then is the savepoint, for
    one that begins a transaction would commit it as well.

    Raises:
        Full: there is no room.
        StoreError: the tables have another version.
    """
    yield ENTER, (put.queue,)
    yield "SAVEPOINT regrow_put", ()
    try:
        ((live, version),) = yield ENTER, (put.queue,)
        if version != SCHEMA:
            raise StoreError(
                f"put_in: the tables of regrow.queue in this database have version {version}, and this regrow writes "
                f"version {SCHEMA}. Let all programs that use the file have the same regrow"
            )
        stored: Stored | None = yield from put_steps(put, wall, live)
        if stored is None:
            raise Full(
                f"queue {put.queue!r} has {live} live jobs, and takes {put.bound}: no room for {len(put.jobs)} more"
            )
        yield ADD, (stored.added - stored.dropped, put.queue)
    except Exception:
        yield "ROLLBACK TO regrow_put", ()
        yield "RELEASE regrow_put", ()
        raise
    yield "RELEASE regrow_put", ()
    return stored.answers


def _insert(queue: str, job: NewJob, wall: float) -> tuple[str, tuple[Any, ...]]:
    due = due_of(job, wall)
    key_until = None if job.key is None or job.key_for is None else wall + job.key_for
    key_states = None if job.key is None else job.key_states
    state = "delayed" if due > wall else "ready"
    row = (
        queue,
        job.priority,
        job.payload,
        job.max_attempts,
        wall,
        due,
        job.traceparent,
        job.group,
        job.key,
        key_until,
        key_states,
    )
    if job.group is None:
        return INSERT, (*row, state)
    return INSERT_IN_GROUP, (*row, queue, job.group, state)


def holder(queue: str, key: str, wall: float) -> Steps:
    """Return the answer to a put whose key another job has; None if the key is free, or its time is over."""
    rows = yield FIND_KEY, (wall, queue, key)
    if not rows:
        return None
    id, done, over = rows[0]
    if not over:
        return Enqueued(id, duplicate=True)
    yield DELETE if done else FREE_KEY, (id,)
    return None


def _oldest(queue: str, count: int) -> Steps:
    """Return the ready jobs with the lowest ids, as pairs (id, group), whatever their priorities."""
    found: list[Row] = []
    rows = yield LOWEST, (queue,)
    while (priority := rows[0][0]) is not None:
        found += yield OLDEST, (queue, priority, count)
        rows = yield NEXT, (queue, priority)
    return nsmallest(count, found)


def _can_drop(queue: str, count: int, wall: float) -> Steps:
    """Return whether so many jobs can be dropped: ready ones, and those that become ready when these go."""
    victims = yield from _oldest(queue, count)
    found = len(victims)
    for _, group in victims:
        if found < count and group is not None:
            followers = yield FOLLOWERS, (queue, group, count)
            found += len(list(takewhile(lambda row: row[0] <= wall, followers)))
    return found >= count


def _drop(queue: str, count: int, wall: float) -> Steps:
    """Delete the oldest ready jobs; return whether others have become ready."""
    ready = False
    while count > 0:
        victims = yield from _oldest(queue, count)
        for id, group in victims:
            yield DELETE, (id,)
            count -= 1
            if group is not None and (yield from advance(queue, group, wall)):
                ready = True
                break  # the next of the group may be older than the other victims
    return ready


def advance(queue: str, group: str, wall: float) -> Steps:
    """Let the oldest live job of a group go on, after the one before it has left. Returns whether it became ready.

    The group has no leased job.
    """
    rows = yield HEAD, (queue, group)
    if not rows or not rows[0][1]:
        return False
    id, _, due = rows[0]
    yield SET_STATE, ("delayed" if due > wall else "ready", id)
    return due <= wall
