"""When each job is due: a heap of moments, kept after each decision and each change of a job's row."""

from __future__ import annotations

import heapq
import logging
from typing import Final

from regrow.servers.cron import events, running_runs
from regrow.servers.cron.ledger.deciding import Decided
from regrow.servers.cron.ledger.tables import Tables
from regrow.servers.cron.rows import JobRow, TickRow
from regrow.servers.cron.state import State, Work

LOG: Final = logging.getLogger("regrow")
PRUNE_EVERY: Final = 100  # rows of a job
SECOND: Final = 1_000_000


def take_rows(state: State, rows: dict[str, JobRow]) -> None:
    """Note jobs as the ledger has them, and when they are due."""
    for name, row in rows.items():
        plan = state.plans[name]
        state.rows[name] = row
        plan.anchor = row.anchor
        if row.schedule == plan.text and plan.revision == row.revision:
            state.stale.discard(name)
        elif name not in state.stale:
            state.stale.add(name)
            LOG.warning(
                "The job %r has another schedule in the ledger (%s) than here (%s): it is left to the program that"
                " has started last",
                name,
                row.schedule,
                plan.text,
            )
        schedule(state, name)


def schedule(state: State, name: str) -> None:
    """Note when a job is due next."""
    row, plan = state.rows[name], state.plans[name]
    state.due.pop(name, None)
    if plan.at_boot or row.paused_at is not None or name in state.stale:
        return
    tick = plan.next(row.decided_until)
    if tick is not None:
        due = plan.due(tick)
        state.due[name] = due
        heapq.heappush(state.heap, (due, state.places[name], name))


def decided(state: State, found: Decided) -> None:
    """Start what was claimed, and note when the jobs are due next."""
    take_rows(state, found.rows)
    events.decided(state.ledger, state.owner, found.ticks, round(state.clock.wall() * SECOND))
    prune(state, found.ticks)
    running_runs.claimed(state, found.started)
    for key in found.cancel:
        if (run := state.runs.get(key)) is not None:
            running_runs.cancel(state, run, "cancelled")


def prune_all(state: State) -> None:
    """Delete old rows of all jobs, at a start: a program that is often restarted would never have a hundred new ones."""
    names, keep = list(state.plans), state.settings.keep

    def apply(tables: Tables) -> None:
        for name in names:
            tables.prune(name, keep)

    state.waiting.append(Work(apply, nothing, nothing))


def nothing(_: object) -> None:
    """Do nothing: the next start or the next hundred rows prune again."""


def prune(state: State, ticks: list[TickRow]) -> None:
    """Delete old rows of jobs, once for a hundred new ones."""
    keep = state.settings.keep
    for row in ticks:
        count = state.inserted.get(row.job, 0) + 1
        if count >= PRUNE_EVERY:
            count = 0
            name = row.job
            state.waiting.append(
                Work(lambda tables, name=name: tables.prune(name, keep), lambda _: None, lambda _: None)  # type: ignore[misc]
            )
        state.inserted[row.job] = count
