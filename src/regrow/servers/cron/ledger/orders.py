"""Orders of people, from a program or from the command: pause, resume, trigger, backfill, forget."""

from __future__ import annotations

from typing import Final, NamedTuple
from zoneinfo import ZoneInfo

from regrow.servers.cron.ledger.deciding import MOST_COUNTED, Decided, admit, claimed, enqueue, micros_of, start_next
from regrow.servers.cron.ledger.ending import ORDERED
from regrow.servers.cron.ledger.plan import Plan
from regrow.servers.cron.ledger.tables import Tables
from regrow.servers.cron.rows import OPEN, JobRow, TickRow
from regrow.servers.cron.when.schedules import (
    Reboot,
    Schedule,
    count_between,
    next_after,
    previous_at_or_before,
    schedule_of,
    ticks_between,
)

MOST_BACKFILLED: Final = 10_000
UTC_ZONE: Final = ZoneInfo("UTC")


class Unknown(NamedTuple):
    """The answer for a job that the ledger does not have, with the names that there are."""

    job: str
    names: tuple[str, ...]


class TooMany(NamedTuple):
    """The answer to a backfill of more ticks than one may have."""

    job: str


class Ticks(NamedTuple):
    """The ticks of a job, as the stored text of its schedule says."""

    schedule: Schedule
    anchor: int

    def after(self, moment: int) -> int | None:
        """Return the first tick after a moment."""
        return next_after(self.schedule, moment, anchor=self.anchor, zone=UTC_ZONE)

    def before(self, until: int, after: int) -> int | None:
        """Return the last tick of `after < t ≤ until`."""
        return previous_at_or_before(self.schedule, until, after=after, anchor=self.anchor, zone=UTC_ZONE)

    def number(self, after: int, until: int) -> int:
        """Return the number of the ticks of `after < t ≤ until`, -1 if they are more than can be counted."""
        count = count_between(self.schedule, after, until, anchor=self.anchor, zone=UTC_ZONE, most=MOST_COUNTED)
        return -1 if count > MOST_COUNTED else count

    def span(self, row: TickRow, after: int, until: int) -> TickRow | None:
        """Return a row for the ticks of `after < t ≤ until`, with the reason of another row; None if there is none."""
        first = self.after(after)
        if first is None or first > until:
            return None
        last = self.before(until, after)
        return row._replace(
            scheduled_for=first,
            due=first,
            until=None if last is None or last == first else last,
            ticks=1 if last is None or last == first else self.number(after, until),
        )


def stored(row: JobRow) -> Schedule | None:
    """Return what the stored text of a schedule stands for; None if it has no ticks, or a newer version wrote it."""
    try:
        schedule = schedule_of(row.schedule)
    except ValueError:
        return None
    return None if isinstance(schedule, Reboot) else schedule


def unknown(tables: Tables, name: str) -> Unknown:
    """Return the answer for a job that the ledger does not have."""
    return Unknown(name, tuple(sorted(tables.jobs())))


def pause(tables: Tables, name: str, note: str) -> JobRow | Unknown:
    """Pause a job; a second pause replaces the note."""
    row = tables.jobs([name]).get(name)
    if row is None:
        return unknown(tables, name)
    now = micros_of(tables.wall)
    paused = row._replace(paused_at=now if row.paused_at is None else row.paused_at, note=note)
    tables.put_jobs([paused])
    tables.changed()
    return paused


def resume(tables: Tables, name: str) -> JobRow | Unknown:
    """End a pause: one row covers the ticks that were due meanwhile."""
    row = tables.jobs([name]).get(name)
    if row is None:
        return unknown(tables, name)
    if row.paused_at is None:
        return row
    now = micros_of(tables.wall)
    resumed = row._replace(paused_at=None, note="", decided_until=max(now, row.decided_until))
    schedule = stored(row)
    if schedule is not None:
        start, ticks = max(row.decided_until, row.changed_at), Ticks(schedule, row.anchor)
        while (first := ticks.after(start)) is not None and first <= now and tables.tick(name, first) is not None:
            start = first  # it was backfilled meanwhile
        skipped = ticks.span(TickRow(name, 0, 0, "skipped_paused"), start, now)
        if skipped is not None:
            tables.insert([skipped])
    tables.put_jobs([resumed])
    tables.changed()
    return resumed


def order(tables: Tables, name: str, traceparent: str | None = None) -> TickRow | Unknown:
    """Trigger a job from a program without it: a process that has it in its code takes the tick."""
    if name not in tables.jobs([name]):
        return unknown(tables, name)
    now = _free(tables, name, micros_of(tables.wall))
    row = TickRow(name, now, now, "triggered", outcome="waiting", owner=ORDERED, traceparent=traceparent)
    tables.insert([row])
    tables.changed()
    return row


def trigger(tables: Tables, plan: Plan, owner: str, traceparent: str | None = None) -> Decided | Unknown:
    """Trigger a job in its own program: a tick of this moment, to which the overlap applies."""
    if plan.name not in tables.jobs([plan.name]):
        return unknown(tables, plan.name)
    now = _free(tables, plan.name, micros_of(tables.wall))
    found = Decided({}, [], [], [], [])
    row = TickRow(plan.name, now, now, "triggered", traceparent=traceparent)
    if plan.enqueues is not None:
        found.ticks.append(enqueue(tables, plan, row, now, owner))
    else:
        admit(tables, plan, row, tables.open([plan.name]), now, owner, found)
    tables.insert(found.ticks)
    found.started.extend(one for one in found.ticks if one.outcome == "running")
    tables.changed()
    return found


def _free(tables: Tables, name: str, moment: int) -> int:
    """Return the first moment from this one on that has no tick."""
    while tables.tick(name, moment) is not None:
        moment += 1
    return moment


def backfill(tables: Tables, name: str, start: int, end: int) -> list[TickRow] | Unknown | TooMany:
    """Let the ticks of `start ≤ t < end` that never succeeded wait for a run, and return them; the oldest is first.

    Args:
        tables: the ledger.
        name: the job.
        start: a moment.
        end: a moment that is not in the future.
    """
    row = tables.jobs([name]).get(name)
    if row is None:
        return unknown(tables, name)
    schedule = stored(row)
    if schedule is None:
        return []
    ticks = list(
        ticks_between(schedule, start - 1, end - 1, anchor=row.anchor, zone=UTC_ZONE, limit=MOST_BACKFILLED + 1)
    )
    if len(ticks) > MOST_BACKFILLED:
        return TooMany(name)
    done = tables.done(name, start, end)
    wanted = [tick for tick in ticks if tick not in done]
    if wanted:
        _cut_spans(tables, name, Ticks(schedule, row.anchor), wanted[0], wanted[-1])
    new: list[TickRow] = []
    old: list[TickRow] = []
    for tick in wanted:
        before = tables.tick(name, tick)
        fresh = TickRow(name, tick, tick, "backfilled", outcome="waiting", fence=0 if before is None else before.fence)
        (new if before is None else old).append(fresh)
    tables.insert(new)
    tables.update(old)
    tables.changed()
    return [*old, *new]


def _cut_spans(tables: Tables, name: str, ticks: Ticks, first: int, last: int) -> None:
    """Cut the ticks from `first` to `last` out of the rows that stand for several."""
    for row in tables.history(name, MOST_BACKFILLED * 10):
        if row.until is None or row.until < first or row.scheduled_for > last or row.outcome in OPEN:
            continue
        rest = ticks.span(row, last, row.until)
        if row.scheduled_for < first:
            head = ticks.span(row, row.scheduled_for - 1, first - 1)
            tables.update([head or row._replace(until=None, ticks=1)])
        else:
            tables.update([row._replace(until=None, ticks=1)])
        if rest is not None:
            tables.insert([rest])


def start_backfilled(tables: Tables, plan: Plan, owner: str, *, at_once: bool) -> list[TickRow]:
    """Start what a backfill has let wait: the oldest, or all at once."""
    now = micros_of(tables.wall)
    rows = tables.open([plan.name])
    if not at_once or plan.enqueues is not None:
        return start_next(tables, plan, rows, now, owner)
    started = [claimed(row, owner, now) for row in rows if row.outcome == "waiting" and row.reason == "backfilled"]
    tables.update(started)
    return started


def forget(tables: Tables, name: str) -> int | Unknown:
    """Delete a job with all its ticks; return the number of rows."""
    if name not in tables.jobs([name]):
        return unknown(tables, name)
    count = tables.forget(name)
    tables.changed()
    return count
