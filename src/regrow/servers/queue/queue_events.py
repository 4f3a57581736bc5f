"""The telemetry of the queue: a function for each event, which costs one look-up while the event has no handler.

A `job.start` is followed by one `job.stop` or `job.exception`:

    the attempt                                        event
    -----------                                        -----
    succeeded; snoozed; discarded; given back          job.stop, with the outcome
    raised Retry                                       job.stop, "retry" or "dead"
    raised another exception, or its process ended     job.exception
    lost its lease                                     lease.lost, and job.exception
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from regrow.kernel.clock import Times
from regrow.kernel.telemetry import HANDLERS, emit
from regrow.servers.queue.ops import Put

if TYPE_CHECKING:
    from regrow.servers.queue.job import Enqueued, JobError, Stats
    from regrow.servers.queue.ops import Claimed
    from regrow.servers.queue.parked import Entry
    from regrow.servers.queue.performing import Settlement
    from regrow.servers.queue.store import Done

SIZE_EVERY: Final = 10.0  # seconds
OUTCOMES: Final = {None: "ack", "dead": "discard", "snooze": "snooze", "release": "release"}


# Of the writer


def put(broker: object, entry: Entry, result: list[Enqueued], now: float) -> None:
    """Emit that jobs are safe in the store."""
    if (handlers := HANDLERS.get("regrow.queue.put")) and type(entry.op) is Put:
        for job, enqueued in zip(entry.op.jobs, result, strict=True):
            measured = {"bytes": len(job.payload), "wait": now - entry.arrived}
            emit(handlers, "regrow.queue.put", measured, {"queue": entry.op.queue, "broker": broker, "id": enqueued.id})


def full(broker: object, entry: Entry) -> None:
    """Emit that a put has found its queue full."""
    if (handlers := HANDLERS.get("regrow.queue.full")) and type(entry.op) is Put:
        measured = {"jobs": len(entry.op.jobs), "bound": entry.op.bound}
        emit(handlers, "regrow.queue.full", measured, {"queue": entry.op.queue, "broker": broker})


def commit(broker: object, ops: int, duration: float, done: Done) -> None:
    """Emit that a batch was committed."""
    if handlers := HANDLERS.get("regrow.queue.commit"):
        measured = {"ops": ops, "duration": duration, "lock_wait": done.lock_wait}
        emit(handlers, "regrow.queue.commit", measured, {"broker": broker, "synced": done.synced})


def store_error(broker: object, error: BaseException) -> None:
    """Emit that the store has failed."""
    if handlers := HANDLERS.get("regrow.queue.store.error"):
        kind = {"broker": broker, "kind": type(error).__name__, "message": str(error)}
        emit(handlers, "regrow.queue.store.error", {}, kind)


def size_is_due(last: float, now: float) -> bool:
    """Return whether the sizes of the queues are to be read and emitted."""
    return "regrow.queue.size" in HANDLERS and now - last >= SIZE_EVERY


def sizes(broker: object, stats: dict[str, Stats], wal_bytes: int) -> None:
    """Emit the sizes of all queues."""
    if handlers := HANDLERS.get("regrow.queue.size"):
        for queue, found in stats.items():
            measured = {name: getattr(found, name) for name in ("ready", "delayed", "leased", "blocked", "dead")}
            emit(
                handlers, "regrow.queue.size", {**measured, "wal_bytes": wal_bytes}, {"queue": queue, "broker": broker}
            )


# Of the dispatcher


def job_start(broker: object, job: Claimed, times: Times) -> None:
    """Emit that an attempt begins."""
    if handlers := HANDLERS.get("regrow.queue.job.start"):
        measured = {
            "system_time": times.wall,
            "monotonic_time": times.monotonic,
            "waited": max(0.0, times.wall - job.due_at),
        }
        emit(handlers, "regrow.queue.job.start", measured, _job(broker, job))


def job_stop(broker: object, job: Claimed, settlement: Settlement, state: object, duration: float) -> None:
    """Emit that an attempt has ended and is settled; `state` is the job's new one, None after an ack."""
    error = settlement.error
    if settlement.verdict == "retry" and error is not None and error.kind != "Retry":
        job_exception(broker, job, error, duration)
    elif handlers := HANDLERS.get("regrow.queue.job.stop"):
        outcome = OUTCOMES.get(settlement.verdict) or ("dead" if state == "dead" else "retry")
        emit(handlers, "regrow.queue.job.stop", {"duration": duration}, {**_job(broker, job), "outcome": outcome})


def job_exception(broker: object, job: Claimed, error: JobError, duration: float) -> None:
    """Emit that an attempt has failed."""
    if handlers := HANDLERS.get("regrow.queue.job.exception"):
        found = {**_job(broker, job), "kind": error.kind, "message": error.message}
        emit(handlers, "regrow.queue.job.exception", {"duration": duration}, found)


def lease_lost(broker: object, job: Claimed) -> None:
    """Emit that a lease was over before its holder has settled the job."""
    if handlers := HANDLERS.get("regrow.queue.lease.lost"):
        emit(handlers, "regrow.queue.lease.lost", {}, _job(broker, job))


def _job(broker: object, job: Claimed) -> dict[str, Any]:
    return {"queue": job.queue, "broker": broker, "id": job.id, "attempt": job.attempt}
