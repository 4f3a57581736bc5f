"""One transaction of the PostgreSQL store, phase by phase.

    phase       statements  locks
    -----       ----------  -----
    look        1           none
    lock        0 to 4      the works, by number; the rows of counted and rated queues, by name; then the groups, by number
    sweep       0 to 3      rows, those that another transaction works on are left to it
    acks …      0 to 4      rows under a lease, which only their holder changes
    puts        0 to 1      none; an insert waits for another one with its key
    admin       some        rows
    works       any         their rows
    settle      0 to 2      rows of the groups that the transaction has locked
    claims      1 a queue   rows, those that another transaction works on are left to it
    reads       1 an op     none
    end         1 to 3      a notification

Each statement sees what others have committed before it (READ COMMITTED) and reads the server's clock, so an ack is valid
or lost by the row as it is. Two transactions at once that still block each other are noticed by the server, which ends
one, and `Postgres.run` begins that one again.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from regrow.servers.queue.errors import LeaseLost, QueueError
from regrow.servers.queue.history import errors_from, errors_to
from regrow.servers.queue.ops import (
    READS,
    Ack,
    Cancel,
    Claim,
    Claimed,
    Extend,
    Move,
    Nack,
    Op,
    Pause,
    Prune,
    Purge,
    Put,
    Resume,
    Retry,
    Within,
)
from regrow.servers.queue.outcome import lease_over, left, with_error
from regrow.servers.queue.postgres.admin import admin_steps
from regrow.servers.queue.postgres.puts import (
    WHOLE,
    Changes,
    Steps,
    is_storable,
    pairs,
    printable,
    problem,
    put_steps,
    seconds,
    settle_steps,
)
from regrow.servers.queue.postgres.reads import read
from regrow.servers.queue.postgres.rows import as_claimed
from regrow.servers.queue.postgres.sql import Statements
from regrow.servers.queue.postgres.work import Works
from regrow.servers.queue.rate import Shares, share
from regrow.servers.queue.store import Clocks, Done

if TYPE_CHECKING:
    from regrow.servers.queue.postgres.connection import Connection

ADMIN: Final = (Pause, Resume, Purge, Retry, Cancel, Prune, Move)
KEEPS_DUE: Final = -1.0  # see the statement `leave`
LATER: Final = Ack("", 0, 0)  # stands for an op that has its result, so an equal one later has lost the lease


class Batch:
    """The ops of one transaction, and what has become of them."""

    def __init__(
        self,
        connection: Connection,
        sql: Statements,
        ops: Sequence[Op],
        clocks: Clocks,
        short: dict[str, float],
        kept: dict[Any, Any],
    ) -> None:
        self._connection = connection
        self._sql = sql
        self._ops = ops
        self._clocks = clocks
        self._changes = Changes()
        self._results: list[Any] = [None] * len(ops)
        self._wall = 0.0
        self._grouped = False
        self._over: list[tuple[int, str, str | None]] = []
        self._rates: dict[str, tuple[float | None, float]] = {}
        self._short = short
        self._kept = kept
        self._lock_wait = 0.0

    def apply(self) -> Done:
        """Apply all ops, in a transaction that has begun; the caller commits."""
        due_delayed, due_done = self._look()
        self._lock()
        self._sweep(due_delayed, due_done)
        self._ends()
        self._extend()
        self._put()
        works = Works(self._connection, self._sql, self._clocks, self._changes, self._kept)
        for place, op in self._of(*ADMIN, Within):
            if isinstance(op, Within):
                self._results[place] = works.run(op)
            else:
                self._results[place] = self.drive(admin_steps(self._sql, op, self._changes))
        self.drive(settle_steps(self._sql, self._changes))
        self._count()
        self._claim()
        for place, op in self._of(*READS):
            self._results[place] = read(self.rows, self._sql, op, self._clocks)
        return self._end()

    def rows(self, statement: bytes, parameters: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """Execute a statement; return its rows."""
        cursor = self._connection.execute(statement, parameters or None)
        return cursor.fetchall() if cursor.description is not None else []

    def drive(self, steps: Steps) -> Any:
        """Execute steps; return their result."""
        rows: Any = None
        try:
            while True:
                rows = self.rows(*steps.send(rows))
        except StopIteration as end:
            return end.value

    def _of(self, *kinds: type[Op]) -> list[tuple[int, Any]]:
        return [(place, op) for place, op in enumerate(self._ops) if isinstance(op, kinds)]

    # Before the ops

    def _look(self) -> tuple[bool, bool]:
        """Read the time, and what there is to sweep."""
        ((self._wall, delayed, leased, done, self._grouped),) = self.rows(self._sql.look)
        if leased:
            self._over = [(id, queue, group) for id, queue, group in self.rows(self._sql.over)]
        return delayed, done

    def _lock(self) -> None:
        """Lock the counted queues whose jobs may change, the rated ones, and the groups."""
        before = self._clocks().monotonic
        names = {queue for _, queue, _ in self._over}
        rated: set[str] = set()
        groups = {(queue, group) for _, queue, group in self._over if group is not None}
        ids: list[int] = []
        works: set[str] = set()
        for op in self._ops:
            match op:
                case Put():
                    names.add(op.queue)
                    groups.update((op.queue, job.group) for job in op.jobs if job.group is not None)
                case Within():
                    works.add(printable(op.lock))
                    names.update(put.queue for put in op.puts if is_storable(put.queue))
                    groups.update(
                        (put.queue, job.group) for put in op.puts for job in put.jobs if job.group is not None
                    )
                case Ack() | Nack() | Cancel():
                    names.add(op.queue)
                    ids.append(op.id)
                case Retry():
                    names.add(op.queue)
                    ids += op.ids
                case Purge():
                    names.add(op.queue)
                case Move():
                    names |= {op.queue, op.to}
                case Claim() if op.rate is not None:
                    rated.add(op.queue)
                case _:
                    pass
        if locks := sorted(works - {""}):
            self.rows(self._sql.lock_works, (locks,))
        if names or rated:
            for name, live, tokens, at in self.rows(self._sql.lock_queues, (sorted(names | rated), sorted(rated))):
                if live is not None:
                    self._changes.live[name] = live
                self._rates[name] = (tokens, at or 0.0)
        if self._grouped and (known := [id for id in ids if -WHOLE <= id < WHOLE]):
            groups.update((queue, group) for queue, group in self.rows(self._sql.groups_of, (known,)))
        if groups:
            self.rows(self._sql.lock_groups, pairs(groups))
        self._lock_wait = max(0.0, self._clocks().monotonic - before)

    def _sweep(self, delayed: bool, done: bool) -> None:
        """Free the leases that are over, make due jobs ready, and delete done rows whose window is over."""
        if self._over:
            leaving: list[tuple[int, str, int, float, str | None]] = []
            ids = [id for id, _, _ in self._over]
            for id, queue, group, attempt, most, holder, errors in self.rows(self._sql.lock_over, (ids,)):
                state, attempts = left("lease over", attempt, most, 0.0)
                history = with_error(errors_from(errors), lease_over(attempt, self._wall, holder))
                leaving.append((id, state, attempts, KEEPS_DUE, errors_to(history)))
                self._left(queue, group, state)
            self._leave(leaving)
        if delayed:
            self._changes.woke.update(queue for (queue,) in self.rows(self._sql.due))
        if done:
            self.rows(self._sql.done_over)
        for queue in [queue for queue, at in self._short.items() if at <= self._wall]:
            del self._short[queue]
            self._changes.woke.add(queue)

    def _left(self, queue: str, group: str | None, state: str) -> None:
        """Note that a job has left its lease for this state."""
        if state == "dead":
            self._changes.left(queue, group)
            return
        if group is not None:  # an older job may have been retried meanwhile; then it is its turn
            self._changes.crossed.add((queue, group))
        if state == "ready":
            self._changes.woke.add(queue)

    def _leave(self, leaving: list[tuple[int, str, int, float, str | None]]) -> None:
        if leaving:
            self.rows(self._sql.leave, [list(column) for column in zip(*leaving, strict=True)])

    # Leases

    def _ends(self) -> None:
        """Apply acks and nacks."""
        first: dict[tuple[int, int, str], Ack | Nack] = {}  # of several ops on a lease, the first one ends it
        for _, op in self._of(Ack, Nack):
            if fits(op):
                first.setdefault((op.id, op.token, op.queue), op)
        ended: dict[tuple[int, int, str], Any] = {}
        acks = [lease for lease, op in first.items() if isinstance(op, Ack)]
        if acks:
            rows = self.rows(self._sql.ack, self._columns(acks))
            if missing := list(set(acks) - {(id, token, queue) for id, token, queue, _ in rows}):
                rows += self.rows(self._sql.ack_keyed, self._columns(missing))
            for id, token, queue, group in rows:
                ended[id, token, queue] = None
                self._changes.left(queue, group)
        nacks = {lease: op for lease, op in first.items() if isinstance(op, Nack)}
        if nacks:
            ended |= self._nack(nacks)
        lost: dict[int, Ack | Nack] = {}
        for place, op in self._of(Ack, Nack):
            lease = (op.id, op.token, op.queue)
            if lease in ended and first[lease] is op:
                self._results[place] = ended[lease]
                first[lease] = LATER
            else:
                lost[place] = op
        if lost:
            self._explain(lost)

    def _nack(self, nacks: dict[tuple[int, int, str], Nack]) -> dict[tuple[int, int, str], Any]:
        """Apply nacks; return the states that the jobs went to, of those whose leases are valid."""
        states: dict[tuple[int, int, str], Any] = {}
        leaving: list[tuple[int, str, int, float, str | None]] = []
        for id, token, queue, group, attempt, most, errors in self.rows(self._sql.hold, self._columns(list(nacks))):
            op = nacks[id, token, queue]
            state, attempts = left(op.verdict, attempt, most, op.delay)
            error = None if op.error is None else replace(op.error, at=self._wall)
            later = op.verdict in {"retry", "snooze"}
            delay = max(0.0, seconds(op.delay) or 0.0) if later else KEEPS_DUE
            leaving.append((id, state, attempts, delay, errors_to(with_error(errors_from(errors), error))))
            states[id, token, queue] = state
            self._left(queue, group, state)
        self._leave(leaving)
        if self._changes.crossed:
            blocked = self.drive(settle_steps(self._sql, self._changes))
            states |= {lease: "blocked" for lease in states if lease[0] in blocked}
        return states

    def _columns(self, leases: Sequence[tuple[Any, ...]]) -> list[list[Any]]:
        return [list(column) for column in zip(*leases, strict=True)]

    def _explain(self, lost: dict[int, Ack | Nack]) -> None:
        """Fail the ops whose leases are over, and say what became of the jobs."""
        ids = [op.id for op in lost.values() if -WHOLE <= op.id < WHOLE]
        found = {row[0]: row[1:] for row in self.rows(self._sql.why_lost, (ids,))}
        for place, op in lost.items():
            self._results[place] = lease_lost(op, found.get(op.id))

    def _extend(self) -> None:
        """Set new ends of leases."""
        ops = self._of(Extend)
        if not ops:
            return
        monotonic = self._clocks().monotonic
        leases = [
            (id, token, op.queue, seconds(op.lease))
            for _, op in ops
            for id, token in op.leases
            if -WHOLE <= id < WHOLE and -WHOLE <= token < WHOLE
        ]
        held: set[tuple[int, int]] = set()
        if leases:
            held.update((id, token) for id, token in self.rows(self._sql.extend, self._columns(leases)))
        for place, op in ops:
            until = monotonic + op.lease
            self._results[place] = [until if lease in held else None for lease in op.leases]

    # Puts and claims

    def _put(self) -> None:
        """Apply the puts that PostgreSQL can store; a full queue's result is None."""
        places: list[int] = []
        for place, op in self._of(Put):
            self._results[place] = problem(op)
            if self._results[place] is None:
                places.append(place)
        if places:
            puts: list[Put] = [self._ops[place] for place in places]  # type: ignore[misc]
            for place, result in zip(places, self.drive(put_steps(self._sql, puts, self._changes)), strict=True):
                self._results[place] = result

    def _claim(self) -> None:
        """Apply the claims, those of one queue by one statement."""
        queues: dict[str, list[int]] = {}
        for place, op in self._of(Claim):
            queues.setdefault(op.queue, []).append(place)
        for queue, places in queues.items():
            claims: list[Claim] = [self._ops[place] for place in places]  # type: ignore[misc]
            wanted = [(claim.count, claim.rate) for claim in claims]
            bucket = self._rates.get(queue, (None, 0.0))
            shares = share(wanted, bucket, self._wall)
            slots = [claim for claim, count in zip(claims, shares.counts, strict=True) for _ in range(count)]
            jobs = self._claim_rows(queue, slots)
            if len(jobs) < len(slots):
                shares = share(wanted, bucket, self._wall, len(jobs))
            self._spend(queue, shares, more=len(jobs) == len(slots))
            for place, count in zip(places, shares.counts, strict=True):
                self._results[place], jobs = jobs[:count], jobs[count:]

    def _claim_rows(self, queue: str, slots: list[Claim]) -> list[Claimed]:
        """Claim a job for each slot, or as many as there are."""
        if not slots:
            return []
        monotonic = self._clocks().monotonic  # read before the server reads its clock: the holder's lease ends first
        holders = [printable(claim.holder) for claim in slots]
        leases = [seconds(claim.lease) for claim in slots]
        rows = self.rows(self._sql.claim, (queue, queue, len(slots), leases, holders))
        rows.sort(key=lambda row: row[0])
        return [as_claimed(row, monotonic + claim.lease) for row, claim in zip(rows, slots, strict=False)]

    def _spend(self, queue: str, shares: Shares, *, more: bool) -> None:
        """Take the tokens of claimed jobs, and note when the next one comes if that is what a claim waits for."""
        if shares.changed:
            self.rows(self._sql.set_tokens, (*shares.bucket, queue))
        if shares.short is not None and more:
            ((ready,),) = self.rows(self._sql.is_ready, (queue, queue))
            if ready:
                self._short[queue] = self._wall + shares.wait(self._wall)

    # After the ops

    def _count(self) -> None:
        """Change the numbers of live jobs of the counted queues."""
        change = {name: by for name, by in self._changes.change.items() if by}
        if change:
            names = sorted(change)
            self.rows(self._sql.change_live, (names, [change[name] for name in names]))

    def _end(self) -> Done:
        """Notify others, and look for the next timer."""
        changes = self._changes
        freed = changes.freed()
        if names := sorted(changes.woke | (freed & changes.live.keys())):
            self.rows(self._sql.notify, (names,))
        ((delayed, leased),) = self.rows(self._sql.next)
        waits = [
            max(0.0, wait)
            for wait in (delayed, leased, *(at - self._wall for at in self._short.values()))
            if wait is not None
        ]
        return Done(
            self._results,
            frozenset(changes.woke),
            freed,
            min(waits) if waits else None,
            True,
            self._lock_wait,
        )


def fits(op: Ack | Nack) -> bool:
    """Return whether an id and a token are numbers that the store may have given."""
    return 0 < op.id < WHOLE and 0 <= op.token < WHOLE and "\0" not in op.queue


def lease_lost(op: Ack | Nack, row: tuple[Any, ...] | None) -> QueueError:
    """Return the error of an op whose lease is over; `row` is the job's state, token, holder and queue."""
    match row:
        case None:
            now = "the job is not in the store any more"
        case ("leased", token, holder, _) if token != op.token:
            now = f"{holder} holds it now"
        case (state, _, _, queue) if queue == op.queue:
            now = f"the job is {state} now"
        case (_, _, _, queue):
            now = f"the job is in the queue {queue!r}"
        case _:
            now = "it is over"
    return LeaseLost(f"job {op.id} of the queue {op.queue!r}: the lease with token {op.token} is over; {now}")
