"""The process of a job: it runs the worker's code once, and sends the dispatcher the verdict.

The verdict is made here, and not from the exit reason in the dispatcher: an exit reason keeps no traceback.

    the code               verdict
    --------               -------
    returns                ack
    raises Retry(delay)    retry after this delay
    raises Snooze(delay)   snooze
    raises Discard         dead
    raises another         retry after the queue's backoff
"""

from __future__ import annotations

import asyncio
import logging
import traceback
from collections.abc import Callable
from dataclasses import replace
from types import TracebackType
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from regrow.behaviours.gen.blocking_thread import BlockingThread
from regrow.kernel import exits
from regrow.kernel.awaitables import is_awaitable
from regrow.kernel.bounded_repr import safe_repr
from regrow.kernel.process_record import Pid
from regrow.kernel.running import running
from regrow.kernel.sending import send
from regrow.servers.queue.current import run_for
from regrow.servers.queue.history import job_error
from regrow.servers.queue.job import MOST_MESSAGE, MOST_TRACE, Job, JobError
from regrow.servers.queue.ops import Verdict
from regrow.servers.queue.outcome import Backoff
from regrow.servers.queue.signals import Discard, Retry, Snooze

if TYPE_CHECKING:
    from regrow.servers.queue.workspec import WorkSpec

LOG: Final = logging.getLogger("regrow")
MOST_FRAMES: Final = 50  # of a traceback, the last ones


class Settlement(NamedTuple):
    """The end of a lease: an ack if `verdict` is None, else a nack."""

    verdict: Verdict | None
    delay: float = 0.0
    error: JobError | None = None


class Performed:
    """The message with the settlement of a job, to its dispatcher."""

    __slots__ = ("pid", "settlement")

    def __init__(self, pid: Pid, settlement: Settlement) -> None:
        self.pid: Pid = pid
        self.settlement: Settlement = settlement


class JobThread:
    """A thread for one `def` job after another; the dispatcher owns it.

    Args:
        name: the thread's name.
        free: called in the event loop when a job's code has ended, although the job's process may have ended before.
    """

    def __init__(self, name: str, free: Callable[[JobThread], None]) -> None:
        self.thread: BlockingThread = BlockingThread(name)
        self.free = free
        self.runs: bool = False  # whether it runs the code of a job now

    async def run(self, function: Callable[[Any], Any], job: Job[Any]) -> Any:
        """Run a job's code; return its result, or raise its exception."""
        future: asyncio.Future[tuple[Any, BaseException | None]] = self.thread.node.loop.create_future()

        def done(value: Any, error: BaseException | None) -> None:
            self.runs = False
            self.free(self)
            if not future.done():
                future.set_result((value, error))

        self.runs = True
        self.thread.submit(function, job, done=done)
        value, error = await future
        if error is not None:
            raise error
        return value


async def perform(
    spec: WorkSpec, code: Callable[[Any], Any], job: Job[Any], dispatcher: Pid, thread: JobThread | None
) -> None:
    """Run the code of a job: the body of its process.

    Args:
        spec: the worker's settings.
        code: the function that performs a job; it is `async def` if `thread` is None.
        job: the job.
        dispatcher: its pid.
        thread: where a `def` runs.
    """
    me = running()
    me.initial_call = code
    run_for(job)
    try:
        value = code(job) if thread is None else await thread.run(code, job)
        if is_awaitable(value):
            await value
        settlement = Settlement(None)
    except BaseException as error:
        if not me.alive or isinstance(error, GeneratorExit) or exits.is_a(error, KeyboardInterrupt, SystemExit):
            raise
        settlement = settled(spec, job, error)
    send(dispatcher, Performed(me.pid, settlement))


def settled(spec: WorkSpec, job: Job[Any], error: BaseException) -> Settlement:
    """Return the settlement of an attempt that raised."""
    if isinstance(error, Snooze):
        return Settlement("snooze", error.delay)
    history = attempt_error(job.attempt, error)
    if isinstance(error, Discard):
        return Settlement("dead", 0.0, history)
    if isinstance(error, Retry) and error.delay is not None:
        return Settlement("retry", error.delay, history)
    return retried(spec, job, history)


def ended(spec: WorkSpec, job: Job[Any], reason: object) -> Settlement:
    """Return the settlement of an attempt whose process has ended before its code."""
    if isinstance(reason, BaseException):
        error = attempt_error(job.attempt, reason)
    else:
        error = job_error(job.attempt, "Exit", safe_repr(reason, MOST_MESSAGE))
    return retried(spec, job, error)


def retried(spec: WorkSpec, job: Job[Any], error: JobError) -> Settlement:
    """Return the settlement of a failed attempt: a retry after the queue's backoff."""
    try:
        delay = spec.settings.delay_after(job.attempt, job.id)
    except Exception as problem:  # the user's function: the job must not be lost by it
        LOG.error("queue %r: its backoff failed, so the default one is used", spec.name, exc_info=problem)
        delay = Backoff().of_job(job.attempt, job.id)
    return Settlement("retry", delay, error)


def attempt_error(attempt: int, error: BaseException) -> JobError:
    """Return what a job's history keeps of an exception; the store sets the time."""
    try:
        message = str(error)
    except Exception:
        message = safe_repr(error, MOST_MESSAGE)
    try:
        lines = traceback.format_exception(type(error), error, users_frames(error.__traceback__), limit=-MOST_FRAMES)
        trace = "".join(lines)[-MOST_TRACE:]
    except Exception:
        trace = ""  # a traceback calls code of the exception, which may fail
    found = job_error(attempt, type(error).__name__, message)
    return replace(found, trace=trace.encode(errors="replace").decode())


def users_frames(trace: TracebackType | None) -> TracebackType | None:
    """Return a traceback without its first frames, which are of regrow."""
    while trace is not None and trace.tb_frame.f_globals.get("__name__") in {__name__, BlockingThread.__module__}:
        trace = trace.tb_next
    return trace
