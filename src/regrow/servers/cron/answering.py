"""The answers of a scheduler to `Cron`'s functions, each after its transaction."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from regrow.behaviours.gen_server.gen_server import From, reply
from regrow.servers.cron import events, planning, running_runs
from regrow.servers.cron.errors import UnknownJob
from regrow.servers.cron.job_info import JobInfo, infos
from regrow.servers.cron.ledger import orders
from regrow.servers.cron.ledger.deciding import Decided
from regrow.servers.cron.ledger.orders import TooMany, Unknown
from regrow.servers.cron.ledger.tables import Tables
from regrow.servers.cron.rows import JobRow, TickRow
from regrow.servers.cron.state import (
    BackfillJob,
    ListJobs,
    PauseJob,
    ReadHistory,
    ResumeJob,
    State,
    TriggerJob,
    Work,
)
from regrow.servers.cron.tick import tick_of


def answer(state: State, request: Any, from_: From) -> bool:
    """Begin to answer a request; return whether it is one."""
    make = ANSWERS.get(type(request))  # pyright: ignore[reportUnknownArgumentType]
    if make is None:
        return False
    apply, done = make(state, request)

    def answered(found: Any) -> None:
        if isinstance(found, Unknown):
            reply(from_, UnknownJob(found.job, found.names))
        else:
            reply(from_, done(found))

    def failed(error: Exception) -> None:
        reply(from_, error)

    state.waiting.append(Work(apply, answered, failed))
    return True


Answer = tuple[Callable[[Tables], Any], Callable[[Any], Any]]


def list_jobs(state: State, request: ListJobs) -> Answer:
    """Read all jobs of the ledger."""

    def apply(tables: Tables) -> list[JobInfo]:
        return infos(tables, state.plans, state.settings.zone)

    return apply, lambda found: found


def read_history(state: State, request: ReadHistory) -> Answer:
    """Read the newest ticks."""

    def apply(tables: Tables) -> list[TickRow] | Unknown:
        if request.job is not None and request.job not in tables.jobs([request.job]):
            return orders.unknown(tables, request.job)
        return tables.history(request.job, request.limit)

    return apply, lambda rows: [tick_of(row, zone_of(state, row.job)) for row in rows]


def zone_of(state: State, job: str) -> Any:
    """Return the zone in which a job's ticks are shown."""
    plan = state.plans.get(job)
    return state.settings.zone if plan is None else plan.shown_zone


def pause(state: State, request: PauseJob) -> Answer:
    """Pause a job in the ledger."""

    def done(row: JobRow) -> None:
        if request.job in state.plans:
            planning.take_rows(state, {request.job: row})
        events.paused(state.ledger, state.owner, request.job, request.note)

    return lambda tables: orders.pause(tables, request.job, request.note), done


def resume(state: State, request: ResumeJob) -> Answer:
    """End the pause of a job."""

    def done(row: JobRow) -> None:
        if request.job in state.plans:
            planning.take_rows(state, {request.job: row})
        events.resumed(state.ledger, state.owner, request.job)

    return lambda tables: orders.resume(tables, request.job), done


def trigger(state: State, request: TriggerJob) -> Answer:
    """Run a job now; one that is not in this program's code is taken by a program that has it."""
    plan = state.plans.get(request.job)

    def apply(tables: Tables) -> Any:
        if plan is None or plan.name in state.stale:
            return orders.order(tables, request.job, request.traceparent)
        return orders.trigger(tables, plan, state.owner, request.traceparent)

    def done(found: Decided | TickRow) -> Any:
        if isinstance(found, TickRow):
            return tick_of(found, state.settings.zone)
        planning.decided(state, found)
        return tick_of(found.ticks[0], zone_of(state, request.job))

    return apply, done


def backfill(state: State, request: BackfillJob) -> Answer:
    """Run the ticks of a time that is past."""
    plan = state.active().get(request.job)

    def apply(tables: Tables) -> Any:
        found = orders.backfill(tables, request.job, request.start, request.end)
        if not isinstance(found, list):
            return found
        started: list[TickRow] = []
        if plan is not None and found:
            started = orders.start_backfilled(tables, plan, state.owner, at_once=request.at_once)
        return found, started

    def done(found: Any) -> Any:
        if isinstance(found, TooMany):
            return ValueError(
                f"backfill of {request.job!r}: wanted a period of {orders.MOST_BACKFILLED:,} ticks at most; it has more. "
                "Fill a shorter one first"
            )
        ticks, started = found
        running_runs.claimed(state, started)
        return len(ticks)

    return apply, done


ANSWERS: dict[type, Callable[[State, Any], Answer]] = {
    ListJobs: list_jobs,
    ReadHistory: read_history,
    PauseJob: pause,
    ResumeJob: resume,
    TriggerJob: trigger,
    BackfillJob: backfill,
}
