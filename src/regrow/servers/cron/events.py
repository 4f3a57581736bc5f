"""The telemetry of the cron server: a function for each event, which costs one look-up while it has no handler.

A `run.start` is followed by one `run.stop`, `run.exception` or `lease.lost`:

    the attempt                                 event
    -----------                                 -----
    succeeded, was cancelled or discarded       run.stop
    raised, or took too long                    run.exception
    was taken by another process                lease.lost
"""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

from regrow.kernel.clock import Times
from regrow.kernel.telemetry import HANDLERS, emit
from regrow.servers.cron.when.moments import datetime_of

if TYPE_CHECKING:
    from regrow.servers.cron.ledger.registering import Changed
    from regrow.servers.cron.policies.verdict import Ending
    from regrow.servers.cron.rows import TickRow
    from regrow.servers.cron.run import Run

SECOND = 1_000_000


def about(ledger: str, owner: str, row: TickRow) -> dict[str, Any]:
    """Return the metadata that each event of a tick has."""
    moment: datetime = datetime_of(row.scheduled_for)
    return {"ledger": ledger, "job": row.job, "scheduled_for": moment, "owner": owner}


def decided(ledger: str, owner: str, rows: list[TickRow], now: int) -> None:
    """Emit that ticks were decided."""
    if handlers := HANDLERS.get("regrow.cron.tick.decided"):
        for row in rows:
            late = {"late": max(0, now - row.due) / SECOND}
            emit(handlers, "regrow.cron.tick.decided", late, {**about(ledger, owner, row), "reason": row.reason})


def started(ledger: str, owner: str, run: Run, times: Times) -> None:
    """Emit that an attempt starts."""
    if handlers := HANDLERS.get("regrow.cron.run.start"):
        late = max(0, run.started_at - run.row.due) / SECOND
        clocks = {"system_time": times.wall, "monotonic_time": times.monotonic}
        measured = {**clocks, "late": late, "attempt": run.row.attempt}
        emit(handlers, "regrow.cron.run.start", measured, about(ledger, owner, run.row))


def ended(ledger: str, owner: str, run: Run, ending: Ending, outcome: str, duration: float) -> None:
    """Emit that an attempt has ended; `duration` is in seconds."""
    if ending.how in {"raised", "retry", "timed_out"}:
        if handlers := HANDLERS.get("regrow.cron.run.exception"):
            metadata = {**about(ledger, owner, run.row), "error": ending.error, "outcome": outcome}
            measured = {"duration": duration, "attempt": run.row.attempt}
            emit(handlers, "regrow.cron.run.exception", measured, metadata)
    elif handlers := HANDLERS.get("regrow.cron.run.stop"):
        measured = {"duration": duration, "attempt": run.row.attempt}
        emit(handlers, "regrow.cron.run.stop", measured, {**about(ledger, owner, run.row), "outcome": outcome})


def lost(ledger: str, owner: str, row: TickRow) -> None:
    """Emit that a run was taken by another process, or its lease is over."""
    if handlers := HANDLERS.get("regrow.cron.lease.lost"):
        emit(handlers, "regrow.cron.lease.lost", {}, about(ledger, owner, row))


def changed(ledger: str, owner: str, change: Changed) -> None:
    """Emit that a job has another schedule than before."""
    if handlers := HANDLERS.get("regrow.cron.job.changed"):
        metadata = {"ledger": ledger, "job": change.job, "owner": owner, "old": change.old, "new": change.new}
        emit(handlers, "regrow.cron.job.changed", {}, metadata)


def paused(ledger: str, owner: str, job: str, note: str) -> None:
    """Emit that a job was paused."""
    if handlers := HANDLERS.get("regrow.cron.job.paused"):
        metadata = {"ledger": ledger, "job": job, "owner": owner, "note": note}
        emit(handlers, "regrow.cron.job.paused", {}, metadata)


def resumed(ledger: str, owner: str, job: str) -> None:
    """Emit that a job was resumed."""
    if handlers := HANDLERS.get("regrow.cron.job.resumed"):
        emit(handlers, "regrow.cron.job.resumed", {}, {"ledger": ledger, "job": job, "owner": owner})


def clock_stepped(ledger: str, owner: str, by: float) -> None:
    """Emit that the wall clock was stepped by so many seconds."""
    if handlers := HANDLERS.get("regrow.cron.clock.stepped"):
        emit(handlers, "regrow.cron.clock.stepped", {"by": by}, {"ledger": ledger, "owner": owner})


def store_failed(ledger: str, owner: str, error: BaseException, retry_in: float) -> None:
    """Emit that the store has failed."""
    if handlers := HANDLERS.get("regrow.cron.store.failed"):
        metadata = {"ledger": ledger, "owner": owner, "error": str(error)}
        emit(handlers, "regrow.cron.store.failed", {"retry_in": retry_in}, metadata)
