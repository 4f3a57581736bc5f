"""The tables of a ledger in memory: dictionaries that the store keeps between transactions."""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Iterable, Iterator, Sequence
from heapq import merge
from itertools import islice
from typing import Any, Final

from regrow.servers.cron.ledger.text import clean
from regrow.servers.cron.rows import OPEN, JobRow, ProcessRow, TickRow
from regrow.servers.queue.ops import Put, Transaction

DONE: Final = frozenset({"succeeded", "enqueued", "waiting", "running"})


class Ticks:
    """The ticks of one job.

    Attributes:
        rows: by their moments.
        moments: in ascending order.
        open: the moments of the rows that wait or run.
    """

    __slots__ = ("moments", "open", "rows")

    def __init__(self) -> None:
        self.rows: dict[int, TickRow] = {}
        self.moments: list[int] = []
        self.open: set[int] = set()

    def newest(self) -> Iterator[TickRow]:
        """Iterate over the rows, the newest first."""
        return (self.rows[moment] for moment in reversed(self.moments))


class Ledger:
    """All rows of one ledger.

    Attributes:
        jobs, processes: by name.
        ticks: by the name of their job.
        open: the names of the jobs with rows that wait or run.
        changes: how many changes there were that other processes have to look at.
    """

    def __init__(self) -> None:
        self.jobs: dict[str, JobRow] = {}
        self.processes: dict[str, ProcessRow] = {}
        self.ticks: dict[str, Ticks] = {}
        self.open: set[str] = set()
        self.changes: int = 0

    def write(self, ticks: Ticks, row: TickRow) -> None:
        """Set a row, and note whether it waits or runs."""
        cleaned = clean(row.error), clean(row.owner), clean(row.traceparent)
        if cleaned != (row.error, row.owner, row.traceparent):
            error, owner, traceparent = cleaned
            row = row._replace(error=error, owner=owner, traceparent=traceparent)
        ticks.rows[row.scheduled_for] = row
        if row.outcome in OPEN:
            ticks.open.add(row.scheduled_for)
            self.open.add(row.job)
        elif row.scheduled_for in ticks.open:
            ticks.open.remove(row.scheduled_for)
            if not ticks.open:
                self.open.remove(row.job)


class MemoryTables:
    """The rows of one ledger, within one transaction; see `Tables`.

    A transaction in memory is not undone, so an operation decides everything before it changes a row.
    """

    def __init__(self, transaction: Transaction, ledger: Ledger) -> None:
        self._transaction = transaction
        self._ledger = ledger

    @property
    def wall(self) -> float:
        """The time of the transaction by the wall clock, in Unix seconds."""
        return self._transaction.times.wall

    @property
    def lease_now(self) -> float:
        """The time by the clock of leases, in seconds."""
        return self._transaction.lease_now

    @property
    def one_machine(self) -> bool:
        """Whether all programs that use the store are on this machine."""
        return self._transaction.one_machine

    def put(self, put: Put, /) -> list[Any] | None:
        """Put jobs into the durable queue in this transaction; None if there is no room."""
        return self._transaction.put(put)

    def changes(self) -> int:
        """Return the number of changes that other processes have to look at."""
        return self._ledger.changes

    def changed(self) -> None:
        """Count a change that other processes have to look at."""
        self._ledger.changes += 1

    # Jobs

    def jobs(self, names: Sequence[str] | None = None) -> dict[str, JobRow]:
        """Return the rows of these jobs, or of all, in the order of their names."""
        jobs = self._ledger.jobs
        return {name: jobs[name] for name in sorted(jobs if names is None else set(names)) if name in jobs}

    def put_jobs(self, rows: Iterable[JobRow]) -> None:
        """Insert or replace the rows of jobs."""
        for row in rows:
            self._ledger.jobs[row.name] = row._replace(schedule=clean(row.schedule), note=clean(row.note))

    def forget(self, name: str) -> int:
        """Delete a job and its ticks; return how many rows there were."""
        ticks = self._ledger.ticks.pop(name, None)
        self._ledger.open.discard(name)
        job = self._ledger.jobs.pop(name, None)
        return (job is not None) + (len(ticks.rows) if ticks is not None else 0)

    # Ticks

    def tick(self, job: str, scheduled_for: int) -> TickRow | None:
        """Return the row of a tick."""
        ticks = self._ledger.ticks.get(job)
        return None if ticks is None else ticks.rows.get(scheduled_for)

    def open(self, names: Sequence[str] | None = None) -> list[TickRow]:
        """Return the rows that wait or run, of these jobs or of all, by job and `scheduled_for`."""
        jobs = self._ledger.open if names is None else self._ledger.open.intersection(names)
        return [
            ticks.rows[moment]
            for ticks in (self._ledger.ticks[job] for job in sorted(jobs))
            for moment in sorted(ticks.open)
        ]

    def insert(self, rows: Sequence[TickRow]) -> list[TickRow]:
        """Insert rows; return those that were inserted. A tick that has a row already keeps it."""
        inserted: list[TickRow] = []
        for row in rows:
            ticks = self._ledger.ticks.get(row.job)
            if ticks is None:
                ticks = self._ledger.ticks[row.job] = Ticks()
            if row.scheduled_for not in ticks.rows:
                insort(ticks.moments, row.scheduled_for)
                self._ledger.write(ticks, row)
                inserted.append(row)
        return inserted

    def update(self, rows: Iterable[TickRow]) -> None:
        """Replace rows that exist."""
        for row in rows:
            ticks = self._ledger.ticks.get(row.job)
            if ticks is not None and row.scheduled_for in ticks.rows:
                self._ledger.write(ticks, row)

    def history(self, job: str | None, limit: int) -> list[TickRow]:
        """Return the newest rows of a job, or of all, the newest first; those of one moment by job."""
        if job is not None:
            ticks = self._ledger.ticks.get(job)
            return [] if ticks is None else list(islice(ticks.newest(), limit))
        newest = [ticks.newest() for ticks in self._ledger.ticks.values()]
        return list(islice(merge(*newest, key=lambda row: (-row.scheduled_for, row.job)), limit))

    def last(self) -> dict[str, TickRow]:
        """Return the newest row of each job that has an outcome, by the job's name."""
        found: dict[str, TickRow] = {}
        for job in sorted(self._ledger.jobs.keys() & self._ledger.ticks.keys()):
            for row in self._ledger.ticks[job].newest():
                if row.outcome is not None:
                    found[job] = row
                    break
        return found

    def done(self, job: str, start: int, end: int) -> set[int]:
        """Return the moments of `start ≤ t < end` whose tick has succeeded, was enqueued, waits or runs."""
        ticks = self._ledger.ticks.get(job)
        if ticks is None:
            return set()
        moments = ticks.moments[bisect_left(ticks.moments, start) : bisect_left(ticks.moments, end)]
        return {moment for moment in moments if ticks.rows[moment].outcome in DONE}

    def prune(self, job: str, keep: int) -> None:
        """Delete all but the newest `keep` rows of a job; rows that wait or run stay."""
        ticks = self._ledger.ticks.get(job)
        surplus = 0 if ticks is None else len(ticks.moments) - keep
        if ticks is None or surplus <= 0:
            return
        old = ticks.moments[:surplus]
        for moment in old:
            if moment not in ticks.open:
                del ticks.rows[moment]
        ticks.moments[:surplus] = [moment for moment in old if moment in ticks.open]

    # Processes

    def processes(self) -> list[ProcessRow]:
        """Return the programs that run this ledger, by owner."""
        return [row for _, row in sorted(self._ledger.processes.items())]

    def put_process(self, row: ProcessRow) -> None:
        """Insert or replace the row of a program."""
        row = row._replace(owner=clean(row.owner), host=clean(row.host))
        self._ledger.processes[row.owner] = row

    def delete_process(self, owner: str) -> None:
        """Delete the row of a program."""
        self._ledger.processes.pop(clean(owner), None)
