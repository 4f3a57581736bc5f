"""A ledger for tests: operations by name, time that the test moves, and rows as short texts.

A text of a row says when, in seconds since the test began, why, what became of it, and because of which tick:

    40 ran running                          a run
    10..30 (3) coalesced, because 40        a span of three ticks
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, TypeVar
from zoneinfo import ZoneInfo

from regrow.cron import CronJob, every
from regrow.servers.cron.ledger.deciding import Decided, decide
from regrow.servers.cron.ledger.ending import End, Ended, Looked, finish, leave, look
from regrow.servers.cron.ledger.opening import tables_of
from regrow.servers.cron.ledger.plan import Plan
from regrow.servers.cron.ledger.registering import Registered, register
from regrow.servers.cron.ledger.tables import Tables
from regrow.servers.cron.rows import JobRow, Outcome, ProcessRow, TickRow
from regrow.servers.queue.ops import Within
from tests.contracts.queue_store import START, Opened

T = TypeVar("T")

SECOND = 1_000_000
BEGIN = round(START.wall) * SECOND
ME = "host/1-a.1"
OTHER = "host/2-b.1"
UTC_ZONE = ZoneInfo("UTC")


def work() -> None:
    """Do nothing: no test of the ledger runs it."""


def job(name: str = "job", schedule: Any = None, **policies: Any) -> CronJob:
    """Return a job, by default every ten seconds."""
    return CronJob(work, every(10) if schedule is None else schedule, name=name, **policies)


def plans_of(*jobs: CronJob, seed: str = "") -> dict[str, Plan]:
    """Return jobs as a process has them."""
    return {one.name: Plan(one, UTC_ZONE, "cron", seed) for one in jobs}


def process_row(owner: str) -> ProcessRow:
    """Return the row of a process without a lease."""
    host, _, rest = owner.partition("/")
    return ProcessRow(owner, host, int(rest.partition("-")[0]), 5, 0.0, 0.0)


def never(_: ProcessRow) -> bool:
    """Say that each process still runs."""
    return False


def at(seconds: float) -> int:
    """Return a moment of the test in microseconds since 1970."""
    return BEGIN + round(seconds * SECOND)


def after(moment: int) -> str:
    """Return a moment as seconds since the beginning of the test."""
    return f"{(moment - BEGIN) / SECOND:g}"


def text(row: TickRow) -> str:
    """Return a row as text."""
    span = "" if row.until is None else f"..{after(row.until)} ({row.ticks})"
    outcome = "" if row.outcome is None else f" {row.outcome}"
    because = "" if row.because is None else f", because {after(row.because)}"
    return f"{after(row.scheduled_for)}{span} {row.reason}{outcome}{because}"


class Book:
    """The ledger of a store, and the jobs of the process `ME`."""

    def __init__(self, opened: Opened) -> None:
        self.opened = opened
        self.plans: dict[str, Plan] = {}

    def do(self, work: Callable[[Tables], T]) -> T:
        """Return what a work on the tables returns, in one transaction."""
        puts = tuple(plan.enqueues.example for plan in self.plans.values() if plan.enqueues is not None)
        found: T = self.opened.do(Within(lambda tx: work(tables_of(tx, "cron")), puts=puts))
        return found

    def to(self, seconds: float) -> None:
        """Let time pass until so many seconds since the beginning."""
        self.opened.move(START.wall + seconds - self.opened.clock.wall)

    def register(
        self, *jobs: CronJob, owner: str = ME, before: str | None = None, gone: Callable[[ProcessRow], bool] = never
    ) -> Registered:
        """Start a process with these jobs; they are `plans` from now on if it is `ME`."""
        plans = plans_of(*jobs)
        if owner == ME:
            self.plans = plans
        return self.do(lambda tables: register(tables, plans, process_row(owner), before, gone))

    def decide(self, *names: str, owner: str = ME) -> Decided:
        """Decide what is due of these jobs, or of all."""
        plans = [self.plans[name] for name in names or self.plans]
        return self.do(lambda tables: decide(tables, plans, owner))

    def decide_at(self, seconds: float, *names: str) -> Decided:
        """Let time pass until then, and decide what is due."""
        self.to(seconds)
        return self.decide(*names)

    def finish(
        self, *rows: TickRow, outcome: Outcome = "succeeded", error: str | None = None, owner: str = ME
    ) -> Ended:
        """Write the ends of runs."""
        ends = [end_of(row, outcome, error) for row in rows]
        return self.do(lambda tables: finish(tables, ends, self.plans, owner, ()))

    def leave(self, *rows: TickRow, owner: str = ME, alone: bool = False) -> None:
        """Stop a process whose runs were cancelled."""
        ends = [end_of(row, "cancelled") for row in rows]
        self.do(lambda tables: leave(tables, owner, ends, alone=alone))

    def look(
        self,
        *held: TickRow,
        owner: str = ME,
        seen: int = -1,
        gone: Callable[[ProcessRow], bool] = never,
        plans: dict[str, Plan] | None = None,
    ) -> Looked:
        """Look at the ledger as a process with these runs."""
        fences = {(row.job, row.scheduled_for): row.fence for row in held}
        known = self.plans if plans is None else plans
        return self.do(lambda tables: look(tables, known, process_row(owner), gone, fences, seen))

    def row(self, name: str = "job") -> JobRow:
        """Return the row of a job."""
        return self.do(lambda tables: tables.jobs([name]))[name]

    def change(self, name: str = "job", **changes: Any) -> None:
        """Change the row of a job."""
        row = self.row(name)._replace(**changes)
        self.do(lambda tables: tables.put_jobs([row]))

    def insert(self, *rows: TickRow) -> None:
        """Insert rows of ticks."""
        self.do(lambda tables: tables.insert(rows))

    def tick(self, seconds: float, name: str = "job") -> TickRow:
        """Return the row of a tick."""
        found = self.do(lambda tables: tables.tick(name, at(seconds)))
        assert found is not None
        return found

    def rows(self, name: str | None = "job") -> list[str]:
        """Return the rows of a job, or of all, as texts; the oldest is first."""
        return texts(self.do(lambda tables: tables.history(name, 99_999))[::-1])

    def processes(self) -> dict[str, float]:
        """Return the processes, with the seconds until the end of their leases."""
        return self.do(lambda tables: {row.owner: row.lease_until - tables.lease_now for row in tables.processes()})


def texts(rows: Iterable[TickRow]) -> list[str]:
    """Return rows as texts."""
    return [text(row) for row in rows]


def end_of(row: TickRow, outcome: Outcome = "succeeded", error: str | None = None) -> End:
    """Return the end of a run."""
    assert row.started_at is not None
    return End(row.job, row.scheduled_for, row.fence, outcome, error, row.started_at)
