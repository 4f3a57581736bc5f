"""The rows of a ledger. Moments are integer microseconds since 1970, leases seconds of the store's lease clock.

A lease is a process's, and holds for all its runs: to renew it costs one row, however many runs there are.
"""

from __future__ import annotations

from typing import Final, Literal, NamedTuple

Reason = Literal[
    "ran",
    "caught_up",
    "triggered",
    "backfilled",
    "skipped_overlap",
    "skipped_buffer_full",
    "skipped_paused",
    "coalesced",
    "missed",
]
Outcome = Literal["waiting", "running", "enqueued", "succeeded", "failed", "timed_out", "cancelled", "lost"]

REASONS: Final[tuple[Reason, ...]] = (
    "ran",
    "caught_up",
    "triggered",
    "backfilled",
    "skipped_overlap",
    "skipped_buffer_full",
    "skipped_paused",
    "coalesced",
    "missed",
)
OUTCOMES: Final[tuple[Outcome, ...]] = (
    "waiting",
    "running",
    "enqueued",
    "succeeded",
    "failed",
    "timed_out",
    "cancelled",
    "lost",
)
OPEN: Final = ("waiting", "running")


class JobRow(NamedTuple):
    """A job, as the ledger has it.

    Attributes:
        name: the job's name, unique in the ledger.
        schedule: the canonical text of its schedule.
        anchor: where the ticks of an interval without an anchor begin.
        changed_at: when the schedule was first registered, or last changed; nothing is due at or before it.
        revision: how often the schedule has changed; a process with an older one leaves the job alone.
        decided_until: every tick up to here is decided.
        paused_at: since when the job is paused; None if it is not.
        note: why it is paused.
        seen_at: when a process last had the job in its code.
    """

    name: str
    schedule: str
    anchor: int
    changed_at: int
    revision: int
    decided_until: int
    paused_at: int | None
    note: str
    seen_at: int


class TickRow(NamedTuple):
    """One tick, or a span of ticks that were not run.

    Attributes:
        job: the name of its job.
        scheduled_for: the tick's moment, or the first of a span.
        due: the moment with the jitter.
        reason: why it ran, or why it did not.
        outcome: what became of the run; None if there is none.
        attempt: the number of the last attempt, from 1; 0 before the first.
        owner: the process that runs it.
        fence: grows at each claim; the end of a run is written with the fence of its claim, or not at all.
        cancel: 1 if the owner is asked to cancel the run.
        started_at: when the first attempt started.
        finished_at: when the run ended.
        error: the last line of its traceback.
        because: the tick for whose sake this one was not run.
        ticks: how many ticks the row stands for; -1 is more than 10,000.
        until: the last tick of a span.
        traceparent: the trace of the process that triggered it.
    """

    job: str
    scheduled_for: int
    due: int
    reason: Reason
    outcome: Outcome | None = None
    attempt: int = 0
    owner: str | None = None
    fence: int = 0
    cancel: int = 0
    started_at: int | None = None
    finished_at: int | None = None
    error: str | None = None
    because: int | None = None
    ticks: int = 1
    until: int | None = None
    traceparent: str | None = None


class ProcessRow(NamedTuple):
    """A program that runs the ledger's jobs.

    Attributes:
        owner: its name in the rows of ticks.
        host: the machine.
        pid: the number of the operating system's process.
        started_at: when that process started, in the operating system's units; 0 if it is unknown.
        leased_at: when its lease began, by the store's lease clock.
        lease_until: when its lease ends.
    """

    owner: str
    host: str
    pid: int
    started_at: int
    leased_at: float
    lease_until: float
