"""The start of a process: its jobs are compared with the ledger's.

the job is                            then
----------                            ----
new                                   nothing is due at or before now; an `at` in the past is missed
there, with the same schedule         what became due meanwhile is decided by the table of catch-up
there, with another schedule          nothing is due at or before now, and the revision grows
back, after the code was without it   nothing that it missed meanwhile is due
decided for a time far ahead          the clock was wrong then: decided until now
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from regrow.servers.cron.ledger.deciding import CORRECTION, Decided, admit, by_job, enqueue, insert, micros_of
from regrow.servers.cron.ledger.ending import FORGOTTEN, Gone, bury, renewed, start_waiting, take_over
from regrow.servers.cron.ledger.plan import Plan
from regrow.servers.cron.ledger.tables import Tables
from regrow.servers.cron.rows import JobRow, ProcessRow, TickRow
from regrow.servers.cron.when.schedules import At, Every, moment_of


class Changed(NamedTuple):
    """A job whose schedule has changed, with the canonical text of both."""

    job: str
    old: str
    new: str


class Registered(NamedTuple):
    """The findings of a start.

    Attributes:
        rows: the jobs of the code.
        changed: those whose schedule has changed.
        started: the ticks that this process has claimed.
        changes: the number of changes by now.
        others: the processes that had a lease, with the beginning of it.
    """

    rows: dict[str, JobRow]
    changed: list[Changed]
    started: list[TickRow]
    changes: int
    others: dict[str, float]


def register(tables: Tables, plans: Mapping[str, Plan], me: ProcessRow, before: str | None, gone: Gone) -> Registered:
    """Register a process and the jobs of its code, and take over from processes that are gone.

    Args:
        tables: the ledger.
        plans: the jobs, by name.
        me: the row of this process.
        before: the owner that this process replaces; None if there is none.
        gone: tells whether the program of a row has ended.
    """
    now = micros_of(tables.wall)
    if before is not None:
        tables.delete_process(before)
    tables.put_process(renewed(me, tables.lease_now))
    alive, _ = bury(tables, me, gone)
    known = tables.jobs()
    newest = max((row.seen_at for row in known.values()), default=0)
    rows: dict[str, JobRow] = {}
    changed: list[Changed] = []
    missed: list[TickRow] = []
    for name, plan in plans.items():
        old = known.get(name)
        row = _row(plan, old, now, newest)
        if old is not None and old.schedule != row.schedule:
            changed.append(Changed(name, old.schedule, row.schedule))
        if (old is None or old.schedule != row.schedule) and isinstance(plan.schedule, At):
            moment = moment_of(plan.schedule)
            if moment <= now:
                missed.append(TickRow(name, moment, moment, "missed"))
        rows[name] = row
    tables.put_jobs(rows.values())
    tables.insert(missed)
    for name, plan in plans.items():
        plan.revision, plan.anchor = rows[name].revision, rows[name].anchor
    opened = tables.open()
    started = take_over(tables, plans, opened, {row.owner for row in alive}, me.owner)
    started += start_waiting(tables, plans, opened, me.owner).started
    tables.changed()
    return Registered(rows, changed, started, tables.changes(), {row.owner: row.leased_at for row in alive})


def _row(plan: Plan, old: JobRow | None, now: int, newest: int) -> JobRow:
    """Return the row of a job at a start."""
    if old is None:
        return JobRow(plan.name, plan.text, now, now, 1, now, None, "", now)
    if old.schedule != plan.text:
        return old._replace(
            schedule=plan.text, anchor=now, changed_at=now, decided_until=now, revision=old.revision + 1, seen_at=now
        )
    back = newest - old.seen_at > FORGOTTEN and old.paused_at is None
    wrong = old.decided_until - now >= CORRECTION
    until = now if wrong else max(now, old.decided_until) if back else old.decided_until
    return old._replace(decided_until=until, seen_at=now)


def seen(tables: Tables, names: list[str]) -> None:
    """Note that a process has these jobs in its code now."""
    now = micros_of(tables.wall)
    tables.put_jobs(row._replace(seen_at=now) for row in tables.jobs(names).values())


def boot(tables: Tables, plans: Sequence[Plan], owner: str) -> Decided:
    """Decide the ticks of the jobs that run when the program starts."""
    found = Decided({}, [], [], [], [])
    opened = by_job(tables.open([plan.name for plan in plans]))
    now = micros_of(tables.wall)
    for plan in plans:
        row = TickRow(plan.name, now, now, "ran")
        if plan.enqueues is not None:
            found.ticks.append(enqueue(tables, plan, row, now, owner))
        else:
            admit(tables, plan, row, opened.get(plan.name, []), now, owner, found)
    insert(tables, found)
    return found


def stepped_back(tables: Tables, plans: Iterable[Plan], by: int) -> dict[str, JobRow]:
    """Follow a wall clock that was set back; return the rows that have changed.

    The ticks of an interval without an own anchor move with the clock, and 1 µs more, so that no tick has the
    moment of an earlier one. After a correction of three hours or more, nothing ahead counts as decided.

    Args:
        tables: the ledger.
        plans: the jobs of the code.
        by: the step in microseconds, less than 0.
    """
    now = micros_of(tables.wall)
    rows = tables.jobs([plan.name for plan in plans])
    changed: dict[str, JobRow] = {}
    for plan in plans:
        row = rows.get(plan.name)
        if row is None:
            continue
        if isinstance(plan.schedule, Every) and plan.schedule.anchor is None:
            if row.anchor == plan.anchor:  # else another process has followed the same step
                changed[plan.name] = row._replace(anchor=row.anchor + by + 1, decided_until=row.decided_until + by + 1)
        elif by <= -CORRECTION and row.decided_until > now:
            changed[plan.name] = row._replace(decided_until=now)
    if changed:
        tables.put_jobs(changed.values())
        tables.changed()
    return changed
