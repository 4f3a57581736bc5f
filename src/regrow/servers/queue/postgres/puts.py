"""Puts into PostgreSQL as steps: statements to run, without a connection.

A generator yields `(statement, parameters)` and receives the rows. The store drives it inside its transaction, and
`put_in` inside that of the user, on connections that block and on those whose `execute` is awaited.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Generator, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Final

from regrow.servers.queue.errors import StoreError
from regrow.servers.queue.job import Enqueued
from regrow.servers.queue.ops import NewJob, Put
from regrow.servers.queue.postgres.sql import Statements

Steps = Generator[tuple[bytes, tuple[Any, ...]], list[tuple[Any, ...]], Any]

LONGEST_NAME: Final = 2_400  # bytes of a queue's name with a key or a group: an entry of an index has 2,700
FARTHEST: Final = 1e11  # seconds, three thousand years: PostgreSQL's times end somewhere, and a float's do not
WHOLE: Final = 1 << 63
NONE_KNOWN: Final[Mapping[tuple[str, str], int]] = MappingProxyType({})
MOST_TRIES: Final = 20  # of a put whose key another process takes and frees at once


@dataclass
class Changes:
    """The effects of a transaction, so far.

    Attributes:
        live: the counted queues, and the live jobs that they had at the beginning. Their rows are locked.
        change: live jobs more or less, by queue.
        woke: queues in which jobs have become ready.
        unsettled: pairs (queue, group) from which a job has left.
        crossed: those of `unsettled` in which a job may have become live before one that is under way.
    """

    live: dict[str, int] = field(default_factory=dict[str, int])
    change: Counter[str] = field(default_factory=Counter[str])
    woke: set[str] = field(default_factory=set[str])
    unsettled: set[tuple[str, str]] = field(default_factory=set[tuple[str, str]])
    crossed: set[tuple[str, str]] = field(default_factory=set[tuple[str, str]])

    def left(self, queue: str, group: str | None, count: int = 1) -> None:
        """Note that live jobs have left a queue, and a group of it."""
        self.change[queue] -= count
        if group is not None:
            self.unsettled.add((queue, group))

    def freed(self) -> frozenset[str]:
        """Return the queues that have fewer live jobs than before."""
        return frozenset(name for name, change in self.change.items() if change < 0)


def seconds(value: float | None) -> float | None:
    """Return seconds within the range of PostgreSQL's times."""
    return None if value is None else min(max(value, -FARTHEST), FARTHEST)


def is_storable(text: str) -> bool:
    """Return whether PostgreSQL stores a text: it has no NUL, and no lone surrogate."""
    return "\0" not in text and (text.isascii() or not any("\ud800" <= char <= "\udfff" for char in text))


def printable(text: str) -> str:
    """Return a text that PostgreSQL stores."""
    return text.encode("utf-8", "replace").decode().replace("\0", "\N{REPLACEMENT CHARACTER}")


def problem(put: Put) -> StoreError | None:
    """Return why PostgreSQL cannot store a put; None if it can."""
    for job in put.jobs:
        for what, text in (
            ("queue", put.queue),
            ("key", job.key),
            ("group", job.group),
            ("traceparent", job.traceparent),
        ):
            if text is None:
                continue
            if not is_storable(text):
                return StoreError(f"{what}={text!r}: PostgreSQL stores no text with NUL or lone surrogates")
            if what in {"key", "group"} and len((put.queue + text).encode()) > LONGEST_NAME:
                return StoreError(
                    f"{what}={text[:40]!r}…: PostgreSQL's index takes {LONGEST_NAME} bytes of a queue's name and a {what}, "
                    f"and these have {len((put.queue + text).encode())}; use a digest of it"
                )
        for what, number in (("priority", job.priority), ("attempts", job.max_attempts)):
            if not -WHOLE <= number < WHOLE:
                return StoreError(f"{what}={number}: PostgreSQL stores whole numbers of 64 bits")
    return None


def pairs(groups: Iterable[tuple[str, str]]) -> tuple[list[str], list[str]]:
    """Return pairs as two lists, sorted."""
    ordered = sorted(groups)
    return [first for first, _ in ordered], [second for _, second in ordered]


def put_steps(sql: Statements, puts: Sequence[Put], changes: Changes) -> Steps:
    """Apply puts, whose groups are locked, and whose queues are locked if they are counted.

    Returns:
        For each put its answers, or None if its queue has no room.
    """
    counted = [put for put in puts if put.queue in changes.live]
    taken = yield from _taken(sql, counted)
    accepted: list[int] = []  # the places of puts that have room and are not inserted yet
    results: list[list[Enqueued] | None] = [None] * len(puts)
    expected: Counter[str] = Counter()
    for place, put in enumerate(puts):
        keys = {(put.queue, job.key) for job in put.jobs if job.key is not None}
        new = sum(job.key is None for job in put.jobs) + len(keys - taken.keys())
        if put.bound is not None and new and new > _room(put, put.bound, expected, changes):
            if put.full == "wait" or new > put.bound:
                continue
            # The oldest job may be one of those that were put before.
            yield from _insert(sql, puts, accepted, results, changes)
            expected.clear()
            taken = yield from _taken(sql, counted)
            if (yield from _make_room(sql, put.queue, new - _room(put, put.bound, expected, changes), changes)):
                # A duplicate stays one when its job was dropped: there is no room for it.
                yield from _insert(sql, puts, [place], results, changes, taken)
                taken = yield from _taken(sql, counted)
            continue
        taken |= dict.fromkeys(keys - taken.keys(), 0)
        expected[put.queue] += new
        accepted.append(place)
    yield from _insert(sql, puts, accepted, results, changes)
    return results


def _room(put: Put, bound: int, expected: Counter[str], changes: Changes) -> int:
    """Return how many jobs the queue of a put takes; `expected` are those that are not inserted yet."""
    return bound - changes.live.get(put.queue, 0) - changes.change[put.queue] - expected[put.queue]


def _insert(
    sql: Statements,
    puts: Sequence[Put],
    places: list[int],
    results: list[list[Enqueued] | None],
    changes: Changes,
    known: Mapping[tuple[str, str], int] = NONE_KNOWN,
) -> Steps:
    """Insert the jobs of the puts at these places, set their answers, and clear the list of places.

    A job whose key is in `known` is a duplicate of the job with that id, whether that is still there or not.
    """
    if places:
        answers = yield from _insert_all(sql, [puts[place] for place in places], changes, known)
        for place in places:
            results[place] = [next(answers) for _ in puts[place].jobs]
        places.clear()


def _taken(sql: Statements, puts: Sequence[Put]) -> Steps:
    """Return the keys of these puts that other jobs hold."""
    keys = {(put.queue, job.key) for put in puts for job in put.jobs if job.key is not None}
    if not keys:
        return {}
    rows = yield sql.keys, pairs(keys)
    return {(queue, key): id for queue, key, id, over in rows if not over}


def _make_room(sql: Statements, queue: str, surplus: int, changes: Changes) -> Steps:
    """Return whether the oldest ready jobs made room. Jobs of a group that become ready through it are dropped too."""
    yield from settle_steps(sql, changes)  # the next job of a group that an ack has left is ready
    yield b"SAVEPOINT room", ()
    groups: list[tuple[str, str]] = []
    left = surplus
    while left > 0:
        rows = yield sql.drop, (queue, left)
        if not rows:
            yield b"ROLLBACK TO SAVEPOINT room", ()
            return False
        left -= len(rows)
        found = {(queue, group) for queue, group in rows if group is not None}
        if found:
            yield sql.lock_groups, pairs(found)
            ready = yield sql.promote, pairs(found)
            changes.woke.update(queue for queue, state in ready if state == "ready")
            groups += found
    yield b"RELEASE SAVEPOINT room", ()
    changes.change[queue] -= surplus
    changes.unsettled.update(groups)
    return True


def _insert_all(sql: Statements, puts: Sequence[Put], changes: Changes, known: Mapping[tuple[str, str], int]) -> Steps:
    """Insert the jobs of puts in one statement; return an iterator of the answers, one for each job."""
    jobs = [(put.queue, job) for put in puts for job in put.jobs]
    answers: list[Enqueued | None] = [None] * len(jobs)
    holders: dict[tuple[str, str], int] = {}  # the place of the first job of a key
    twins: list[tuple[int, int]] = []
    places: list[int] = []
    for place, (queue, job) in enumerate(jobs):
        if job.key is not None and (id := known.get((queue, job.key))) is not None:
            answers[place] = Enqueued(id, duplicate=True)
        elif job.key is not None and (first := holders.setdefault((queue, job.key), place)) != place:
            twins.append((place, first))
        else:
            places.append(place)
    for _ in range(MOST_TRIES):
        rows = yield sql.insert, columns([jobs[place] for place in places])
        _assign(rows, jobs, places, holders, answers, changes)
        places = [place for place in places if answers[place] is None]
        if not places:
            break
        places = yield from _duplicates(sql, jobs, places, answers, changes)
        if not places:
            break
    else:
        raise StoreError(f"queue {jobs[places[0]][0]!r}: other processes put and end jobs of the same keys at once")
    for place, first in twins:
        found = answers[first]
        assert found is not None
        answers[place] = Enqueued(found.id, duplicate=True)
    return iter(answers)


def columns(jobs: Sequence[tuple[str, NewJob]]) -> tuple[list[Any], ...]:
    """Return jobs as the arrays of the insert."""
    rows: list[tuple[Any, ...]] = []
    seen: set[tuple[str, str]] = set()
    for queue, job in jobs:
        later = False
        if job.group is not None:
            later = (queue, job.group) in seen
            seen.add((queue, job.group))
        keyed = job.key is not None
        rows.append(
            (
                queue,
                job.priority,
                job.payload,
                job.max_attempts,
                job.traceparent,
                seconds(job.delay),
                seconds(job.at),
                job.group,
                later,
                job.key,
                seconds(job.key_for) if keyed else None,
                job.key_states if keyed else None,
            )
        )
    return tuple(list(column) for column in zip(*rows, strict=True))


def _assign(
    rows: list[tuple[Any, ...]],
    jobs: list[tuple[str, NewJob]],
    places: list[int],
    holders: dict[tuple[str, str], int],
    answers: list[Enqueued | None],
    changes: Changes,
) -> None:
    """Give the ids of inserted rows to the jobs: those with keys by their keys, the others by their order."""
    unkeyed = (place for place in places if jobs[place][1].key is None)
    for id, queue, key, state in sorted(rows, key=lambda row: row[0]):
        place = next(unkeyed) if key is None else holders[queue, key]
        answers[place] = Enqueued(id)
        changes.change[queue] += 1
        if state == "ready":
            changes.woke.add(queue)


def _duplicates(
    sql: Statements,
    jobs: list[tuple[str, NewJob]],
    places: list[int],
    answers: list[Enqueued | None],
    changes: Changes,
) -> Steps:
    """Answer the jobs whose keys others hold; return the places of those whose keys are free by now."""
    wanted: dict[tuple[str, str], int] = {}
    for place in places:
        queue, job = jobs[place]
        assert job.key is not None
        wanted[queue, job.key] = place
        if job.group is not None:  # the insert counted it as the first of its group
            changes.unsettled.add((queue, job.group))
    rows = yield sql.keys, pairs(wanted)
    over = [id for _, _, id, is_over in rows if is_over]
    for queue, key, id, is_over in rows:
        if not is_over:
            answers[wanted[queue, key]] = Enqueued(id, duplicate=True)
    if over:
        yield sql.delete_done, (over,)
        yield sql.clear_keys, (over,)
    return [place for place in places if answers[place] is None]


def settle_steps(sql: Statements, changes: Changes) -> Steps:
    """Let the oldest live job of each group go on that another has left. Returns the ids of jobs that had to stop."""
    stopped: set[int] = set()
    if changes.crossed:
        rows = yield sql.demote, pairs(changes.crossed)
        stopped = {id for (id,) in rows}
    if groups := changes.unsettled | changes.crossed:
        rows = yield sql.promote, pairs(groups)
        changes.woke.update(queue for queue, state in rows if state == "ready")
        changes.unsettled.clear()
        changes.crossed.clear()
    return stopped
