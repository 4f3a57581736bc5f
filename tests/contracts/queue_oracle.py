"""An oracle for the state machine of stores: the rules of a queue in the simplest way, over a list of all jobs.

It has no orders, no counters and no indexes: each question looks at every job. Ids are numbers from 1 in the order of the
puts, and the token of a lease is its number in the order of all claims.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from regrow.servers.queue.job import Stats
from regrow.servers.queue.ops import (
    Ack,
    Cancel,
    Claim,
    Extend,
    Move,
    Nack,
    NewJob,
    Op,
    Pause,
    Prune,
    Purge,
    Put,
    Resume,
    Retry,
)
from regrow.servers.queue.store import Times

ORDER = [(Ack, Nack, Extend), (Put,), (Pause, Resume, Purge, Retry, Cancel, Prune, Move), (Claim,)]
WAITING = ("ready", "delayed", "blocked")
LIVE = (*WAITING, "leased")
ZEROS = Stats()


@dataclass
class Known:
    """A job as the oracle knows it."""

    id: int
    queue: str
    new: NewJob
    due: float
    key: str | None
    key_until: float
    state: str = "blocked"
    attempts: int = 0
    until: float = 0.0
    token: int = 0
    died: float = 0.0
    errors: list[tuple[int, str]] = field(default_factory=list)


class Oracle:
    """All jobs of a store, and what each op does to them."""

    def __init__(self) -> None:
        self.jobs: list[Known] = []
        self.ids = self.leases = 0
        self.holders = [0]  # the job of each lease
        self.paused: dict[str, str] = {}
        self.buckets: dict[str, tuple[float, float]] = {}
        self.wall = self.now = 0.0

    def run(self, ops: Sequence[Op], times: Times) -> list[Any]:
        """Apply ops; return their results, an error as its name."""
        self.wall, self.now = times
        self.sweep()
        results: list[Any] = [None] * len(ops)
        for phase in ORDER:
            for place, op in enumerate(ops):
                if isinstance(op, phase):
                    results[place] = getattr(self, type(op).__name__.lower())(op)
                    self.settle()
        return results

    # Questions

    def live(self, queue: str, *states: str) -> list[Known]:
        """Return the jobs of a queue in these states, or all live ones."""
        return [job for job in self.jobs if job.queue == queue and job.state in (states or LIVE)]

    def in_line(self, job: Known) -> list[Known]:
        """Return the live jobs of a job's group, with itself."""
        return [other for other in self.live(job.queue) if other is job or other.new.group == job.new.group is not None]

    def held(self, id: int, token: int) -> Known | None:
        """Return the job that is leased with this token."""
        return next((job for job in self.jobs if (job.id, job.token, job.state) == (id, token, "leased")), None)

    def keeper(self, queue: str, key: str | None) -> Known | None:
        """Return the job that keeps a key; one whose window is over gives it up."""
        for job in self.jobs:
            if job.queue == queue and job.key == key is not None:
                if job.key_until > self.wall:
                    return job
                job.key = None
        self.jobs = [job for job in self.jobs if job.state != "done" or job.key is not None]
        return None

    def next_event(self) -> float | None:
        """Return the seconds until a delay or a lease ends."""
        waits = [job.due - self.wall for job in self.jobs if job.state == "delayed"]
        waits += [job.until - self.now for job in self.jobs if job.state == "leased"]
        return max(0.0, min(waits)) if waits else None

    def stats(self) -> dict[str, Stats]:
        """Return the counts of all queues that have any."""
        names = {job.queue for job in self.jobs} | set(self.paused)
        states = ("ready", "delayed", "leased", "blocked", "dead")
        counted = {
            name: Stats(**{state: len(self.live(name, state)) for state in states}, paused=self.paused.get(name))
            for name in names
        }
        return {name: stats for name, stats in counted.items() if stats != ZEROS}

    # Changes

    def sweep(self) -> None:
        """End leases and windows."""
        for job in sorted(self.jobs, key=lambda job: (job.until, job.id)):
            if job.state == "leased" and job.until <= self.now:
                job.errors.append((job.attempts, "LeaseLost"))
                self.free(job, dead=job.attempts >= job.new.max_attempts)
        self.jobs = [job for job in self.jobs if job.state != "done" or job.key_until > self.wall]
        self.settle()

    def settle(self) -> None:
        """Give each waiting job its state."""
        for job in self.jobs:
            if job.state in WAITING:
                line = self.in_line(job)
                blocked = any(other.state == "leased" for other in line) or min(other.id for other in line) != job.id
                if blocked:
                    job.state = "blocked"
                elif job.state != "ready":
                    job.state = "ready" if job.due <= self.wall else "delayed"

    def free(self, job: Known, *, dead: bool = False, delay: float | None = None) -> None:
        """Take a job out of its lease."""
        if dead:
            job.state, job.died = "dead", self.wall
            if job.new.key_states != "all" or job.key_until <= self.wall:
                job.key = None
        else:
            job.state = "blocked"
            job.due = min(job.due, self.wall) if delay is None else self.wall + delay

    def remove(self, jobs: list[Known]) -> int:
        """Delete jobs; return their number."""
        self.jobs = [job for job in self.jobs if job not in jobs]
        return len(jobs)

    # Ops

    def put(self, op: Put) -> list[tuple[int, bool]] | None:
        """Apply `Put`."""
        keepers = [self.keeper(op.queue, job.key) for job in op.jobs]
        fresh = {job.key or place: place for place, job in reversed(list(enumerate(op.jobs))) if keepers[place] is None}
        surplus = len(self.live(op.queue)) + len(fresh) - (op.bound if op.bound is not None else 1 << 30)
        before = [(job, job.state) for job in self.jobs]
        while surplus > 0 and fresh:
            ready = self.live(op.queue, "ready")
            if op.full == "wait" or not ready or len(fresh) > (op.bound or 0):
                self.jobs = [job for job, _ in before]
                for job, state in before:
                    job.state = state
                return None
            self.remove([min(ready, key=lambda job: job.id)])
            self.settle()
            surplus -= 1
        results: list[tuple[int, bool]] = []
        for place, new in enumerate(op.jobs):
            keeper = keepers[place]
            if keeper is not None:
                results.append((keeper.id, True))
            elif fresh[new.key or place] != place:
                results.append((results[fresh[new.key or place]][0], True))
            else:
                self.ids += 1
                due = self.wall + new.delay if new.at is None else new.at
                until = float("inf") if new.key_for is None else self.wall + new.key_for
                self.jobs.append(Known(self.ids, op.queue, new, due, new.key, until))
                results.append((self.ids, False))
        return results

    def claim(self, op: Claim) -> list[Any]:
        """Apply `Claim`; a job is its id, attempt, key, lease's end and errors."""
        if op.queue in self.paused:
            return []
        count, tokens = op.count, 0.0
        if op.rate is not None:
            tokens, then = self.buckets.get(op.queue, (op.rate.size, self.now))
            tokens = min(op.rate.size, tokens + (self.now - then) * op.rate.speed)
            count = min(count, int(tokens + 1e-6))
        found = sorted(self.live(op.queue, "ready"), key=lambda job: (job.new.priority, job.id))[:count]
        for job in found:
            self.leases += 1
            self.holders.append(job.id)
            job.state, job.token, job.until = "leased", self.leases, self.now + op.lease
            job.attempts += 1
        if op.rate is not None:
            self.buckets[op.queue] = (tokens - len(found), self.now)
        return [(job.id, job.attempts, job.key, round(job.until, 3), tuple(job.errors[-10:])) for job in found]

    def ack(self, op: Ack) -> str | None:
        """Apply `Ack`."""
        job = self.held(op.id, op.token)
        if job is None or job.queue != op.queue:
            return "LeaseLost"
        if job.key is not None and job.new.key_states == "all" and job.key_until > self.wall:
            job.state = "done"
        else:
            self.remove([job])
        return None

    def nack(self, op: Nack) -> str:
        """Apply `Nack`."""
        job = self.held(op.id, op.token)
        if job is None or job.queue != op.queue:
            return "LeaseLost"
        if op.error is not None:
            job.errors.append((op.error.attempt, op.error.kind))
        last = op.verdict == "retry" and job.attempts >= job.new.max_attempts
        job.attempts -= op.verdict in {"snooze", "release"}
        delay = op.delay if op.verdict in {"retry", "snooze"} else None
        self.free(job, dead=last or op.verdict == "dead", delay=delay)
        self.settle()
        return job.state

    def extend(self, op: Extend) -> list[float | None]:
        """Apply `Extend`."""
        results: list[float | None] = []
        for id, token in op.leases:
            job = self.held(id, token)
            if job is not None and job.queue == op.queue:
                job.until = self.now + op.lease
                results.append(round(job.until, 3))
            else:
                results.append(None)
        return results

    def pause(self, op: Pause) -> None:
        """Apply `Pause`."""
        self.paused[op.queue] = op.note

    def resume(self, op: Resume) -> None:
        """Apply `Resume`."""
        self.paused.pop(op.queue, None)

    def purge(self, op: Purge) -> int:
        """Apply `Purge`."""
        return self.remove(self.live(op.queue, *(("dead",) if op.state == "dead" else WAITING)))

    def retry(self, op: Retry) -> int:
        """Apply `Retry`."""
        found = [job for job in self.live(op.queue, "dead") if job.id in op.ids or not op.ids]
        for job in found:
            job.state, job.attempts, job.due = "blocked", 0, self.wall
        return len(found)

    def cancel(self, op: Cancel) -> bool:
        """Apply `Cancel`."""
        return self.remove([job for job in self.live(op.queue, *WAITING) if job.id == op.id]) == 1

    def prune(self, op: Prune) -> int:
        """Apply `Prune`."""
        return self.remove([job for job in self.jobs if job.state == "dead" and job.died < self.wall - op.older])

    def move(self, op: Move) -> int:
        """Apply `Move`."""
        moved = self.live(op.queue, *WAITING, "dead", "done") if op.queue != op.to else []
        for job in moved:
            key = None if job.key_until <= self.wall or self.keeper(op.to, job.key) is not None else job.key
            job.queue, job.key = op.to, key
        self.remove([job for job in moved if job.state == "done" and job.key is None])
        return len(moved)
