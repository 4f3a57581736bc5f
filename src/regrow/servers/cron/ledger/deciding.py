"""The decision about the ticks that are due: which run, which wait, which do not, and why.

    ticks after `decided_until`     by the table of catch-up: a reason each, spans as one row
    those that shall run            by the table of overlap: run, wait or skip
    rows                            inserted; a tick with a row is decided already
    `decided_until`                 moved to the newest

A process decides all that is due at one wake in one transaction, and starts runs after its commit.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple

from regrow.servers.cron.ledger.enqueueing import enqueued
from regrow.servers.cron.ledger.plan import Plan
from regrow.servers.cron.ledger.tables import Tables
from regrow.servers.cron.policies.catch_up import CATCH_UP, MOST_CAUGHT_UP, ON_TIME
from regrow.servers.cron.policies.overlap import Arrival, arrive
from regrow.servers.cron.rows import JobRow, Reason, TickRow
from regrow.servers.cron.when.schedules import count_between, previous_at_or_before, ticks_between

SECOND: Final = 1_000_000
CORRECTION: Final = 3 * 3600 * SECOND  # a clock set back by so much was wrong before (Debian's limit)
MOST_COUNTED: Final = 10_000  # ticks of a span


class Decided(NamedTuple):
    """The decisions of a transaction.

    Attributes:
        rows: the jobs as they are now; a job that was forgotten is not there.
        ticks: the rows that were inserted.
        started: the rows that this process has claimed, in the order of the list of jobs.
        cancel: the runs that are to end, as pairs (job, scheduled_for).
        stale: jobs whose schedule a newer process has changed.
    """

    rows: dict[str, JobRow]
    ticks: list[TickRow]
    started: list[TickRow]
    cancel: list[tuple[str, int]]
    stale: list[str]


def decide(tables: Tables, plans: Sequence[Plan], owner: str) -> Decided:
    """Decide all ticks of these jobs that are due by now."""
    now = micros_of(tables.wall)
    names = [plan.name for plan in plans]
    rows = tables.jobs(names)
    found = Decided({}, [], [], [], [])
    due: list[tuple[Plan, JobRow, list[TickRow]]] = []
    for plan in plans:
        row = rows.get(plan.name)
        if row is None:
            continue
        found.rows[plan.name] = row
        if row.revision != plan.revision:
            found.stale.append(plan.name)
            continue
        plan.anchor = row.anchor
        if row.paused_at is None and (decisions := decisions_of(plan, row, now)):
            due.append((plan, row, decisions))
    if due:
        opened = by_job(tables.open([plan.name for plan, _, _ in due]))
        for plan, row, decisions in due:
            _apply(tables, plan, decisions, opened.get(plan.name, []), now, owner, found)
            last = decisions[-1]
            found.rows[plan.name] = row._replace(decided_until=last.scheduled_for if last.until is None else last.until)
        tables.put_jobs([found.rows[plan.name] for plan, _, _ in due])
        insert(tables, found)
        _insert_rests(tables, [(plan, one) for plan, _, decisions in due for one in decisions], found)
    return found


def _insert_rests(tables: Tables, decisions: Iterable[tuple[Plan, TickRow]], found: Decided) -> None:
    """Insert what is left of spans that were not inserted, since their first tick has a row."""
    spans = [(plan, row) for plan, row in decisions if row.until is not None]
    inserted = {(row.job, row.scheduled_for) for row in found.ticks if spans}
    for plan, row in spans:
        if (row.job, row.scheduled_for) not in inserted:
            found.ticks.extend(tables.insert(rest_of(tables, plan, row)))


def rest_of(tables: Tables, plan: Plan, row: TickRow) -> list[TickRow]:
    """Return a row for a span without its first ticks that have rows: they were backfilled before it was decided."""
    first, last = row.scheduled_for, row.until or row.scheduled_for
    while first <= last and tables.tick(row.job, first) is not None:
        following = plan.next(first)
        if following is None:
            return []
        first = following
    return span(plan, first - 1, last, row.reason, row.because)


def decisions_of(plan: Plan, row: JobRow, now: int) -> list[TickRow]:
    """Return a row for each tick or span that is due and undecided, the oldest first; no run is claimed yet."""
    after = row.decided_until
    newest = previous_at_or_before(plan.schedule, now, after=after, anchor=plan.anchor, zone=plan.zone)
    if newest is not None and plan.job.jitter_us and plan.due(newest) > now:
        newest = previous_at_or_before(plan.schedule, newest - 1, after=after, anchor=plan.anchor, zone=plan.zone)
    if newest is None:
        return []
    due = plan.due(newest)
    window = now - plan.job.window_us
    reasons = CATCH_UP[plan.job.catch_up]
    lateness = now - due
    reason: Reason
    if lateness <= ON_TIME:
        reason = reasons.on_time
    elif newest > window:
        reason = reasons.late
    else:
        reason = reasons.outside
    decisions: list[TickRow] = []
    edge = max(after, min(window, newest - 1))  # ticks up to here are outside the window
    if reasons.older == reasons.outside:
        edge = newest - 1
    if edge > after:
        decisions += span(plan, after, edge, reasons.outside, None)
    if edge < newest - 1:
        if reasons.older == "coalesced":
            decisions += span(plan, edge, newest - 1, "coalesced", newest)
        else:
            decisions += _each(plan, edge, newest - 1, reasons.older)
    decisions.append(TickRow(plan.name, newest, due, reason))
    return _joined(decisions)


def span(plan: Plan, after: int, until: int, reason: Reason, because: int | None) -> list[TickRow]:
    """Return one row for the ticks of `after < t ≤ until`, or none if there is no tick."""
    first = plan.next(after)
    if first is None or first > until:
        return []
    last = previous_at_or_before(plan.schedule, until, after=after, anchor=plan.anchor, zone=plan.zone)
    if last is None or last == first:
        return [TickRow(plan.name, first, first, reason, because=because)]
    count = count_between(plan.schedule, after, until, anchor=plan.anchor, zone=plan.zone, most=MOST_COUNTED)
    ticks = -1 if count > MOST_COUNTED else count
    return [TickRow(plan.name, first, first, reason, because=because, ticks=ticks, until=last)]


def _each(plan: Plan, after: int, until: int, reason: Reason) -> list[TickRow]:
    """Return a row for each tick of `after < t ≤ until`; of too many, the oldest are missed."""
    ticks = list(
        ticks_between(plan.schedule, after, until, anchor=plan.anchor, zone=plan.zone, limit=MOST_CAUGHT_UP + 1)
    )
    if len(ticks) <= MOST_CAUGHT_UP:
        return [TickRow(plan.name, tick, plan.due(tick), reason) for tick in ticks]
    kept: list[int] = []
    edge = until
    while len(kept) < MOST_CAUGHT_UP:
        tick = previous_at_or_before(plan.schedule, edge, after=after, anchor=plan.anchor, zone=plan.zone)
        if tick is None:
            break
        kept.append(tick)
        edge = tick - 1
    kept.reverse()
    return [*span(plan, after, edge, "missed", None), *(TickRow(plan.name, t, plan.due(t), reason) for t in kept)]


def _joined(decisions: list[TickRow]) -> list[TickRow]:
    """Join neighbours that were missed into one row."""
    joined: list[TickRow] = []
    for row in decisions:
        last = joined[-1] if joined else None
        if last is None or row.reason != "missed" or last.reason != "missed":
            joined.append(row)
            continue
        many = last.ticks < 0 or row.ticks < 0 or last.ticks + row.ticks > MOST_COUNTED
        until = row.scheduled_for if row.until is None else row.until
        joined[-1] = last._replace(ticks=-1 if many else last.ticks + row.ticks, until=until)
    return joined


def _apply(
    tables: Tables, plan: Plan, decisions: list[TickRow], opened: list[TickRow], now: int, owner: str, found: Decided
) -> None:
    """Add the rows of a job's decisions, with what becomes of those that shall run."""
    for row in decisions:
        if row.reason not in RUNS:
            found.ticks.append(row)
        elif plan.enqueues is not None:
            found.ticks.append(enqueue(tables, plan, row, now, owner))
        elif not (opened and plan.job.overlap == "cancel_other" and tables.tick(row.job, row.scheduled_for)):
            admit(tables, plan, row, opened, now, owner, found)
        # A tick with a row is decided already, after a clock that was set back: it cancels nothing.


RUNS: Final = frozenset({"ran", "caught_up", "triggered", "backfilled"})


def admit(
    tables: Tables, plan: Plan, row: TickRow, opened: list[TickRow], now: int, owner: str, found: Decided
) -> None:
    """Let a tick run, wait or be skipped, by the job's overlap; `opened` are the job's rows that wait or run."""
    arrival: Arrival = arrive(plan.job.overlap, row.reason, opened)
    for older in arrival.dropped:
        tables.update([older._replace(reason="skipped_overlap", outcome=None, because=row.scheduled_for)])
        opened.remove(older)
    for running in arrival.cancelled:
        tables.update([running._replace(cancel=1)])
        opened[opened.index(running)] = running._replace(cancel=1)
        found.cancel.append((running.job, running.scheduled_for))
    if arrival.what == "skip":
        found.ticks.append(row._replace(reason=arrival.reason, because=arrival.because))
    elif arrival.what == "wait":
        waiting = row._replace(outcome="waiting")
        opened.append(waiting)
        found.ticks.append(waiting)
    else:
        running = claimed(row, owner, now)
        opened.append(running)
        found.ticks.append(running)


def claimed(row: TickRow, owner: str, now: int) -> TickRow:
    """Return a row that this process runs from now on, for one more attempt."""
    return row._replace(
        outcome="running",
        owner=owner,
        fence=row.fence + 1,
        attempt=row.attempt + 1,
        cancel=0,
        started_at=now if row.started_at is None else row.started_at,
    )


def insert(tables: Tables, found: Decided) -> None:
    """Insert the rows; a tick that has one keeps it, and is not run again."""
    inserted = tables.insert(found.ticks)
    if len(inserted) < len(found.ticks):
        found.ticks[:] = inserted
    found.started.extend(row for row in found.ticks if row.outcome == "running")


def enqueue(tables: Tables, plan: Plan, row: TickRow, now: int, owner: str) -> TickRow:
    """Put a tick's job into the durable queue; return the tick's row."""
    if tables.tick(row.job, row.scheduled_for) is not None:
        return row  # decided already: the insert leaves the row as it is, and nothing is put
    return _enqueued(tables, plan, row, now, owner)


def _enqueued(tables: Tables, plan: Plan, row: TickRow, now: int, owner: str) -> TickRow:
    begun = row._replace(owner=owner, attempt=1, started_at=now, finished_at=now)
    return enqueued(tables, plan, begun)


def start_next(tables: Tables, plan: Plan, opened: Iterable[TickRow], now: int, owner: str) -> list[TickRow]:
    """Claim the oldest tick that waits, if none runs; with `allow_all`, each that waits. Returns what was claimed.

    Ticks that enqueue have nothing to wait for: their jobs are put, and nothing is claimed.
    """
    rows = list(opened)
    waiting = [row for row in rows if row.outcome == "waiting"]
    if plan.enqueues is not None:
        tables.update([_enqueued(tables, plan, row, now, owner) for row in waiting])
        return []
    if plan.job.overlap != "allow_all":
        if any(row.outcome == "running" for row in rows):
            return []
        waiting = waiting[:1]
    started = [claimed(row, owner, now) for row in waiting]
    tables.update(started)
    return started


def by_job(rows: Iterable[TickRow]) -> dict[str, list[TickRow]]:
    """Return rows by the name of their job."""
    found: dict[str, list[TickRow]] = {}
    for row in rows:
        found.setdefault(row.job, []).append(row)
    return found


def micros_of(wall: float) -> int:
    """Return Unix seconds as microseconds."""
    return round(wall * 1_000_000)
