"""The ops of one transaction: what has come by time, acks, puts, administration and claims, in this order.

The counters of live and dead jobs are summed up here, and written once before the commit.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from itertools import islice
from math import isnan
from typing import Any, Final, TypeVar

from regrow.servers.queue.errors import LeaseLost, QueueError, StoreError
from regrow.servers.queue.history import errors_from, errors_to
from regrow.servers.queue.job import Enqueued
from regrow.servers.queue.ops import Ack, Claim, Claimed, Extend, Nack, Op, Put
from regrow.servers.queue.outcome import End, lease_over, left, with_error
from regrow.servers.queue.rate import share
from regrow.servers.queue.sqlite.connection import Connection, Row, is_of_one_op
from regrow.servers.queue.sqlite.put import DELETE, Steps, Stored, advance, due_of, put_steps
from regrow.servers.queue.sqlite.rows import CLAIMED, as_claimed
from regrow.servers.queue.sqlite.schema import SCHEMA, newer
from regrow.servers.queue.store import Times

T = TypeVar("T")

SLICE: Final = 10_000  # rows that one commit frees, promotes or deletes
CHUNK: Final = 64  # rows of one statement
NOT_A_NUMBER: Final = ValueError("the seconds of the lease are not a number")
MOST_ID: Final = 2**63 - 1

_ROW: Final = "(?,?,?,?,?,?,?,?)"
_PUT: Final = (
    "INSERT INTO regrow_jobs(queue, state, priority, payload, max_attempts, created_at, due_at, traceparent) VALUES "
)
PUT_ONE: Final = _PUT + _ROW
PUT_CHUNK: Final = _PUT + ",".join([_ROW] * CHUNK)
LAST_ID: Final = "SELECT last_insert_rowid()"

SWEEP: Final = """SELECT (SELECT value FROM regrow_queue_meta WHERE key='schema'),
    (SELECT min(due_at) FROM regrow_jobs WHERE state='delayed'),
    (SELECT min(lease_until) FROM regrow_jobs WHERE state='leased'),
    (SELECT min(key_until) FROM regrow_jobs WHERE state='done')"""
TIMERS: Final = """SELECT (SELECT min(due_at) FROM regrow_jobs WHERE state='delayed'),
    (SELECT min(lease_until) FROM regrow_jobs WHERE state='leased')"""
PROMOTE: Final = """UPDATE regrow_jobs SET state='ready' WHERE id IN
    (SELECT id FROM regrow_jobs WHERE state='delayed' AND due_at<=? ORDER BY due_at LIMIT ?) RETURNING queue"""
FORGET_DONE: Final = """DELETE FROM regrow_jobs WHERE id IN
    (SELECT id FROM regrow_jobs WHERE state='done' AND key_until<=? LIMIT ?)"""

_LEASE: Final = "id, token, queue, attempts, max_attempts, due_at, holder, grp, key, key_until, key_states, errors"
_LEASED: Final = f"SELECT {_LEASE} FROM regrow_jobs WHERE state='leased' AND "
OVER: Final = _LEASED + "lease_until<=? ORDER BY lease_until LIMIT ?"
OF_ANOTHER_BOOT: Final = _LEASED + "leased_at>?"
HELD_ONE: Final = _LEASED + "+lease_until>? AND id=?"  # the plus keeps SQLite from the index of lease_until
HELD_CHUNK: Final = _LEASED + f"+lease_until>? AND id IN ({','.join('?' * CHUNK)})"
END_LEASE: Final = """UPDATE regrow_jobs SET state=?, attempts=?, due_at=?, errors=?, key=?, key_until=?, key_states=?,
    leased_at=NULL, lease_until=NULL, holder=NULL WHERE id=?"""
KEEP_KEY: Final = """UPDATE regrow_jobs SET state='done', payload=x'', errors=NULL, traceparent=NULL, grp=NULL,
    leased_at=NULL, lease_until=NULL, holder=NULL WHERE id=?"""
WHAT_IS: Final = "SELECT state, holder, token FROM regrow_jobs WHERE id=? AND queue=?"
EXTEND: Final = "UPDATE regrow_jobs SET lease_until=?, leased_at=? WHERE id=?"

QUEUE: Final = "SELECT live, paused, tokens, tokens_at FROM regrow_queues WHERE name=?"
READY: Final = f"SELECT {CLAIMED} FROM regrow_jobs WHERE queue=? AND state='ready' ORDER BY priority, id LIMIT ?"
LEASE: Final = """UPDATE regrow_jobs SET state='leased', attempts=?, leased_at=?, lease_until=?, token=?, holder=?
    WHERE id=?"""
SET_TOKENS: Final = """INSERT INTO regrow_queues(name, tokens, tokens_at) VALUES (?,?,?)
    ON CONFLICT(name) DO UPDATE SET tokens=excluded.tokens, tokens_at=excluded.tokens_at"""
COUNT: Final = """INSERT INTO regrow_queues(name, live, dead) VALUES (?,?,?)
    ON CONFLICT(name) DO UPDATE SET live=live+excluded.live, dead=dead+excluded.dead"""


class Batch:
    """One transaction: it collects results, counters and effects. `opens` is the least token's upper half."""

    def __init__(self, connection: Connection, path: str, times: Times, opens: int, size: int) -> None:
        self.connection: Final = connection
        self.execute: Final = connection.execute
        self.path: Final = path
        self.wall: Final[float] = times.wall
        self.now: Final[float] = times.monotonic
        self.opens: Final = opens
        self.results: Final[list[Any | QueueError]] = [None] * size
        self.woke: Final[set[str]] = set()
        self.live: Final[defaultdict[str, int]] = defaultdict(int)
        self.dead: Final[defaultdict[str, int]] = defaultdict(int)
        self.before: Final[dict[str, int]] = {}  # live jobs of queues as the table has them
        self.net: Final[defaultdict[str, int]] = defaultdict(int)  # change of live jobs that is written already
        self.limited: Final[dict[str, float]] = {}  # queues whose claims wait for a token of their rate, and its time
        self.rated: Final[set[str]] = set()  # queues with claims that have a rate
        self.more: bool = False  # a slice was full: the rest follows in the next commit

    # Helpers

    def drive(self, steps: Steps) -> Any:
        """Run the statements of a generator."""
        try:
            sql, parameters = next(steps)
            while True:
                sql, parameters = steps.send(self.execute(sql, parameters).fetchall())
        except StopIteration as end:
            return end.value

    def alone(
        self, place: int, apply: Callable[[], Any], refusal: Callable[[Exception], QueueError | None] | None = None
    ) -> None:
        """Set an op's result; undo what it has done if it fails alone, as it does by its values.

        `refusal` returns the op's result for an error, and None for one that is not of the op alone.
        """
        self.execute("SAVEPOINT op")
        live, dead = self.live.copy(), self.dead.copy()
        try:
            self.results[place] = apply()
        except Exception as error:
            refused = (refusal or self.refusal)(error)
            if refused is None:
                raise
            self.execute("ROLLBACK TO op")
            for counter, before in ((self.live, live), (self.dead, dead)):
                counter.clear()
                counter.update(before)
            self.results[place] = refused
        self.execute("RELEASE op")

    def refusal(self, error: Exception) -> StoreError | None:
        """Return the result of an op whose values cannot be stored; None for other errors."""
        return self.failed(error) if is_of_one_op(error) else None

    def failed(self, error: Exception) -> StoreError:
        """Return the error of an op that fails alone."""
        found = StoreError(f"{self.path}: the values of this request cannot be stored: {error}")
        found.__cause__ = error
        return found

    def advance(self, queue: str, group: str) -> None:
        """Let the next job of a group go on."""
        if self.drive(advance(queue, group, self.wall)):
            self.woke.add(queue)

    # What has come by time

    def sweep(self) -> None:
        """Free leases that are over, make delayed jobs ready that are due, and forget keys of done jobs."""
        schema, due, lease_until, key_until = self.execute(SWEEP).fetchone()
        if schema != SCHEMA:  # another process has migrated the file meanwhile
            raise newer(self.path, schema)
        if lease_until is not None and lease_until <= self.now:
            self.void(self.execute(OVER, (self.now, SLICE)).fetchall())
        if due is not None and due <= self.wall:
            rows = self.execute(PROMOTE, (self.wall, SLICE)).fetchall()
            self.woke.update(queue for (queue,) in rows)
            self.more = self.more or len(rows) == SLICE
        if key_until is not None and key_until <= self.wall:
            self.execute(FORGET_DONE, (self.wall, SLICE))

    def void_of_another_boot(self) -> None:
        """End leases that began later than now: the monotonic clock began again, so their holders are gone."""
        self.void(self.execute(OF_ANOTHER_BOOT, (self.now,)).fetchall())

    def void(self, rows: list[Row]) -> None:
        """End leases without a word of their holders."""
        self.more = self.more or len(rows) == SLICE
        for row in rows:
            self.end(row, "lease over", 0.0, lease_over(row[3], self.wall, row[6]))

    def end(self, row: Row, how: End, delay: float, error: Any) -> str:
        """End a lease, other than by ack; return the state that the job goes to."""
        id, _, queue, attempt, most, due, _, group, key, key_until, key_states, errors = row
        state: str
        state, attempts = left(how, attempt, most, delay)
        if state == "dead":
            due = self.wall  # when it died
        elif how in {"retry", "snooze"}:
            due = self.wall + max(0.0, delay)
        else:
            due = min(due, self.wall)  # the wall clock may have stepped back since the claim
        if error is not None:
            errors = errors_to(with_error(errors_from(errors), error))
        if state == "dead":
            self.live[queue] -= 1
            self.dead[queue] += 1
            if key_states == "live" or (key_until is not None and key_until <= self.wall):
                key = key_until = key_states = None
        if group is None:
            self.execute(END_LEASE, (state, attempts, due, errors, key, key_until, key_states, id))
        else:
            # An older job of the group may have come back from the dead letters meanwhile: it goes first.
            waits = "dead" if state == "dead" else "blocked"
            self.execute(END_LEASE, (waits, attempts, due, errors, key, key_until, key_states, id))
            self.advance(queue, group)
            if state != "dead":
                ((state,),) = self.execute("SELECT state FROM regrow_jobs WHERE id=?", (id,)).fetchall()
        if state == "ready":
            self.woke.add(queue)
        return state

    # Acks, nacks, extensions

    def leases(self, ops: Sequence[tuple[int, Ack | Nack | Extend]]) -> None:
        """Apply the ops that need a valid lease. Which leases are valid is read for all of them at once."""
        held = self.held(ops)
        done: list[tuple[int]] = []
        for place, op in ops:
            if isinstance(op, Extend):
                self.results[place] = self.extend(op, held) if is_number(op.lease) else self.failed(NOT_A_NUMBER)
                continue
            row = held.pop(op.id, None) if self.holds(held, op.queue, op.id, op.token) else None
            if row is None:
                self.results[place] = self.lost(op)
            elif isinstance(op, Nack):
                error = op.error and type(op.error)(
                    op.error.attempt, self.wall, op.error.kind, op.error.message, op.error.trace
                )
                self.alone(place, lambda op=op, row=row, error=error: self.end(row, op.verdict, op.delay, error))  # type: ignore[misc]
            elif row[7] is None and row[10] != "all":
                self.live[op.queue] -= 1
                done.append((op.id,))
            else:
                self.finish(row)
        if done:
            self.connection.executemany(DELETE, done)

    def held(self, ops: Sequence[tuple[int, Ack | Nack | Extend]]) -> dict[int, Row]:
        """Return the rows of valid leases that the ops name."""
        named = {id for _, op in ops for id in ([id for id, _ in op.leases] if isinstance(op, Extend) else (op.id,))}
        ids = [id for id in named if is_id(id)]
        rows: list[Row] = []
        if len(ids) == 1:
            rows = self.execute(HELD_ONE, (self.now, *ids)).fetchall()
        else:
            ids += [-1] * (-len(ids) % CHUNK)  # no job has this id
            for start in range(0, len(ids), CHUNK):
                rows += self.execute(HELD_CHUNK, (self.now, *ids[start : start + CHUNK])).fetchall()
        return {row[0]: row for row in rows}

    def holds(self, held: dict[int, Row], queue: str, id: int, token: int) -> bool:
        """Return whether a token is that of a valid lease."""
        row = held.get(id)
        return row is not None and row[1] == token and row[2] == queue

    def extend(self, op: Extend, held: dict[int, Row]) -> list[float | None]:
        """Set the end of leases; one that has ended is None."""
        until = self.now + op.lease
        ends = [until if self.holds(held, op.queue, id, token) else None for id, token in op.leases]
        self.connection.executemany(
            EXTEND,
            [(until, self.now, id) for (id, _), end in zip(op.leases, ends, strict=True) if end is not None],
        )
        return ends

    def finish(self, row: Row) -> None:
        """Acknowledge a job of a group, or one whose key outlives it."""
        id, queue, group, key, key_until, key_states = row[0], row[2], row[7], row[8], row[9], row[10]
        self.live[queue] -= 1
        keeps = key is not None and key_states == "all" and (key_until is None or key_until > self.wall)
        self.execute(KEEP_KEY if keeps else DELETE, (id,))
        if group is not None:
            self.advance(queue, group)

    def lost(self, op: Ack | Nack) -> LeaseLost:
        """Return the error of an op whose lease is over, with what has become of the job."""
        now = "the job is not in the store any more"
        if is_id(op.id):
            for state, holder, token in self.execute(WHAT_IS, (op.id, op.queue)).fetchall():
                now = f"{holder} holds the job with token {token}" if state == "leased" else f"the job is {state}"
        return LeaseLost(f"job {op.id} of queue {op.queue!r}: the lease with token {op.token} is over; {now}")

    # Puts

    def puts(self, ops: Sequence[tuple[int, Put]]) -> None:
        """Apply puts in their order: plain jobs many in one statement, others one by one."""
        plain: list[tuple[int, Put]] = []
        for place, op in ops:
            if self.fits_plainly(op):
                self.live[op.queue] += len(op.jobs)
                plain.append((place, op))
            else:
                self.put_plain(plain)
                plain = []
                self.alone(place, lambda op=op: self.put(op))  # type: ignore[misc]
        self.put_plain(plain)

    def fits_plainly(self, op: Put) -> bool:
        """Return whether a put has neither keys nor groups, and there is room."""
        if op.bound is not None and self.live_of(op.queue) + len(op.jobs) > op.bound:
            return False
        return all(job.key is None and job.group is None for job in op.jobs)

    def live_of(self, queue: str) -> int:
        """Return the number of live jobs of a queue, now."""
        before = self.before.get(queue)
        if before is None:
            row = self.execute(QUEUE, (queue,)).fetchone()
            before = self.before[queue] = 0 if row is None else int(row[0])
        return before + self.live[queue]

    def put_plain(self, ops: list[tuple[int, Put]]) -> None:
        """Insert plain jobs. Their ids follow each other, for no other connection writes meanwhile."""
        if not ops:
            return
        wall, ready = self.wall, self.woke
        rows: list[Any] = []
        count = 0
        for _, op in ops:
            for job in op.jobs:
                due = wall
                state = "ready"
                if (job.delay or job.at is not None) and (due := due_of(job, wall)) > wall:
                    state = "delayed"
                else:
                    ready.add(op.queue)
                rows += (op.queue, state, job.priority, job.payload, job.max_attempts, wall, due, job.traceparent)
                count += 1
        last = self.insert(rows, count)
        if last is None:  # a value cannot be stored: find out whose
            for _, op in ops:
                self.live[op.queue] -= len(op.jobs)
            for place, op in ops:
                self.alone(place, lambda op=op: self.put(op))  # type: ignore[misc]
            return
        id = last - count
        for place, op in ops:
            answers: list[Enqueued] = []
            for _ in op.jobs:
                id += 1
                answers.append(Enqueued(id))
            self.results[place] = answers

    def insert(self, values: list[Any], count: int) -> int | None:
        """Insert rows; return the last id, or None if one of the values cannot be stored, and then no row is."""
        execute = self.execute
        full = (count - count % CHUNK) * 8
        execute("SAVEPOINT puts")
        try:
            for start in range(0, full, CHUNK * 8):
                execute(PUT_CHUNK, values[start : start + CHUNK * 8])
            if full < len(values):
                self.connection.executemany(PUT_ONE, [values[i : i + 8] for i in range(full, len(values), 8)])
            (last,) = execute(LAST_ID).fetchone()
        except Exception as error:
            if not is_of_one_op(error):
                raise
            execute("ROLLBACK TO puts")
            last = None
        execute("RELEASE puts")
        return None if last is None else int(last)

    def put(self, op: Put) -> list[Enqueued] | None:
        """Apply one put, and count its jobs."""
        stored: Stored | None = self.drive(put_steps(op, self.wall, self.live_of(op.queue)))
        if stored is None:
            return None
        self.live[op.queue] += stored.added - stored.dropped
        if stored.ready:
            self.woke.add(op.queue)
        return stored.answers

    # Claims

    def claims(self, ops: Sequence[tuple[int, Claim]]) -> None:
        """Apply claims, those of one queue together."""
        by_queue: defaultdict[str, list[tuple[int, Claim]]] = defaultdict(list)
        for place, op in ops:
            self.results[place] = [] if is_number(op.lease) else self.failed(NOT_A_NUMBER)
            if is_number(op.lease):
                by_queue[op.queue].append((place, op))
        for queue, claims in by_queue.items():
            if any(op.rate is not None for _, op in claims):
                self.rated.add(queue)
            try:
                self.claim(queue, claims)
            except Exception as error:
                if not is_of_one_op(error):
                    raise
                self.results[:] = [
                    self.failed(error) if any(place == at for at, _ in claims) else result
                    for place, result in enumerate(self.results)
                ]

    def claim(self, queue: str, claims: list[tuple[int, Claim]]) -> None:
        """Share out the next ready jobs of a queue to its claims, the first first."""
        row = self.execute(QUEUE, (queue,)).fetchone()
        _, paused, tokens, tokens_at = row or (0, None, None, None)
        if paused is not None:
            return
        wanted = [(op.count, op.rate) for _, op in claims]
        bucket = (tokens, tokens_at or 0.0)
        shares = share(wanted, bucket, self.now)
        most = sum(shares.counts)
        rows: list[Row] = self.execute(READY, (queue, most)).fetchall() if most else []
        if len(rows) < most:
            shares = share(wanted, bucket, self.now, len(rows))
        left = iter(rows)
        updates: list[tuple[Any, ...]] = []
        for (place, op), count in zip(claims, shares.counts, strict=True):
            until = self.now + op.lease
            taken: list[Claimed] = []
            self.results[place] = taken
            for row in islice(left, count):
                job = as_claimed(row, queue, max(row[3] + 1, self.opens << 32), until)
                updates.append((job.attempt, self.now, until, job.token, op.holder, job.id))
                taken.append(job)
        self.connection.executemany(LEASE, updates)
        if shares.changed:
            self.execute(SET_TOKENS, (queue, *shares.bucket))
        if shares.short is not None and len(rows) == most and self.execute(READY, (queue, 1)).fetchone() is not None:
            self.limited[queue] = self.now + shares.wait(self.now)

    # The end

    def count(self) -> frozenset[str]:
        """Write the counters; return the queues with fewer live jobs than before."""
        changed = [(q, self.live[q], self.dead[q]) for q in {*self.live, *self.dead} if self.live[q] or self.dead[q]]
        if changed:
            self.connection.executemany(COUNT, changed)
        for queue, live, _ in changed:
            self.net[queue] += live
        self.before.clear()
        self.live.clear()
        self.dead.clear()
        return frozenset(queue for queue, live in self.net.items() if live < 0)


def is_number(seconds: float) -> bool:
    """Return whether seconds are not NaN, which SQLite would store as NULL: a lease without an end."""
    return not isnan(seconds)


def is_id(value: object) -> bool:
    """Return whether a value can be the id of a job; SQLite takes no longer number."""
    return isinstance(value, int) and 0 <= value <= MOST_ID


def split(ops: Sequence[Op], kinds: tuple[type[T], ...]) -> list[tuple[int, T]]:
    """Return the ops of these types, with their places."""
    return [(place, op) for place, op in enumerate(ops) if isinstance(op, kinds)]
