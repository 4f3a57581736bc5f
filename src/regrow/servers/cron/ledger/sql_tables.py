"""The tables of a ledger in SQLite and PostgreSQL, by the same statements."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Final

from regrow.servers.cron.ledger import sql
from regrow.servers.cron.ledger.text import clean
from regrow.servers.cron.rows import JobRow, ProcessRow, TickRow
from regrow.servers.queue.ops import Put, Transaction

NAMES: Final = 64  # names in one statement
MOST_NAMES: Final = 640  # more are found by reading all rows
CHUNKS: Final = (500, 50, 1)  # rows of one insert


class SqlTables:
    """The rows of one ledger, within one transaction; see `Tables`."""

    def __init__(self, transaction: Transaction, ledger: str) -> None:
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
        rows = self._transaction.rows(sql.READ_META, (self._counter,))
        return int(rows[0][0]) if rows else 0

    def changed(self) -> None:
        """Count a change that other processes have to look at."""
        self._transaction.rows(sql.COUNT_CHANGE, (self._counter,))

    @property
    def _counter(self) -> str:
        return f"cron_changes {self._ledger}"

    # Jobs

    def jobs(self, names: Sequence[str] | None = None) -> dict[str, JobRow]:
        """Return the rows of these jobs, or of all, in the order of their names."""
        return {row[0]: JobRow(*row) for row in sorted(self._of(sql.JOBS, sql.SOME_JOBS, names), key=_name)}

    def _of(self, every: str, some: str, names: Sequence[str] | None) -> list[tuple[Any, ...]]:
        """Return the rows of these names, or of all; the name is the first column."""
        if names is None:
            return self._transaction.rows(every, (self._ledger,))
        wanted = list(dict.fromkeys(names))
        if len(wanted) > MOST_NAMES:
            found = set(wanted)
            return [row for row in self._transaction.rows(every, (self._ledger,)) if row[0] in found]
        rows: list[tuple[Any, ...]] = []
        for start in range(0, len(wanted), NAMES):
            chunk = wanted[start : start + NAMES]
            if len(chunk) > 1:  # few statements of different lengths, for each has to be prepared
                chunk += chunk[-1:] * (NAMES - len(chunk))
            rows += self._transaction.rows(f"{some}({', '.join('?' * len(chunk))})", (self._ledger, *chunk))
        return rows

    def put_jobs(self, rows: Iterable[JobRow]) -> None:
        """Insert or replace the rows of jobs."""
        self._transaction.many(
            sql.PUT_JOB,
            [(self._ledger, *row._replace(schedule=clean(row.schedule), note=clean(row.note))) for row in rows],
        )

    def forget(self, name: str) -> int:
        """Delete a job and its ticks; return how many rows there were."""
        key = (self._ledger, name)
        ((ticks,),) = self._transaction.rows(sql.COUNT_TICKS, key)
        self._transaction.rows(sql.FORGET_TICKS, key)
        return int(ticks) + len(self._transaction.rows(sql.FORGET_JOB, key))

    # Ticks

    def tick(self, job: str, scheduled_for: int) -> TickRow | None:
        """Return the row of a tick."""
        rows = self._transaction.rows(sql.TICK, (self._ledger, job, scheduled_for))
        return TickRow(*rows[0]) if rows else None

    def open(self, names: Sequence[str] | None = None) -> list[TickRow]:
        """Return the rows that wait or run, of these jobs or of all, by job and `scheduled_for`."""
        return [TickRow(*row) for row in sorted(self._of(sql.OPEN_TICKS, sql.SOME_OPEN, names), key=_key)]

    def insert(self, rows: Sequence[TickRow]) -> list[TickRow]:
        """Insert rows; return those that were inserted. A tick that has a row already keeps it."""
        keys: set[tuple[Any, ...]] = set()
        place = 0
        while place < len(rows):
            size = next(size for size in CHUNKS if size <= len(rows) - place)
            values = [value for row in rows[place : place + size] for value in (self._ledger, *_cleaned(row))]
            statement = f"{sql.INSERT}{', '.join([sql.INSERT_ROW] * size)}{sql.INSERTED}"
            keys.update(self._transaction.rows(statement, values))
            place += size
        inserted: list[TickRow] = []
        for row in rows:
            if row[:2] in keys:
                keys.remove(row[:2])  # of two rows of one tick the first is the inserted one
                inserted.append(row)
        return inserted

    def update(self, rows: Iterable[TickRow]) -> None:
        """Replace rows that exist."""
        self._transaction.many(
            sql.UPDATE, [(*_cleaned(row)[2:], self._ledger, row.job, row.scheduled_for) for row in rows]
        )

    def history(self, job: str | None, limit: int) -> list[TickRow]:
        """Return the newest rows of a job, or of all, the newest first; those of one moment by job."""
        if job is None:
            rows = self._transaction.rows(sql.HISTORY, (self._ledger, limit))
        else:
            rows = self._transaction.rows(sql.HISTORY_OF, (self._ledger, job, limit))
        return [TickRow(*row) for row in rows]

    def last(self) -> dict[str, TickRow]:
        """Return the newest row of each job that has an outcome, by the job's name."""
        return {row[0]: TickRow(*row) for row in self._transaction.rows(sql.LAST, (self._ledger,))}

    def done(self, job: str, start: int, end: int) -> set[int]:
        """Return the moments of `start ≤ t < end` whose tick has succeeded, was enqueued, waits or runs."""
        return {moment for (moment,) in self._transaction.rows(sql.DONE, (self._ledger, job, start, end))}

    def prune(self, job: str, keep: int) -> None:
        """Delete all but the newest `keep` rows of a job; rows that wait or run stay."""
        self._transaction.rows(sql.PRUNE, (self._ledger, job, self._ledger, job, keep))

    # Processes

    def processes(self) -> list[ProcessRow]:
        """Return the programs that run this ledger, by owner."""
        return [ProcessRow(*row) for row in self._transaction.rows(sql.PROCESSES, (self._ledger,))]

    def put_process(self, row: ProcessRow) -> None:
        """Insert or replace the row of a program."""
        row = row._replace(owner=clean(row.owner), host=clean(row.host))
        self._transaction.rows(sql.PUT_PROCESS, (self._ledger, *row))

    def delete_process(self, owner: str) -> None:
        """Delete the row of a program."""
        self._transaction.rows(sql.DELETE_PROCESS, (self._ledger, clean(owner)))


def _name(row: tuple[Any, ...]) -> Any:
    return row[0]


def _key(row: tuple[Any, ...]) -> tuple[Any, ...]:
    return row[:2]


def _cleaned(row: TickRow) -> TickRow:
    """Return a row whose texts every store takes."""
    error, owner, traceparent = clean(row.error), clean(row.owner), clean(row.traceparent)
    if error == row.error and owner == row.owner and traceparent == row.traceparent:
        return row
    return row._replace(error=error, owner=owner, traceparent=traceparent)
