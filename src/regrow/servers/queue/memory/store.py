"""The store in memory: the model of the other stores, and the one for tests. Its jobs end with the program.

An op works on rows (`rows.py`) in O(log n). The order of the phases of a commit is a table, `PHASES`.

Where the rules of queues leave a choice, this is what all stores do:

    a batch of reads alone            sees the rows as they are: no sweep
    a key whose window is over        is cleared when a put, or a move, wants it
    the key of a job that ends        is cleared; with key_states "all" a done or dead job keeps it until its window ends,
                                      and a job that is cancelled, purged, pruned or dropped does not
    a retried job                     has the key that it had in the dead letters, if no other job has taken it since
    a retried job of a group          takes its place by id; the job that ran meanwhile ends its lease first
    a put that drops                  also drops jobs of a group that become ready through it, and none if that does not
                                      suffice
    a moved job                       keeps its id and its token; it has no key if the other queue has that key already
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from heapq import merge
from itertools import chain, islice
from typing import Any, Final

from regrow.servers.queue.errors import LeaseLost, QueueError, StoreError
from regrow.servers.queue.job import Enqueued, Stats
from regrow.servers.queue.memory.jobs import Jobs
from regrow.servers.queue.memory.rows import LIVE, WAITING, Queue, Row
from regrow.servers.queue.memory.work import run_work
from regrow.servers.queue.ops import (
    READS,
    Ack,
    Cancel,
    Claim,
    Claimed,
    Count,
    Extend,
    Look,
    Move,
    Nack,
    Op,
    Pause,
    Peek,
    Prune,
    Purge,
    Put,
    ReadDead,
    ReadStats,
    Record,
    Resume,
    Retry,
    Show,
    State,
    Within,
)
from regrow.servers.queue.outcome import with_error
from regrow.servers.queue.store import Clocks, Done

PHASES: Final[dict[type[Op], int]] = {
    Ack: 0,
    Nack: 0,
    Extend: 0,
    Put: 1,
    Pause: 2,
    Resume: 2,
    Purge: 2,
    Retry: 2,
    Cancel: 2,
    Prune: 2,
    Move: 2,
    Within: 2,
    Claim: 3,
    Count: 4,
    ReadStats: 4,
    Peek: 4,
    ReadDead: 4,
    Show: 4,
    Look: 4,
}


class Memory:
    """A store in memory, for tests and for jobs that may be lost with the program."""

    threaded = False
    poll: float | None = None

    def __init__(self) -> None:
        self._jobs = Jobs()
        self._kept: dict[Any, Any] = {}  # what works keep
        self._open = False
        self._apply: dict[type[Op], Callable[[Any], Any]] = {
            Put: self._put,
            Claim: self._claim,
            Ack: self._ack,
            Nack: self._nack,
            Extend: self._extend,
            Pause: self._pause,
            Resume: self._resume,
            Purge: self._purge,
            Retry: self._retry,
            Cancel: self._cancel,
            Prune: self._prune,
            Move: self._move,
            Within: self._within,
            Count: self._count,
            ReadStats: self._read_stats,
            Peek: self._peek,
            ReadDead: self._read_dead,
            Show: self._show,
            Look: self._look,
        }

    # The contract of stores

    def __repr__(self) -> str:
        return "Memory()"

    def open(self, clocks: Clocks, /) -> None:
        """Open the store; the jobs that it had when it was closed are still there."""
        self._open = True
        self._jobs.begin_commit(clocks())
        for row in self._jobs.leased.some(len(self._jobs.leased.entries)):
            if row.leased_at is not None and row.leased_at > self._jobs.now.monotonic:
                self._jobs.lease_ended(row)

    def run(self, ops: Sequence[Op], clocks: Clocks, /) -> Done:
        """Apply the ops; see `Store.run`."""
        if not self._open:
            raise StoreError("the memory store is not open; `open` it before `run`")
        for op in ops:
            if type(op) not in PHASES:
                raise TypeError(f"wanted an op of ops.py, got {op!r}")
        self._jobs.begin_commit(clocks())
        if not ops or not all(isinstance(op, READS) for op in ops):
            self._jobs.sweep()
        results: list[Any] = [None] * len(ops)
        places: Iterable[int] = range(len(ops))
        if len(ops) > 1:
            places = sorted(places, key=lambda place: PHASES[type(ops[place])])
        for place in places:
            op = ops[place]
            try:
                results[place] = self._apply[type(op)](op)
            except QueueError as error:
                results[place] = error
        return Done(results, frozenset(self._jobs.woke), self._jobs.freed(), self._jobs.due())

    def changed(self) -> bool:
        """Return False: no other process can write."""
        return False

    def backup(self, path: str, /) -> None:
        """Refuse: a store in memory has no file to copy.

        Raises:
            StoreError: always.
        """
        raise StoreError(f"the memory store has no backup, so {path!r} was not written; use SQLite(path) for one")

    def check(self) -> list[str]:
        """Return what contradicts itself in the store."""
        return list(chain.from_iterable(queue.problems() for queue in self._jobs.queues.values()))

    def diagnostics(self) -> dict[str, Any]:
        """Return the kind of the store, and how much it has."""
        rows = sum(len(queue.rows) for queue in self._jobs.queues.values())
        return {"kind": "memory", "queues": len(self._jobs.queues), "rows": rows, "last_id": self._jobs.last_id}

    def close(self) -> None:
        """Close the store; its jobs remain for the next `open`."""
        self._open = False

    # Puts, claims, ends of leases

    def _put(self, op: Put) -> list[Enqueued] | None:
        queue = self._jobs.queue(op.queue)
        new: dict[str, int] = {}  # key: the place of the first job of this put that has it
        firsts: list[Row | int | None] = []
        for place, job in enumerate(op.jobs):
            first: Row | int | None = None
            if job.key is not None:
                first = self._jobs.keeper(queue, job.key)
                if first is None:
                    first = new.get(job.key)
                    new.setdefault(job.key, place)
            firsts.append(first)
        if op.bound is not None and not self._make_room(queue, firsts.count(None), op.bound, op.full == "drop_oldest"):
            return None
        results: list[Enqueued] = []
        for job, first in zip(op.jobs, firsts, strict=True):
            if first is not None:
                results.append(Enqueued(first.id if isinstance(first, Row) else results[first].id, duplicate=True))
                continue
            self._jobs.last_id += 1
            row = queue.rows[self._jobs.last_id] = Row(self._jobs.last_id, job, queue, self._jobs.now)
            if job.key is not None:
                queue.keys[job.key] = row
            self._jobs.begin(row)
            results.append(Enqueued(row.id))
        return results

    def _make_room(self, queue: Queue, new: int, bound: int, drop: bool) -> bool:
        """Return whether there is room for new jobs, after the oldest ready ones were dropped if that suffices."""
        surplus = queue.live + new - bound
        if surplus <= 0 or not new:
            return True
        if (
            not drop
            or new > bound
            or (surplus > queue.counts["ready"] and surplus > queue.can_drop(self._jobs.now.wall))
        ):
            return False
        oldest = queue.oldest_ready()
        for _ in range(surplus):
            row = oldest.first()
            assert row is not None
            self._jobs.end(row, None)
        return True

    def _claim(self, op: Claim) -> list[Claimed]:
        queue = self._jobs.queues.get(op.queue)
        if queue is None or queue.paused is not None:
            return []
        count, rate, monotonic = op.count, op.rate, self._jobs.now.monotonic
        level = 0.0
        if rate is not None:
            level = rate.level(queue.tokens, queue.tokens_at, monotonic)
            count = min(count, rate.claims(level))
        found: list[Claimed] = []
        while len(found) < count and (row := queue.ready.first()) is not None:
            row.attempts += 1
            row.token += 1
            row.leased_at = monotonic
            row.lease_until = monotonic + op.lease
            row.holder = op.holder
            self._jobs.enter(row, "leased")
            self._jobs.leased.push(row)
            found.append(row.claimed())
        if rate is not None:
            queue.tokens, queue.tokens_at = level - len(found), monotonic
            if len(found) < op.count and queue.counts["ready"]:
                queue.short_of = rate
                self._jobs.short[queue.name] = queue
        return found

    def _held(self, queue: str, id: int, token: int) -> Row | None:
        """Return the row under a lease that is valid; None if it is not."""
        found = self._jobs.queues.get(queue)
        row = None if found is None else found.rows.get(id)
        return row if row is not None and row.state == "leased" and row.token == token else None

    def _lost(self, op: Ack | Nack) -> LeaseLost:
        found = self._jobs.queues.get(op.queue)
        row = None if found is None else found.rows.get(op.id)
        if row is None:
            now = "the job is not in the store any more"
        elif row.state == "leased":
            now = f"{row.holder} holds the job with token {row.token}"
        else:
            now = f"the job is {row.state}"
        return LeaseLost(f"job {op.id} of queue {op.queue!r}: the lease with token {op.token} is over; {now}")

    def _ack(self, op: Ack) -> None:
        row = self._held(op.queue, op.id, op.token)
        if row is None:
            raise self._lost(op)
        if row.key is None or row.key_states != "all" or row.key_is_over(self._jobs.now.wall):
            self._jobs.end(row, None)
            return
        self._jobs.end(row, "done")
        row.payload, row.errors, row.traceparent, row.group = b"", (), None, None
        if row.key_until is not None:
            self._jobs.done.push(row)

    def _nack(self, op: Nack) -> State:
        row = self._held(op.queue, op.id, op.token)
        if row is None:
            raise self._lost(op)
        if op.error is not None:
            row.errors = with_error(row.errors, replace(op.error, at=self._jobs.now.wall))
        self._jobs.leave(row, op.verdict, op.delay)
        assert row.state != "gone"
        return row.state

    def _extend(self, op: Extend) -> list[float | None]:
        until = self._jobs.now.monotonic + op.lease
        results: list[float | None] = []
        for id, token in op.leases:
            row = self._held(op.queue, id, token)
            if row is not None:
                row.lease_until = until
                self._jobs.leased.push(row)
            results.append(None if row is None else until)
        return results

    # Administration

    def _pause(self, op: Pause) -> None:
        self._jobs.queue(op.queue).paused = op.note

    def _resume(self, op: Resume) -> None:
        queue = self._jobs.queues.get(op.queue)
        if queue is not None and queue.paused is not None:
            queue.paused = None
            if queue.counts["ready"]:
                self._jobs.woke.add(queue.name)

    def _purge(self, op: Purge) -> int:
        queue = self._jobs.queues.get(op.queue)
        if queue is None:
            return 0
        if op.state == "dead":
            rows = [queue.rows[id] for id in queue.dead[: op.limit]]
        else:
            rows = list(islice((row for row in queue.rows.values() if row.state in WAITING), op.limit))
        # The youngest first: else each end of a group's head would make the next one ready.
        for row in reversed(rows):
            self._jobs.delete(row)
        return len(rows)

    def _retry(self, op: Retry) -> int:
        queue = self._jobs.queues.get(op.queue)
        if queue is None:
            return 0
        rows = [row for id in op.ids or queue.dead[: op.limit] if (row := queue.rows.get(id)) is not None]
        count = 0
        for row in rows:
            if row.state == "dead":
                queue.unbury(row.id)
                queue.counts["dead"] -= 1
                row.attempts, row.died_at, row.due_at = 0, None, self._jobs.now.wall
                self._jobs.begin(row)
                count += 1
        return count

    def _cancel(self, op: Cancel) -> bool:
        queue = self._jobs.queues.get(op.queue)
        row = None if queue is None else queue.rows.get(op.id)
        if row is None or row.state not in WAITING:
            return False
        self._jobs.end(row, None)
        return True

    def _prune(self, op: Prune) -> int:
        before = self._jobs.now.wall - op.older
        count = 0
        while count < op.limit and (row := self._jobs.dead.first()) is not None and row.died_at is not None:
            if row.died_at >= before:
                break
            self._jobs.delete(row)
            count += 1
        return count

    def _move(self, op: Move) -> int:
        source = self._jobs.queues.get(op.queue)
        if source is None or op.queue == op.to:
            return 0
        rows = list(islice((row for row in source.rows.values() if row.state != "leased"), op.limit))
        if not rows:
            return 0
        target = self._jobs.queue(op.to)
        in_order = not target.rows or next(reversed(target.rows)) < rows[0].id
        copies = [row.moved(target) for row in rows]
        for row in reversed(rows):
            self._jobs.delete(row)
        for row in copies:
            self._arrive(row)
        if not in_order:
            target.rows = dict(sorted(target.rows.items()))
        return len(rows)

    def _arrive(self, row: Row) -> None:
        """Add a moved row to its new queue."""
        queue = row.of
        if row.key is not None:
            if row.key_is_over(self._jobs.now.wall) or self._jobs.keeper(queue, row.key) is not None:
                row.key = None
            else:
                queue.keys[row.key] = row
        if row.state == "done" and row.key is None:
            return
        queue.rows[row.id] = row
        if row.state == "ready":
            row.due_at = min(row.due_at, self._jobs.now.wall)  # the wall clock may have stepped back
        if row.state in LIVE:
            self._jobs.begin(row)
            return
        queue.counts[row.state] += 1
        if row.state == "dead":
            queue.bury(row.id)
            self._jobs.dead.push(row)
        elif row.key_until is not None:
            self._jobs.done.push(row)

    def _within(self, op: Within) -> Any:
        return run_work(op, self._jobs, self._put, self._kept)

    # Reads

    def _count(self, op: Count) -> int:
        queue = self._jobs.queues.get(op.queue)
        return 0 if queue is None else queue.live

    def _read_stats(self, op: ReadStats) -> dict[str, Stats]:
        if op.queue is None:
            return {name: queue.stats() for name, queue in self._jobs.queues.items()}
        queue = self._jobs.queues.get(op.queue)
        return {op.queue: Stats() if queue is None else queue.stats()}

    def _peek(self, op: Peek) -> list[bytes]:
        queue = self._jobs.queues.get(op.queue)
        return [] if queue is None else [row.payload for row in queue.ready.some(op.count)]

    def _read_dead(self, op: ReadDead) -> list[Record]:
        queue = self._jobs.queues.get(op.queue)
        return [] if queue is None else [row.record() for row in queue.newest_dead(op.count, op.before)]

    def _show(self, op: Show) -> list[Record]:
        queues = [queue for name, queue in self._jobs.queues.items() if op.queue in {None, name}]
        if op.id is not None:
            return [queue.rows[op.id].record() for queue in queues if op.id in queue.rows]
        rows = merge(*[queue.after(op.after) for queue in queues], key=lambda row: row.id)
        return [row.record() for row in islice(rows, op.count)]

    def _look(self, op: Look) -> frozenset[str]:
        queues = self._jobs.queues
        found = {
            name
            for name in op.wanting
            if name in queues and queues[name].counts["ready"] and queues[name].paused is None
        }
        found |= {name for name, bound in op.full if name not in queues or queues[name].live < bound}
        return frozenset(found)
