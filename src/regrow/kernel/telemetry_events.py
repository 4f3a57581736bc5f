"""The table of the events that regrow emits, by name; `regrow.telemetry.EVENTS` shows it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final


@dataclass(frozen=True, slots=True)
class Event:
    """An event that regrow emits.

    Attributes:
        doc: when it happens.
        measurements: each measurement's name, and its meaning.
        metadata: each name in the metadata, and its meaning. `node` is in that of every event and stands in none of them.
    """

    doc: str
    measurements: Mapping[str, str]
    metadata: Mapping[str, str]


def event(doc: str, measurements: dict[str, str], metadata: dict[str, str]) -> Event:
    """Return a row of the table."""
    return Event(doc, MappingProxyType(measurements), MappingProxyType(metadata))


STARTED: Final = {
    "system_time": "Unix seconds at the start, by the node's clock",
    "monotonic_time": "seconds at the start, by the node's clock",
}
DURATION: Final = {"duration": "seconds since the start"}
QUEUE: Final = {"queue": "the queue's name", "broker": "the broker's name"}
JOB: Final = {**QUEUE, "id": "the job's id", "attempt": "the number of this attempt, from 1"}
CRON: Final = {"ledger": "the ledger's name", "owner": "the cron server's name in the ledger"}
TICK: Final = {**CRON, "job": "the job's name", "scheduled_for": "the tick, a datetime in UTC"}
ATTEMPT: Final = {"attempt": "the number of this attempt, from 1"}
HANDLER: Final = {
    "id": "the handler's id",
    "event": "the event whose handling has failed",
    "error": "the exception",
}

_EVENTS: dict[str, Event] = {
    "regrow.queue.put": event(
        "A job was put, and is safe in the store.",
        {"bytes": "length of the encoded payload", "wait": "seconds from the request to the commit"},
        {**QUEUE, "id": "the job's id"},
    ),
    "regrow.queue.job.start": event(
        "A worker begins an attempt of a job.",
        {**STARTED, "waited": "seconds since the job was due"},
        JOB,
    ),
    "regrow.queue.job.stop": event(
        "The attempt has ended without an exception, or by one that says what becomes of the job, and is settled.",
        DURATION,
        {**JOB, "outcome": '"ack", "retry", "snooze", "discard", "dead", or "release": given back by a drain'},
    ),
    "regrow.queue.job.exception": event(
        "The attempt has failed: the worker raised, ran out of time, or was killed.",
        DURATION,
        {**JOB, "kind": "the exception's class name, or the word of the reason", "message": "the exception's text"},
    ),
    "regrow.queue.lease.lost": event(
        "A lease was over before its holder acknowledged the job.",
        {},
        JOB,
    ),
    "regrow.queue.commit": event(
        "The broker's store has committed a batch of operations.",
        {
            "ops": "number of operations in the batch",
            "duration": "seconds that the store worked on it",
            "lock_wait": "seconds of these in which it waited for the write lock",
        },
        {"broker": QUEUE["broker"], "synced": "whether the commit was synced to the disk"},
    ),
    "regrow.queue.full": event(
        "A put found its queue full.",
        {"jobs": "the jobs of the put", "bound": "the most live jobs that the queue may have"},
        QUEUE,
    ),
    "regrow.queue.store.error": event(
        "The broker's store has failed.",
        {},
        {"broker": QUEUE["broker"], "kind": "the error's class name", "message": "the error's text"},
    ),
    "regrow.queue.size": event(
        "The sizes of a queue, every 10 seconds while the event has a handler.",
        {
            "ready": "jobs that may be claimed",
            "delayed": "jobs that are not due yet",
            "leased": "jobs that are being performed",
            "blocked": "jobs that wait for an older one of their group",
            "dead": "dead letters",
            "wal_bytes": "length of the store's write-ahead log; 0 for a store without one",
        },
        QUEUE,
    ),
    "regrow.cron.tick.decided": event(
        "A tick was decided: that it runs, waits or does not run, and why.",
        {"late": "seconds since it was due"},
        {**TICK, "reason": '"ran", "caught_up", "triggered", "backfilled", "skipped_…", "coalesced" or "missed"'},
    ),
    "regrow.cron.run.start": event(
        "An attempt of a tick starts.",
        {**STARTED, "late": "seconds since the tick was due", **ATTEMPT},
        TICK,
    ),
    "regrow.cron.run.stop": event(
        "The attempt has ended without a failure, by an order, or by one that says what becomes of the tick.",
        {**DURATION, **ATTEMPT},
        {**TICK, "outcome": '"succeeded", "enqueued", "cancelled", or "failed": discarded'},
    ),
    "regrow.cron.run.exception": event(
        "The attempt has failed: it raised, ran out of time, or was killed.",
        {**DURATION, **ATTEMPT},
        {**TICK, "outcome": '"retry", "failed" or "timed_out"', "error": "the last line of the traceback"},
    ),
    "regrow.cron.lease.lost": event(
        "A run was taken away from this process, whose lease was over.",
        {},
        TICK,
    ),
    "regrow.cron.job.changed": event(
        "A job has another schedule than before.",
        {},
        {**CRON, "job": TICK["job"], "old": "the schedule before, as the ledger has it", "new": "the schedule now"},
    ),
    "regrow.cron.job.paused": event(
        "A job was paused.",
        {},
        {**CRON, "job": TICK["job"], "note": "why"},
    ),
    "regrow.cron.job.resumed": event(
        "The pause of a job was ended.",
        {},
        {**CRON, "job": TICK["job"]},
    ),
    "regrow.cron.clock.stepped": event(
        "The wall clock was stepped, or the machine was suspended.",
        {"by": "seconds; less than 0 if the clock was set back"},
        CRON,
    ),
    "regrow.cron.store.failed": event(
        "The store has failed, and is asked again after a pause.",
        {"retry_in": "seconds until then"},
        {**CRON, "error": "the error's text"},
    ),
    "regrow.telemetry.failed": event(
        "A handler of telemetry has raised an exception. It stays attached.",
        {"failures": "how many times it has failed in a row"},
        HANDLER,
    ),
    "regrow.telemetry.detached": event(
        "A handler of telemetry was detached, because it had failed ten times in a row.",
        {"failures": "how many times it has failed in a row"},
        HANDLER,
    ),
}
EVENTS: Final[Mapping[str, Event]] = MappingProxyType(_EVENTS)
