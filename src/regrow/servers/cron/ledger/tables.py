"""The contract of a ledger's tables: `tests/contracts/cron_tables.py` tests each kind.

All methods run inside one transaction, which holds the ledger's lock: no other process reads or writes these rows
meanwhile, so an operation reads a row, decides in Python, and writes the row.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Protocol

from regrow.servers.cron.rows import JobRow, ProcessRow, TickRow


class Tables(Protocol):
    """The rows of one ledger, within one transaction."""

    @property
    def wall(self) -> float:
        """The time of the transaction by the wall clock, in Unix seconds; read after the lock was held."""
        ...

    @property
    def lease_now(self) -> float:
        """The time by the clock of leases, in seconds: the machine's monotonic clock, or the server's clock."""
        ...

    @property
    def one_machine(self) -> bool:
        """Whether all programs that use the store are on this machine."""
        ...

    def put(self, put: Any, /) -> list[Any] | None:
        """Put jobs into the durable queue in this transaction; None if there is no room."""
        ...

    def changes(self) -> int:
        """Return the number of changes that other processes have to look at."""
        ...

    def changed(self) -> None:
        """Count a change that other processes have to look at."""
        ...

    # Jobs

    def jobs(self, names: Sequence[str] | None = None) -> dict[str, JobRow]:
        """Return the rows of these jobs, or of all."""
        ...

    def put_jobs(self, rows: Iterable[JobRow]) -> None:
        """Insert or replace the rows of jobs."""
        ...

    def forget(self, name: str) -> int:
        """Delete a job and its ticks; return how many rows there were."""
        ...

    # Ticks

    def tick(self, job: str, scheduled_for: int) -> TickRow | None:
        """Return the row of a tick."""
        ...

    def open(self, names: Sequence[str] | None = None) -> list[TickRow]:
        """Return the rows that wait or run, of these jobs or of all, by job and `scheduled_for`."""
        ...

    def insert(self, rows: Sequence[TickRow]) -> list[TickRow]:
        """Insert rows; return those that were inserted. A tick that has a row already keeps it."""
        ...

    def update(self, rows: Iterable[TickRow]) -> None:
        """Replace rows that exist."""
        ...

    def history(self, job: str | None, limit: int) -> list[TickRow]:
        """Return the newest rows of a job, or of all, the newest first."""
        ...

    def last(self) -> dict[str, TickRow]:
        """Return the newest row of each job that has a run, by the job's name."""
        ...

    def done(self, job: str, start: int, end: int) -> set[int]:
        """Return the moments of `start ≤ t < end` whose tick has succeeded, was enqueued, waits or runs."""
        ...

    def prune(self, job: str, keep: int) -> None:
        """Delete all but the newest `keep` rows of a job; rows that wait or run stay."""
        ...

    # Processes

    def processes(self) -> list[ProcessRow]:
        """Return the programs that run this ledger."""
        ...

    def put_process(self, row: ProcessRow) -> None:
        """Insert or replace the row of a program."""
        ...

    def delete_process(self, owner: str) -> None:
        """Delete the row of a program."""
        ...
