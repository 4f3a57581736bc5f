"""The subcommands of `regrow cron`: each asks an open store, and prints the answer as text or as one JSON object."""

from __future__ import annotations

import sys
from collections.abc import Callable
from datetime import UTC, datetime, tzinfo
from typing import Any, Final, NoReturn, TypeVar
from zoneinfo import ZoneInfo

from regrow.cli.cron_explain import moment_of
from regrow.cli.exit_codes import NOT_THERE, WRONG_USE
from regrow.cli.project import Problem
from regrow.cli.queue_store import OpenStore, confirm, times
from regrow.cli.queue_text import counted, dumps, plain, table
from regrow.ops.redaction import redact_text
from regrow.servers.cron.job_info import JobInfo, infos
from regrow.servers.cron.ledger import orders
from regrow.servers.cron.ledger.opening import existing_tables
from regrow.servers.cron.ledger.orders import TooMany, Unknown
from regrow.servers.cron.ledger.tables import Tables
from regrow.servers.cron.rows import JobRow, TickRow
from regrow.servers.cron.tick import Tick, span, tick_of
from regrow.servers.cron.when.moments import micros
from regrow.servers.cron.when.schedules import Crontab, Every, Schedule, duration, schedule_of, zone_of_schedule
from regrow.servers.queue.ops import Transaction, Within

T = TypeVar("T")

UTC_ZONE: Final = ZoneInfo("UTC")


class NoLedger:
    """The answer of a store that has no ledger of this name."""


def ask(seen: OpenStore, ledger: str, work: Callable[[Tables], T]) -> T:
    """Return what a work on a ledger returns.

    Raises:
        Problem: the store has no ledger of this name, or the ledger no job of a name.
        QueueError: the store could not do it.
    """

    def within(transaction: Transaction) -> Any:
        tables = existing_tables(transaction, ledger)
        if tables is None or not tables.jobs():
            return NoLedger()
        return work(tables)

    found = seen.ask(Within(within, f"cron {ledger}"))
    if isinstance(found, NoLedger):
        raise Problem(
            f"{seen.name} has no cron jobs in the ledger {plain(ledger)}: no Cron has started on it", NOT_THERE
        )
    if isinstance(found, Unknown):
        unknown(seen, found)
    result: T = found
    return result


def unknown(seen: OpenStore, found: Unknown) -> NoReturn:
    """Refuse the name of a job.

    Raises:
        Problem: always; it lists the names that there are.
    """
    names = ", ".join(plain(name) for name in found.names[:20])
    more = f" and {len(found.names) - 20} more" if len(found.names) > 20 else ""
    raise Problem(f"{seen.name} has no cron job {plain(found.job)!r}. Its jobs: {names}{more}", NOT_THERE)


def say(text: str, data: dict[str, Any], *, as_json: bool) -> None:
    """Print an answer as text, or as JSON."""
    print(dumps(data) if as_json else text)


# Reading


def list_jobs(seen: OpenStore, ledger: str, *, as_json: bool) -> None:
    """Print the jobs of a ledger."""
    jobs = ask(seen, ledger, lambda tables: infos(tables, {}, UTC_ZONE))
    now = datetime.fromtimestamp(times().wall, UTC)
    data = {"store": seen.name, "ledger": ledger, "jobs": [job_as_data(job) for job in jobs]}
    rows = [
        (
            job.name,
            schedule_words(job),
            None if job.next is None else stamp(job.next),
            None if job.next is None else span(max(0.0, (job.next - now).total_seconds())),
            None if job.last is None else f"{job.last.scheduled_for:%a %H:%M:%S} {job.last.outcome}",
            None if job.last is None else span(max(0.0, (now - job.last.scheduled_for).total_seconds())),
            state_words(job),
        )
        for job in jobs
    ]
    say(
        table([("NAME", "SCHEDULE", "NEXT", "LEFT", "LAST", "PASSED", "STATE"), *rows], sys.stdout),
        data,
        as_json=as_json,
    )


def schedule_words(job: JobInfo) -> str:
    """Return the schedule of a job as the list shows it."""
    found = stored(job.schedule)
    match found:
        case Crontab():
            return str(found)
        case Every():
            return f"every {duration(found.interval)}"
        case None:
            return job.schedule
        case _:
            return job.words


def stored(text: str) -> Schedule | None:
    """Return the schedule of a text in the ledger; None if a newer version wrote it."""
    try:
        return schedule_of(text)
    except ValueError:
        return None


def state_words(job: JobInfo) -> str:
    """Return what is special about a job."""
    words: list[str] = []
    if job.paused:
        words.append(f'paused: "{job.note}"' if job.note else "paused")
    if job.running:
        words.append(f"{job.running} running")
    if job.waiting:
        words.append(f"{job.waiting} waiting")
    if not job.in_code:
        words.append(f"not in the code since {job.seen_at:%a %Y-%m-%d}")
    return ", ".join(words)


def history(seen: OpenStore, ledger: str, job: str | None, limit: int, *, as_json: bool) -> None:
    """Print ticks, the newest first."""

    def read(tables: Tables) -> Any:
        rows = tables.jobs()
        if job is not None and job not in rows:
            return orders.unknown(tables, job)
        zones = {name: zone_of(row) for name, row in rows.items()}
        return [tick_of(row, zones.get(row.job, UTC)) for row in tables.history(job, limit)]

    ticks: list[Tick] = ask(seen, ledger, read)
    data = {"store": seen.name, "ledger": ledger, "ticks": [tick_as_data(tick) for tick in ticks]}
    heads = ("SCHEDULED FOR", "REASON", "OUTCOME", "TOOK", "ATTEMPT", "OWNER", "ERROR")
    rows = [
        (
            *([tick.job] if job is None else []),
            stamp(tick.scheduled_for),
            tick.words,
            tick.outcome,
            took(tick),
            tick.attempt or None,
            owner_words(tick.owner),
            redact_text(tick.error or ""),
        )
        for tick in ticks
    ]
    text = "no tick was decided yet"
    if rows:
        text = table([("JOB", *heads) if job is None else heads, *rows], sys.stdout)
    say(text, data, as_json=as_json)


def zone_of(row: JobRow) -> tzinfo:
    """Return the zone in which a job's ticks are shown."""
    schedule = stored(row.schedule)
    found: tzinfo = UTC if schedule is None else zone_of_schedule(schedule)
    return found


def stamp(moment: datetime) -> str:
    """Return a date with its zone; the seconds only if there are any."""
    return f"{moment:%a %Y-%m-%d %H:%M:%S %Z}" if moment.second else f"{moment:%a %Y-%m-%d %H:%M %Z}"


def took(tick: Tick) -> str | None:
    """Return how long a run took."""
    if tick.started_at is None or tick.finished_at is None:
        return None
    return span(max(0.0, (tick.finished_at - tick.started_at).total_seconds()))


def owner_words(owner: str) -> str | None:
    """Return the machine and the number of a process: web-1/4711."""
    return owner.partition("-")[0] if "/" not in owner else owner[: owner.rfind("-")] or None


# Orders


def run(seen: OpenStore, ledger: str, job: str, *, as_json: bool) -> None:
    """Trigger a job; a program that has it in its code takes the tick."""

    def trigger(tables: Tables) -> Any:
        found = orders.order(tables, job)
        if isinstance(found, Unknown):
            return found
        now = tables.lease_now
        return found, any(row.lease_until > now >= row.leased_at for row in tables.processes())

    row, alive = ask(seen, ledger, trigger)
    tick = tick_of(row, UTC)
    text = f"{plain(job)} runs within 5 s"
    if not alive:
        text = f"{plain(job)} runs when a program with it starts: none is running now"
    say(text, {"ledger": ledger, "tick": tick_as_data(tick), "running": alive}, as_json=as_json)


def pause(seen: OpenStore, ledger: str, job: str, note: str, *, as_json: bool) -> None:
    """Pause a job of a ledger."""
    ask(seen, ledger, lambda tables: orders.pause(tables, job, note))
    text = f"{plain(job)} is paused{f': {plain(note)}' if note else ''}"
    say(text, {"ledger": ledger, "job": job, "paused": True, "note": note}, as_json=as_json)


def resume(seen: OpenStore, ledger: str, job: str, *, as_json: bool) -> None:
    """End the pause of a job."""

    def end(tables: Tables) -> Any:
        before = tables.jobs([job]).get(job)
        found = orders.resume(tables, job)
        return found if isinstance(found, Unknown) else before is not None and before.paused_at is not None

    was_paused = ask(seen, ledger, end)
    text = f"{plain(job)} is resumed" if was_paused else f"{plain(job)} was not paused"
    say(text, {"ledger": ledger, "job": job, "paused": False, "was_paused": was_paused}, as_json=as_json)


def backfill(seen: OpenStore, ledger: str, job: str, start: str, end: str, *, as_json: bool) -> None:
    """Let the ticks of a period that never succeeded run.

    Raises:
        Problem: the dates are no period of the past, or it has too many ticks.
    """
    known = ask(seen, ledger, lambda tables: tables.jobs([job]).get(job) or orders.unknown(tables, job))
    assert isinstance(known, JobRow)
    zone = zone_of(known)
    shown = zone if isinstance(zone, ZoneInfo) else UTC_ZONE
    first, last = micros(moment_of(start, shown, "START")), micros(moment_of(end, shown, "END"))
    if last <= first:
        raise Problem(f"backfill: wanted an END after START, got {plain(start)} and {plain(end)}", WRONG_USE)
    if last > round(times().wall * 1_000_000):
        raise Problem(f"backfill: wanted an END that is not in the future, got {plain(end)}", WRONG_USE)
    found = ask(seen, ledger, lambda tables: orders.backfill(tables, job, first, last))
    if isinstance(found, TooMany):
        most = orders.MOST_BACKFILLED
        raise Problem(f"backfill: wanted a period of {most:,} ticks at most. Fill a shorter one first", WRONG_USE)
    assert isinstance(found, list)
    ticks: list[TickRow] = found
    say(f"{counted(len(ticks), 'tick')} of {plain(job)} will run", {"job": job, "ticks": len(ticks)}, as_json=as_json)


def forget(seen: OpenStore, ledger: str, job: str, *, yes: bool, as_json: bool) -> None:
    """Delete a job with its ticks."""
    ask(seen, ledger, lambda tables: tables.jobs([job]).get(job) or orders.unknown(tables, job))
    confirm(f"Delete {plain(job)} and its history?", yes=yes)
    number = ask(seen, ledger, lambda tables: orders.forget(tables, job))
    assert isinstance(number, int)
    text = f"{plain(job)} is forgotten, with {counted(number - 1, 'tick')}"
    say(text, {"ledger": ledger, "job": job, "deleted": number}, as_json=as_json)


# JSON


def job_as_data(job: JobInfo) -> dict[str, Any]:
    """Return a job as JSON; dates are in ISO 8601."""
    return {
        "name": job.name,
        "schedule": job.schedule,
        "words": job.words,
        "next": None if job.next is None else job.next.isoformat(),
        "last": None if job.last is None else tick_as_data(job.last),
        "paused": job.paused,
        "note": job.note,
        "running": job.running,
        "waiting": job.waiting,
        "in_code": job.in_code,
        "seen_at": job.seen_at.isoformat(),
    }


def tick_as_data(tick: Tick) -> dict[str, Any]:
    """Return a tick as JSON; dates are in ISO 8601, `late` is in seconds."""

    def iso(moment: datetime | None) -> str | None:
        return None if moment is None else moment.isoformat()

    return {
        "key": tick.key,
        "job": tick.job,
        "scheduled_for": iso(tick.scheduled_for),
        "due": iso(tick.due),
        "reason": tick.reason,
        "words": tick.words,
        "outcome": tick.outcome,
        "started_at": iso(tick.started_at),
        "finished_at": iso(tick.finished_at),
        "late": tick.late,
        "attempt": tick.attempt,
        "error": None if tick.error is None else redact_text(tick.error),
        "owner": tick.owner,
        "because": iso(tick.because),
        "ticks": tick.ticks,
        "until": iso(tick.until),
    }
