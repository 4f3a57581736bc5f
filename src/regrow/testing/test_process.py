"""The node of one test, and the process that runs the test and its fixtures, one after the other.

    a fixture   ─┐                                    ┌─  started before the first job
    the test    ─┼─>  jobs  ─>  the test's process  ──┤   all jobs share its links, mailbox and dictionary
    its teardown ┘                                    └─  stopped after the last: its children end in reverse order

A separate task runs the node's `async with` block, for the block lasts from the first job to the last, and each job
comes in a separate run of the event loop. If a link ends the process before the last job, a new process does the rest.

The exception of a job is raised again where no other exception is being handled. Otherwise every exception that the
node raises in an `except` or a `finally` would have it as its context.
"""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Awaitable, Callable, Mapping
from types import TracebackType
from typing import Any, Final, cast

from regrow.kernel.bounded_repr import safe_repr
from regrow.kernel.exits import Continuation, KilledWhileRunning, is_normal
from regrow.kernel.node import Node
from regrow.kernel.process_record import Process
from regrow.kernel.running import running
from regrow.kernel.virtual_clock import VirtualClock
from regrow.testing.describe import doing
from regrow.testing.failures import Failure, from_users_frame, of_frames, rebuilt

STUCK_SECONDS: Final = 3.0  # real seconds, in which a thread or a socket may still wake a process
UNWINDING: Final = 10.0  # seconds of the node's clock; a killed coroutine has less to release what it holds


class Outcome:
    """The outcome of a job, or of the node's stop: a value or a failure."""

    def __init__(self, value: Any = None, failure: Failure | None = None) -> None:
        self.value = value
        self.failure = failure

    def result(self) -> Any:
        """Return the value, or raise the failure."""
        __tracebackhide__ = True
        if self.failure is not None:
            self.failure.throw()
        return self.value

    def before(self, then: Outcome) -> Outcome:
        """Return the failed one of two outcomes; if both failed, the second, with the first as its context."""
        if self.failure is None:
            return Outcome(self.value, then.failure)
        if then.failure is None:
            return self
        then.failure.during(self.failure)
        return then


async def outcome_of(awaitable: Awaitable[Any]) -> Outcome:
    """Await something; return its value or its exception as an outcome."""
    try:
        return Outcome(await awaitable)
    except Exception as error:
        return Outcome(failure=Failure(error))


class TestJob:
    """An async function for the test's process to run."""

    def __init__(self, function: Callable[..., Awaitable[Any]], arguments: Mapping[str, Any]) -> None:
        self.function = function
        self.arguments = arguments
        self.outcome: Outcome | None = None
        self.place: TracebackType | None = None  # the line of the function at which its process ended
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()  # set when there is an outcome
        self.left: asyncio.Future[None] = (
            asyncio.get_running_loop().create_future()
        )  # set when no frame of the function is left

    def finish(self, outcome: Outcome) -> None:
        """Set the outcome, unless there is one, and wake the waiters."""
        if self.outcome is None:
            self.outcome = outcome
        if not self.done.done():
            self.done.set_result(None)


class TestProcess:
    """A process that runs async functions, on a node that has not run yet.

    Args:
        node: the node of the test.
    """

    def __init__(self, node: Node) -> None:
        self.node = node
        self.jobs: asyncio.Queue[TestJob | None] = asyncio.Queue()
        self.job: TestJob | None = None  # the job that the process runs
        self.node_task: asyncio.Task[None] | None = None
        self.process: Process | None = None
        self.gone: asyncio.Future[object] | None = None
        self.over: asyncio.Event = asyncio.Event()
        self.begun: bool = False

    async def begin(self) -> None:
        """Start the node on the running event loop, and the test's process on the node, unless they run."""
        if not self.begun:
            self.begun = True
            up = asyncio.Event()
            self.node_task = asyncio.create_task(self.run_node(up))
            waiting = asyncio.create_task(up.wait())
            await asyncio.wait({waiting, self.node_task}, return_when=asyncio.FIRST_COMPLETED)
            if not up.is_set():
                waiting.cancel()
                await self.node_task  # the node did not start: raise the reason
        elif self.gone is not None and self.gone.done() and self.node.running:
            self.enter()  # the second half of a fixture needs a process

    async def run_node(self, up: asyncio.Event) -> None:
        """Run the node's `async with` block until `over` is set."""
        async with self.node as node:
            self.enter()
            if isinstance(node.clock, VirtualClock):
                node.clock.stuck = self.stuck
                node.clock.stuck_after = STUCK_SECONDS
            up.set()
            await self.over.wait()

    def enter(self) -> None:
        """Start the test's process."""
        self.job = None
        self.process = self.node.launch(self.test, (), self.node.init)
        self.gone = self.node.ended(self.process)

    async def test(self) -> None:
        """Run the jobs; this is the main function of the test's process."""
        while (job := await self.jobs.get()) is not None:
            self.job = job
            try:
                value = await job.function(**job.arguments)
            except (KilledWhileRunning, Continuation) as ended:
                job.place = from_users_frame(ended.__traceback__)
                raise  # the process was ended, or continues with another function
            except (asyncio.CancelledError, GeneratorExit) as ended:
                job.place = from_users_frame(ended.__traceback__)
                if self.is_dead():
                    raise
                job.finish(Outcome(failure=Failure(ended)))
            except BaseException as error:
                job.finish(Outcome(failure=Failure(error)))
            else:
                if self.is_dead():  # the function has caught the exception that ended the process
                    return
                job.finish(Outcome(value))
            finally:
                if not job.left.done():
                    job.left.set_result(None)
            self.job = None

    def is_dead(self) -> bool:
        """Whether the running process has been ended."""
        return not running().alive

    async def run(self, function: Callable[..., Awaitable[Any]], arguments: Mapping[str, Any]) -> Outcome:
        """Run a function in the test's process, and return its outcome.

        The outcome is an AssertionError if the process was ended meanwhile, or if all processes wait for ever.
        """
        begun = await outcome_of(self.begin())
        if begun.failure is not None:
            return begun
        if self.node_task is None or not self.node.running:  # the node has stopped before the test's last fixture ended
            return await outcome_of(function(**arguments))
        assert self.gone is not None
        job = TestJob(function, arguments)
        self.jobs.put_nowait(job)
        ends: list[asyncio.Future[Any]] = [job.done, self.gone, self.node_task]
        await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
        if (outcome := job.outcome) is not None:
            return outcome
        # The process was ended. Its `finally` blocks may still raise, and that error says more than the reason.
        if self.job is job:
            await asyncio.wait({job.left, self.node_task}, return_when=asyncio.FIRST_COMPLETED, timeout=UNWINDING)
        reason: Any = self.gone.result() if self.gone.done() else "killed"
        if (outcome := job.outcome) is not None and outcome.failure is not None:
            return outcome
        if self.node_task.done():
            return await self.end()
        return Outcome(failure=Failure(self.verdict(reason), job.place or beginning(function)))

    def verdict(self, reason: Any) -> BaseException:
        """Return the exception that reports the reason with which the process ended."""
        if isinstance(reason, BaseException):
            return reason
        how = "has ended normally" if is_normal(reason) else "was ended"
        error = AssertionError(
            f"the test's process {how}, with {safe_repr(reason)}, before the test was finished. "
            "The cause is a link or process.exit; process.trap_exit(True) turns exit signals into messages"
        )
        error.__cause__ = exception_in(reason)
        return error

    async def end(self) -> Outcome:
        """Let the process end and stop the node; the outcome is a failure if the node was ended before."""
        node_task, self.node_task = self.node_task, None
        if node_task is None:
            return Outcome()
        if self.gone is not None and self.job is None:  # else it runs a job: the node's stop ends it
            self.jobs.put_nowait(None)
            ends: list[asyncio.Future[Any]] = [self.gone, node_task]
            await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
        self.over.set()
        return await outcome_of(node_task)

    def abandon(self) -> None:
        """Close the node without waiting, where its event loop is closed or belongs to another plugin."""
        self.node_task = None
        if self.node.running:
            self.node.close()

    def stuck(self) -> None:
        """Fail the job: all processes wait, no timer is set, and nothing has come from outside for a while."""
        node, job = self.node, self.job
        if job is not None and not job.done.done():
            waiting = "\n  ".join(doing(pid) for pid, one in node.processes.items() if one is not node.init)
            error = AssertionError(f"every process waits for a message and no timer is set:\n  {waiting}")
            job.finish(Outcome(failure=Failure(error, self.waits_at())))

    def waits_at(self) -> TracebackType | None:
        """Return a traceback of the line at which the test waits."""
        task = None if self.process is None else self.process.task
        return None if task is None else from_users_frame(of_frames(task.get_stack()))


def beginning(function: Callable[..., Any]) -> TracebackType | None:
    """Return a traceback of the first line of a function, for when the line at which it was is not known."""
    code = getattr(inspect.unwrap(function), "__code__", None)
    return None if code is None else rebuilt([(code, code.co_firstlineno)])


def exception_in(reason: object) -> BaseException | None:
    """Return the first exception in a reason, which may be a tuple of tuples."""
    if isinstance(reason, BaseException):
        return reason
    parts = cast("tuple[object, ...]", reason) if isinstance(reason, tuple) else ()
    return next((found for part in parts if (found := exception_in(part)) is not None), None)


async def run_as_process(node: Node, function: Callable[..., Awaitable[Any]], arguments: Mapping[str, Any]) -> Any:
    """Run one async function as a process of a fresh node, stop the node, and raise what the function raised."""
    __tracebackhide__ = True
    process = TestProcess(node)
    try:
        outcome = await process.run(function, arguments)
    except BaseException:  # the running task is cancelled
        await process.end()
        raise
    return outcome.before(await process.end()).result()
