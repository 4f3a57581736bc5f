"""A job as users see it: the job that a worker holds, the dead one, and what a put returns."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Generic, Literal, NamedTuple, Protocol, TypedDict, TypeVar

P = TypeVar("P")
Seconds = float | timedelta
KeyStates = Literal["live", "all"]

MOST_ERRORS = 10  # of one job, the last ones
MOST_MESSAGE = 2_000  # characters of an error's message
MOST_TRACE = 4_000  # characters of its traceback


class Enqueued(NamedTuple):
    """The answer to a put.

    Attributes:
        id: the job's number, unique in its store.
        duplicate: whether the queue had a job with this key already; `id` is then that job's.
    """

    id: int
    duplicate: bool = False


@dataclass(frozen=True, slots=True)
class Stats:
    """The number of a queue's jobs in each state.

    Attributes:
        ready: jobs that may be claimed.
        delayed: jobs whose time has not come.
        leased: jobs that a holder works on.
        blocked: jobs that wait for an older job of their group.
        dead: jobs that have failed for good.
        paused: the note of `pause` while the queue is paused, else None.
    """

    ready: int = 0
    delayed: int = 0
    leased: int = 0
    blocked: int = 0
    dead: int = 0
    paused: str | None = None


@dataclass(frozen=True, slots=True)
class JobError:
    """One failed attempt of a job.

    Attributes:
        attempt: its number, from 1.
        at: Unix seconds by the store's wall clock.
        kind: the name of the exception's class; "LeaseLost" if the lease ended without a word of its holder.
        message: the exception's text, at most 2,000 characters.
        trace: its traceback, at most 4,000 characters.
    """

    attempt: int
    at: float
    kind: str
    message: str
    trace: str = ""


class JobQueue(Protocol):
    """The methods of a queue that its jobs call."""

    async def ack(self, job: Any, /) -> None:
        """Acknowledge a job that is done."""

    async def nack(self, job: Any, /, *, delay: Seconds | None = None, error: str | None = None) -> None:
        """Give a job back."""

    async def discard(self, job: Any, /, error: str = "") -> None:
        """Send a job to the dead letters."""

    async def extend(self, job: Any, lease: Seconds, /) -> float:
        """Extend the lease of a job."""
        ...


@dataclass(frozen=True, slots=True)
class Job(Generic[P]):
    """A job that was claimed, under a lease.

    Attributes:
        id: its number, unique in its store.
        payload: what was put.
        attempt: the number of this attempt, from 1.
        attempts: the most attempts that it has.
        token: names this lease; the token of a later lease is greater.
        lease_until: the end of the lease, in seconds of the machine's monotonic clock.
        priority: lower goes first.
        group: jobs of one group are performed one after another, in the order of their puts.
        key: no second job of the queue has it.
        created_at: when it was put.
        errors: the last failed attempts, the oldest first.
        traceparent: the trace that the put belongs to, as the header of W3C Trace Context.
        queue: the name of its queue.
    """

    id: int
    payload: P
    attempt: int
    attempts: int
    token: int
    lease_until: float
    priority: int
    group: str | None
    key: str | None
    created_at: datetime
    errors: tuple[JobError, ...]
    traceparent: str | None
    queue: str
    of: JobQueue = field(repr=False, compare=False)

    async def ack(self) -> None:
        """Acknowledge the job: it is done, and is never handed out again.

        Raises:
            LeaseLost: the lease is over.
        """
        await self.of.ack(self)

    async def nack(self, *, delay: Seconds | None = None, error: str | None = None) -> None:
        """Give the job back after a failed attempt; at the last attempt it goes to the dead letters.

        Args:
            delay: seconds until the next attempt; None for the queue's backoff.
            error: the text that the job's history keeps.

        Raises:
            LeaseLost: the lease is over.
        """
        await self.of.nack(self, delay=delay, error=error)

    async def discard(self, error: str = "") -> None:
        """Send the job to the dead letters now.

        Args:
            error: the text that the job's history keeps.

        Raises:
            LeaseLost: the lease is over.
        """
        await self.of.discard(self, error)

    async def extend(self, lease: Seconds) -> float:
        """Extend the lease to `lease` seconds from now, which may also shorten it; return its new end.

        Raises:
            LeaseLost: the lease is over.
        """
        return await self.of.extend(self, lease)


@dataclass(frozen=True, slots=True)
class DeadJob(Generic[P]):
    """A job in the dead letters.

    Attributes:
        id: its number.
        raw: its payload as it was stored.
        attempts: the attempts that were made.
        errors: the last failed attempts, the oldest first.
        died_at: Unix seconds by the store's wall clock.
    """

    id: int
    raw: bytes
    attempts: int
    errors: tuple[JobError, ...]
    died_at: float
    decode: Callable[[bytes], P] = field(repr=False, compare=False)

    @property
    def payload(self) -> P:
        """The payload.

        Raises:
            PayloadError: it does not decode; `raw` has its bytes.
        """
        return self.decode(self.raw)


class PutOptions(TypedDict, total=False):
    """The options of every put.

    Attributes:
        delay: seconds until the job may be claimed.
        at: the time from which the job may be claimed, with a time zone.
        priority: lower goes first; 0 unless given.
        group: jobs of one group are performed one after another, in the order of their puts.
        key: a second job with this key is not put while the first is live.
        key_for: seconds for which the key holds at most.
        key_states: "live", or "all": the key also holds when the job is done or dead.
        attempts: the most attempts of this job.
        timeout: seconds to wait for room in a full queue; None or left out waits for ever.
        traceparent: the trace that the put belongs to, as the header of W3C Trace Context.
    """

    delay: Seconds
    at: datetime
    priority: int
    group: str
    key: str
    key_for: Seconds
    key_states: KeyStates
    attempts: int
    timeout: Seconds
    traceparent: str
