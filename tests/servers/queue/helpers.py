"""What the tests of the writer and the dispatcher share: requests without a `Queue`, workers without a `Worker`."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any, cast

from regrow import call
from regrow.servers.queue.broker import Broker
from regrow.servers.queue.errors import PayloadError
from regrow.servers.queue.job import Job, JobQueue, Stats
from regrow.servers.queue.memory.store import Memory
from regrow.servers.queue.ops import Ack, Claim, Claimed, Nack, NewJob, Op, Policy, Put, Verdict
from regrow.servers.queue.requests import Ask
from regrow.servers.queue.settings import Settings
from regrow.servers.queue.store import Clocks, Done
from regrow.servers.queue.workspec import WorkSpec


async def ask(op: Op, timeout: float | None = 0.0) -> Any:
    """Ask the writer; return its answer, which may be an error."""
    return await call(Broker, Ask(op, timeout), None)


async def put(
    payload: object = None,
    queue: str = "q",
    *,
    timeout: float | None = 0.0,
    bound: int | None = None,
    full: Policy = "wait",
    **options: Any,
) -> Any:
    """Put one job."""
    job = NewJob(json.dumps(payload).encode(), **options)
    return await ask(Put(queue, (job,), bound, full), timeout)


async def get(queue: str = "q", *, timeout: float | None = None, count: int = 1, lease: float = 30.0) -> list[Claimed]:
    """Claim jobs."""
    found: list[Claimed] = await ask(Claim(queue, count, lease, "the test"), timeout)
    return found


async def ack(job: Claimed) -> Any:
    """Acknowledge a job."""
    return await ask(Ack(job.queue, job.id, job.token))


async def nack(job: Claimed, verdict: Verdict = "retry", delay: float = 0.0) -> Any:
    """Give a job back."""
    return await ask(Nack(job.queue, job.id, job.token, verdict, delay))


async def stats(queue: str = "q") -> Stats:
    """Count the jobs of a queue."""
    return (await Broker.queues()).get(queue, Stats())


async def eventually(condition: Callable[[], bool]) -> None:
    """Wait in rounds of the loop until a condition holds; threads need real time, so at most 20 real seconds."""
    ends = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < ends, "the condition does not come true"
        time.sleep(0.0005)  # noqa: ASYNC251 (the virtual clock must not move)
        await asyncio.sleep(0)


class Recording(Memory):
    """A memory store that records its commits, and fails with the `errors` of a test.

    Args:
        threaded: whether the writer calls it in a thread.
    """

    def __init__(self, *, threaded: bool = False) -> None:
        super().__init__()
        self.threaded = threaded
        self.commits: list[list[Op]] = []
        self.opens = 0
        self.closes = 0
        self.errors: list[BaseException] = []  # of the next commits
        self.open_errors: list[BaseException] = []  # of the next opens
        self.before: Callable[[], object] | None = None  # called in each commit

    def open(self, clocks: Clocks, /) -> None:
        """Count the opens; the jobs of the first stay."""
        assert self.opens == self.closes, "opened while it is open"
        if self.open_errors:
            raise self.open_errors.pop(0)
        self.opens += 1
        if self.opens == 1:
            super().open(clocks)

    def run(self, ops: Sequence[Op], clocks: Clocks, /) -> Done:
        """Record the ops, and fail or commit."""
        self.commits.append(list(ops))
        if self.before is not None:
            self.before()
        if self.errors:
            raise self.errors.pop(0)
        return super().run(ops, clocks)

    def close(self) -> None:
        """Count the closes, and keep the jobs."""
        self.closes += 1


class Code:
    """A worker made of a function.

    Args:
        code: called with each job.
        name: the queue's name.
        threaded: whether it runs in a thread.
        options: other values of the WorkSpec; `lease` and `attempts` go into the settings.
    """

    def __init__(
        self,
        code: Callable[[Job[Any]], Any],
        name: str = "q",
        *,
        threaded: bool = False,
        concurrency: int = 5,
        timeout: float | None = None,
        **options: Any,
    ) -> None:
        self.code = code
        self.spec = WorkSpec(name, Settings(name, **options), concurrency, timeout, threaded, lambda: code, job_of)

    def __regrow_work__(self, broker: Any, /) -> WorkSpec:
        """Return the work."""
        return self.spec


def job_of(claimed: Claimed) -> Job[Any]:
    """Return a job with its payload."""
    try:
        payload = json.loads(claimed.payload)
    except ValueError as error:
        raise PayloadError(f"no JSON: {error}") from error
    return Job(
        claimed.id,
        payload,
        claimed.attempt,
        claimed.max_attempts,
        claimed.token,
        claimed.lease_until,
        claimed.priority,
        claimed.group,
        claimed.key,
        datetime.fromtimestamp(claimed.created_at, UTC),
        claimed.errors,
        claimed.traceparent,
        claimed.queue,
        cast("JobQueue", None),
    )
