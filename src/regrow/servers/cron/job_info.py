"""Jobs as a person sees them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from regrow.servers.cron.ledger.orders import stored
from regrow.servers.cron.ledger.plan import Plan
from regrow.servers.cron.ledger.tables import Tables
from regrow.servers.cron.rows import JobRow
from regrow.servers.cron.tick import Tick, tick_of
from regrow.servers.cron.when.moments import datetime_of
from regrow.servers.cron.when.schedules import Schedule, next_after, schedule_of, zone_of_schedule
from regrow.servers.cron.when.words import words

AWAY = 3_600_000_000  # µs after which a job that no program has in its code shows that


@dataclass(frozen=True, slots=True)
class JobInfo:
    """A job as `Cron.jobs` and the command show it.

    Attributes:
        name: the job's name.
        schedule: its schedule as the ledger has it.
        words: the schedule in plain words.
        next: its next tick; None if there is none, or it is paused.
        last: its newest tick that ran or runs.
        paused: whether it is paused.
        note: why it is paused.
        running: how many of its ticks run, in all processes.
        waiting: how many wait.
        in_code: whether a program has it in its code.
        seen_at: when a program last had it.
    """

    name: str
    schedule: str
    words: str
    next: datetime | None
    last: Tick | None
    paused: bool
    note: str
    running: int
    waiting: int
    in_code: bool
    seen_at: datetime


def infos(tables: Tables, plans: Mapping[str, Plan], zone: ZoneInfo) -> list[JobInfo]:
    """Return all jobs of a ledger: those of the code in its order, then the others by name."""
    rows = tables.jobs()
    last = tables.last()
    counts: Counter[tuple[str, str | None]] = Counter((row.job, row.outcome) for row in tables.open())
    now = round(tables.wall * 1_000_000)
    newest = max((row.seen_at for row in rows.values()), default=now)
    order = [*(name for name in plans if name in rows), *sorted(rows.keys() - plans.keys())]
    found: list[JobInfo] = []
    for name in order:
        row = rows[name]
        schedule = stored(row)
        shown = zone if schedule is None else zone_of_schedule(schedule, zone)
        found.append(
            JobInfo(
                name,
                row.schedule,
                words_of(row, zone),
                next_of(row, schedule, now, zone),
                tick_of(last[name], shown) if name in last else None,
                row.paused_at is not None,
                row.note,
                counts[name, "running"],
                counts[name, "waiting"],
                name in plans or newest - row.seen_at <= AWAY,
                datetime_of(row.seen_at, zone),
            )
        )
    return found


def words_of(row: JobRow, zone: ZoneInfo) -> str:
    """Return the schedule of a job in plain words; the stored text if a newer version wrote it."""
    try:
        return words(schedule_of(row.schedule), zone)
    except ValueError:
        return row.schedule


def next_of(row: JobRow, schedule: Schedule | None, now: int, zone: ZoneInfo) -> datetime | None:
    """Return the next tick of a job; None if it is paused, or has none."""
    if schedule is None or row.paused_at is not None:
        return None
    tick = next_after(schedule, max(row.decided_until, now), anchor=row.anchor, zone=zone)
    return None if tick is None else datetime_of(tick, zone_of_schedule(schedule, zone))
