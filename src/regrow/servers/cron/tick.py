"""Ticks as users see them, and the one that code runs for."""

from __future__ import annotations

from contextvars import ContextVar
from dataclasses import dataclass
from datetime import datetime, tzinfo
from typing import Final

from regrow.servers.cron.errors import NotInRun
from regrow.servers.cron.rows import Outcome, Reason, TickRow
from regrow.servers.cron.when.moments import SECOND, datetime_of, iso_of, micros

HERE: Final[ContextVar[Tick | None]] = ContextVar("regrow_tick", default=None)


@dataclass(frozen=True, slots=True, repr=False)
class Tick:
    """One due time of a job, and what became of it; or a span of them that were not run.

    Two dates of one zone compare by their wall time in Python, so that 01:30 EDT equals 01:30 EST: compare ticks by
    their `key`.

    Attributes:
        job: the job's name.
        scheduled_for: the tick, in the schedule's zone; the first of a span.
        due: the tick with its jitter.
        reason: why it ran, or why it did not: "ran", "caught_up", "triggered", "backfilled", "skipped_overlap",
            "skipped_buffer_full", "skipped_paused", "coalesced" or "missed".
        outcome: "waiting", "running", "enqueued", "succeeded", "failed", "timed_out", "cancelled" or "lost"; None if it
            did not run.
        started_at: when its first attempt started.
        finished_at: when its run ended.
        late: seconds from `due` to the start, 0 or more.
        attempt: the number of the last attempt, from 1; 0 before the first.
        error: the last line of the traceback.
        owner: the process that ran it.
        because: the tick for whose sake it did not run.
        ticks: how many ticks this stands for; -1 is more than 10,000.
        until: the last tick of a span.
        traceparent: the trace of the process that triggered it, in W3C's form.
    """

    job: str
    scheduled_for: datetime
    due: datetime
    reason: Reason
    outcome: Outcome | None = None
    started_at: datetime | None = None
    finished_at: datetime | None = None
    late: float = 0.0
    attempt: int = 0
    error: str | None = None
    owner: str = ""
    because: datetime | None = None
    ticks: int = 1
    until: datetime | None = None
    traceparent: str | None = None

    def __repr__(self) -> str:
        return f"<Tick {self.key}: {self.reason}, {self.outcome or 'did not run'}>"

    @property
    def key(self) -> str:
        """The tick as text, for other systems as a key against a second run: "report@2026-11-01T05:30:00Z"."""
        return f"{self.job}@{iso_of(micros(self.scheduled_for))}"

    @property
    def words(self) -> str:
        """The reason in plain text: "caught up, late by 3h 10m"."""
        return words_of(self)


def tick_of(row: TickRow, zone: tzinfo) -> Tick:
    """Return a row of the ledger as users see it; its dates are in `zone`."""
    started = row.started_at
    return Tick(
        row.job,
        datetime_of(row.scheduled_for, zone),
        datetime_of(row.due, zone),
        row.reason,
        row.outcome,
        None if started is None else datetime_of(started, zone),
        None if row.finished_at is None else datetime_of(row.finished_at, zone),
        0.0 if started is None else max(0, started - row.due) / SECOND,
        row.attempt,
        row.error,
        row.owner or "",
        None if row.because is None else datetime_of(row.because, zone),
        row.ticks,
        None if row.until is None else datetime_of(row.until, zone),
        row.traceparent,
    )


def current() -> Tick:
    """Return the tick that this code runs for: in a job, and in all that it calls, also in its thread.

    Raises:
        NotInRun: the code does not run for a tick.
    """
    tick = HERE.get()
    if tick is None:
        raise NotInRun("current(): this code does not run for a tick of a cron job")
    return tick


def run_for(tick: Tick | None) -> None:
    """Note the tick for which the code of this context runs from now on; called in the process of the run."""
    HERE.set(tick)


# Words


def words_of(tick: Tick) -> str:
    """Return why a tick ran, or did not."""
    other = None if tick.because is None else moment_words(tick.because)
    match tick.reason:
        case "ran":
            return f"ran{late_words(tick.late, 1.0)}"
        case "caught_up":
            return f"caught up{late_words(tick.late, 0.0)}"
        case "triggered":
            return "triggered"
        case "backfilled":
            return "backfilled"
        case "skipped_overlap":
            return f"skipped: overlap with {other}"
        case "skipped_buffer_full":
            return "skipped: too many wait"
        case "skipped_paused":
            return f"skipped: paused{span_words(tick)}"
        case "coalesced":
            return f"coalesced into {other}{span_words(tick)}"
        case "missed":
            return f"missed: not running{span_words(tick)}"


def span_words(tick: Tick) -> str:
    """Return how many ticks a row stands for, if they are several."""
    if tick.until is None:
        return ""
    count = "10,000+" if tick.ticks < 0 else f"{tick.ticks:,}"
    return f" ({count} ticks until {tick.until:%a %Y-%m-%d %H:%M})"


def late_words(late: float, least: float) -> str:
    """Return how late a run started, if that is worth a word."""
    return f", late by {span(late)}" if late >= least and late > 0 else ""


def moment_words(moment: datetime) -> str:
    """Return a moment as a history shows it beside another."""
    return f"{moment:%a %H:%M:%S}" if moment.second else f"{moment:%a %H:%M}"


def span(seconds: float) -> str:
    """Return a duration in words: 4.2 s, 3m 12s, 9h 3m, 5d."""
    if round(seconds, 1) < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    days, hours = divmod(hours, 24)
    if days:
        return f"{days}d {hours}h" if hours else f"{days}d"
    if hours:
        return f"{hours}h {minutes}m" if minutes else f"{hours}h"
    return f"{minutes}m {rest}s" if rest else f"{minutes}m"
