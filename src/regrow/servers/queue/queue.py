"""Queues as users make them: `Queue[Email]("mails")`, a value that opens nothing and finds its broker at each call."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, Final, TypeVar, Unpack

from regrow.behaviours.gen.arguments import listed
from regrow.kernel.addresses import Name
from regrow.kernel.bounded_repr import safe_repr
from regrow.kernel.clock import Clock, seconds
from regrow.kernel.current_node import CURRENT, current_node
from regrow.servers.queue import checks, ops, transactional
from regrow.servers.queue.errors import Empty, Full, LeaseLost, PayloadError, QueueError
from regrow.servers.queue.history import job_error
from regrow.servers.queue.job import Enqueued, Job, PutOptions, Seconds
from regrow.servers.queue.names import holder
from regrow.servers.queue.ops import Claimed, NewJob, Policy
from regrow.servers.queue.outcome import Backoff, BackoffFunction
from regrow.servers.queue.payload.types import caller_module
from regrow.servers.queue.queue_base import QueueBase
from regrow.servers.queue.rate import Rate
from regrow.servers.queue.settings import ATTEMPTS, LEASE, MAX_PAYLOAD, Settings

P = TypeVar("P")

BACKOFF: Final = Backoff()


class Queue(QueueBase[P]):
    """One named stream of jobs with one payload type: `Queue[Email]("mails")`.

    A queue is a value: it is made at module level, opens nothing, and finds its broker at each call. The payload type is
    read from the brackets; without brackets a payload is any JSON value.

    Args:
        name: its name in the store.
        bound: the most live jobs, which are all but the dead; None for no limit.
        full: "wait": a put waits for room. "drop_oldest": the oldest ready jobs make room.
        rate: the rate of claims, in all processes together; None for no limit.
        attempts: the most attempts of a job.
        backoff: the delay before the next attempt: a `Backoff`, or a function from the number of the failed attempt to
            seconds.
        lease: seconds for which a claimed job belongs to its holder.
        max_payload: the longest payload, in bytes.
        broker: the name of the broker; None for `Broker`.

    Raises:
        TypeError: an option has a wrong type.
        ValueError: an option is out of its range.

    Each method that asks the broker also raises `StoreError` (the store could not do it), `NoProcess` (the broker does
    not run) and `CalleeExit` (it ended meanwhile: whether a put was stored is unknown).
    """

    def __init__(
        self,
        name: str,
        *,
        bound: int | None = None,
        full: Policy = "wait",
        rate: Rate | None = None,
        attempts: int = ATTEMPTS,
        backoff: Backoff | BackoffFunction = BACKOFF,
        lease: Seconds = LEASE,
        max_payload: int = MAX_PAYLOAD,
        broker: Name | None = None,
    ) -> None:
        settings = Settings(name, bound, full, rate, attempts, backoff, lease, max_payload)
        super().__init__(settings, broker, caller_module(__name__))

    # Enqueue

    async def put(self, payload: P, **options: Unpack[PutOptions]) -> Enqueued:
        """Store a job; when this returns, it survives a crash of the program and of the machine.

        Args:
            payload: a value of the queue's type.
            options: see `PutOptions`. A put into a full queue waits, for `timeout` seconds at most.

        Raises:
            Full: no room came in time.
            PayloadError: the payload does not have the queue's type, cannot be encoded, or is too long.
            TypeError: an option is unknown, or has a wrong type.
            ValueError: an option is out of its range, or contradicts another.
        """
        job = self.settings.new_job(self.encoding.encode(payload), options)
        return (await self._put((job,), options))[0]

    async def offer(self, payload: P, **options: Unpack[PutOptions]) -> Enqueued | None:
        """Store a job if the queue has room now; return None if it has none.

        Args:
            payload: a value of the queue's type.
            options: see `PutOptions`; there is no `timeout`.

        Raises:
            PayloadError: the payload does not have the queue's type, cannot be encoded, or is too long.
            TypeError: an option is unknown, or has a wrong type.
            ValueError: an option is out of its range, or contradicts another.
        """
        self._without_timeout("offer", options)
        stored = await self._store((self.settings.new_job(self.encoding.encode(payload), options),), 0.0)
        return None if stored is None else stored[0]

    async def put_many(self, payloads: Iterable[P], **options: Unpack[PutOptions]) -> list[Enqueued]:
        """Store several jobs in one commit, all or none, in their order.

        Args:
            payloads: values of the queue's type.
            options: those of each job; see `PutOptions`. The put waits for room for all of them.

        Raises:
            Full: no room came in time.
            PayloadError: a payload does not have the queue's type, cannot be encoded, or is too long.
            TypeError: an option is unknown, or has a wrong type.
            ValueError: there are more payloads than the queue's bound; or as for `put`.
        """
        encoding = self.encoding
        template = self.settings.new_job(b"", options)
        each = listed(f"put_many into {self.name!r}", "payloads", payloads)
        jobs = tuple([replace(template, payload=encoding.encode(payload)) for payload in each])
        bound = self.settings.bound
        if bound is not None and len(jobs) > bound and template.key is None:
            raise ValueError(f"put_many into {self.name!r}: {len(jobs)} jobs are more than bound={bound}: put fewer")
        return await self._put(jobs, options) if jobs else []

    def put_in(self, connection: Any, payload: P, **options: Unpack[PutOptions]) -> Enqueued:
        """Put a job inside the transaction of the caller's own connection: both are committed, or none of them.

        No broker is needed, in this program or another; its store must have made its tables.

        Args:
            connection: a `sqlite3.Connection` or a `psycopg.Connection`.
            payload: a value of the queue's type.
            options: see `PutOptions`; there is no `timeout`.

        Raises:
            Full: the queue has no room.
            PayloadError: the payload does not have the queue's type, cannot be encoded, or is too long.
            StoreError: the database has no tables of the queue, or those of another version.
            TypeError: it is no such connection; or an option is unknown, or has a wrong type.
            ValueError: an option is out of its range, or contradicts another.
        """
        return transactional.put_in(connection, self._put_op(payload, options), wall_time())[0]

    async def put_in_async(self, connection: Any, payload: P, **options: Unpack[PutOptions]) -> Enqueued:
        """Put a job inside the transaction of the caller's own connection, whose `execute` is awaited; see `put_in`.

        Args:
            connection: a `psycopg.AsyncConnection` or an `aiosqlite.Connection`.
            payload: a value of the queue's type.
            options: see `PutOptions`; there is no `timeout`.

        Raises:
            Full: the queue has no room.
            PayloadError: the payload does not have the queue's type, cannot be encoded, or is too long.
            StoreError: the database has no tables of the queue, or those of another version.
            TypeError: it is no such connection; or an option is unknown, or has a wrong type.
            ValueError: an option is out of its range, or contradicts another.
        """
        return (await transactional.put_in_async(connection, self._put_op(payload, options), wall_time()))[0]

    def _put_op(self, payload: P, options: PutOptions) -> ops.Put:
        self._without_timeout("put_in", options)
        return self._op((self.settings.new_job(self.encoding.encode(payload), options),))

    async def _put(self, jobs: tuple[NewJob, ...], options: PutOptions) -> list[Enqueued]:
        timeout = seconds(options.get("timeout"), "timeout")
        stored = await self._store(jobs, timeout)
        if stored is None:
            raise Full(f"queue {self.name!r} has bound={self.settings.bound}, and no room came within {timeout} s")
        return stored

    async def _store(self, jobs: tuple[NewJob, ...], timeout: float | None) -> list[Enqueued] | None:
        stored: list[Enqueued] | None = await self._ask(self._op(jobs), timeout)
        return stored

    def _op(self, jobs: tuple[NewJob, ...]) -> ops.Put:
        return ops.Put(self.name, jobs, self.settings.bound, self.settings.full)

    def _without_timeout(self, method: str, options: PutOptions) -> None:
        if "timeout" in options:
            raise ValueError(f"{method} into {self.name!r}: timeout: {method} does not wait for room")

    # Take

    async def get(self, *, lease: Seconds | None = None, timeout: Seconds | None = None) -> Job[P]:
        """Claim the next job, and return it. Of several callers that wait, the first is served first.

        A job whose payload does not decode goes to the dead letters, and the next one is taken.

        Args:
            lease: seconds for which the job belongs to the caller; None for the queue's lease.
            timeout: seconds to wait for a job; 0 does not wait, None waits for ever.

        Raises:
            Empty: no job came in time.
            TypeError: an argument is no number of seconds.
            ValueError: the lease is not greater than 0, or the timeout is negative.
        """
        jobs = await self._take(1, lease, timeout)
        if not jobs:
            raise Empty(f"queue {self.name!r}: no job came within {seconds(timeout, 'timeout')} s")
        return jobs[0]

    async def get_many(self, n: int, *, lease: Seconds | None = None, timeout: Seconds | None = 0.0) -> list[Job[P]]:
        """Claim up to `n` jobs as soon as there is one; return an empty list if none comes in time.

        Args:
            n: the most jobs.
            lease: seconds for which the jobs belong to the caller; None for the queue's lease.
            timeout: seconds to wait for a job; 0 does not wait, None waits for ever.

        Raises:
            TypeError: an argument has a wrong type.
            ValueError: an argument is out of its range.
        """
        return await self._take(checks.integer(n, f"get_many from {self.name!r}: n"), lease, timeout)

    async def _take(self, n: int, lease: Seconds | None, timeout: Seconds | None) -> list[Job[P]]:
        limit = seconds(timeout, f"get from {self.name!r}: timeout")
        op = self.settings.claim(n, holder(), lease)
        encoding, clock = self.encoding, current_node().clock
        ends = clock.now() + limit if limit else limit
        while True:
            claimed: list[Claimed] = await self._ask(op, limit)
            if not claimed:
                return []
            jobs: list[Job[P]] = []
            broken: list[tuple[Claimed, PayloadError]] = []
            for one in claimed:
                try:
                    jobs.append(self._job(one, encoding.decode(one.payload)))
                except PayloadError as error:
                    broken.append((one, error))
            for one, reason in broken:
                await self._bury(one, reason, bool(jobs))
            if jobs:
                return jobs
            if limit and ends is not None:
                limit = max(0.0, ends - clock.now())

    async def _bury(self, claimed: Claimed, reason: PayloadError, others: bool) -> None:
        """Send a job that does not decode to the dead letters. If that fails, it is claimed again after its lease."""
        history = job_error(claimed.attempt, "PayloadError", str(reason))
        try:
            await self._ask(ops.Nack(self.name, claimed.id, claimed.token, "dead", 0.0, history))
        except LeaseLost:
            pass
        except QueueError:
            if not others:  # else the caller gets the jobs that it has a lease for
                raise

    def job_of(self, claimed: Claimed) -> Job[P]:
        """Return a claimed job with its payload.

        Raises:
            PayloadError: the payload does not decode.
        """
        return self._job(claimed, self.encoding.decode(claimed.payload))

    def _job(self, claimed: Claimed, payload: P) -> Job[P]:
        return Job(
            id=claimed.id,
            payload=payload,
            attempt=claimed.attempt,
            attempts=claimed.max_attempts,
            token=claimed.token,
            lease_until=claimed.lease_until,
            priority=claimed.priority,
            group=claimed.group,
            key=claimed.key,
            created_at=datetime.fromtimestamp(claimed.created_at, UTC),
            errors=claimed.errors,
            traceparent=claimed.traceparent,
            queue=claimed.queue,
            of=self,
        )

    # Settle

    async def ack(self, job: Job[P], /) -> None:
        """Acknowledge a job that is done: it is never handed out again.

        Raises:
            LeaseLost: the lease is over.
            TypeError: `job` is no job.
            ValueError: it is a job of another queue.
        """
        self._check_own(job, "ack")
        await self._ask(ops.Ack(self.name, job.id, job.token))

    async def nack(self, job: Job[P], /, *, delay: Seconds | None = None, error: str | None = None) -> None:
        """Give a job back after a failed attempt; at the last attempt it goes to the dead letters.

        Args:
            job: a job of this queue.
            delay: seconds until the next attempt; None for the queue's backoff.
            error: the text that the job's history keeps.

        Raises:
            LeaseLost: the lease is over.
            TypeError: `job` is no job, or an argument has a wrong type.
            ValueError: it is a job of another queue, or the delay is negative.
        """
        self._check_own(job, "nack")
        history = job_error(job.attempt, "Nack", error)
        if delay is None:
            wait = self.settings.delay_after(job.attempt, job.id)
        else:
            wait = checks.duration(delay, f"nack of a job of {self.name!r}: delay")
        await self._ask(ops.Nack(self.name, job.id, job.token, "retry", wait, history))

    async def discard(self, job: Job[P], /, error: str = "") -> None:
        """Send a job to the dead letters now.

        Args:
            job: a job of this queue.
            error: the text that the job's history keeps.

        Raises:
            LeaseLost: the lease is over.
            TypeError: `job` is no job, or `error` is no string.
            ValueError: it is a job of another queue.
        """
        self._check_own(job, "discard")
        await self._ask(ops.Nack(self.name, job.id, job.token, "dead", 0.0, job_error(job.attempt, "Discard", error)))

    async def extend(self, job: Job[P], lease: Seconds, /) -> float:
        """Extend the lease of a job to `lease` seconds from now, which may also shorten it; return its new end.

        Raises:
            LeaseLost: the lease is over.
            TypeError: `job` is no job, or `lease` no number of seconds.
            ValueError: it is a job of another queue, or the lease is not greater than 0.
        """
        self._check_own(job, "extend")
        wanted = checks.positive(lease, f"extend a job of {self.name!r}: lease")
        ends: list[float | None] = await self._ask(ops.Extend(self.name, ((job.id, job.token),), wanted))
        if ends[0] is None:
            raise LeaseLost(f"queue {self.name!r}: the lease of job {job.id} is over")
        return ends[0]

    def _check_own(self, job: Any, method: str) -> None:
        if not isinstance(job, Job):
            raise TypeError(f"{method}: wanted a Job that `get` returned, got {safe_repr(job)}")
        if job.queue != self.name:
            raise ValueError(f"{method}: job {job.id} is of queue {job.queue!r}, and this is queue {self.name!r}")


def wall_time() -> float:
    """Return the Unix time: by the clock of this thread's node, or else by the machine's."""
    node = CURRENT.node
    return (Clock() if node is None else node.clock).wall()
