"""The node of one test, and the process in which the test and its fixtures run, one after the other.

    a fixture   ─┐                                    ┌─  up, before the first job
    the test    ─┼─>  jobs  ─>  the test's process  ──┤   links, mailbox, dictionary: the same for all jobs
    its teardown ┘                                    └─  down, after the last: children are stopped in reverse order

The node's block is a task of its own, for it must last from the first job to the last, and each of them comes in a run
of the event loop of its own. Where a link ends the process before the last job, another one does the rest.

What a job raises is thrown where no exception is being handled: all that the node does in an `except` or a `finally`
would have it as its context.
"""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Awaitable, Callable, Mapping
from types import TracebackType
from typing import Any, Final, cast

from regrow.kernel.bounded_repr import safe_repr
from regrow.kernel.clock import VirtualClock
from regrow.kernel.exits import Continuation, KilledWhileRunning, is_normal
from regrow.kernel.node import Node
from regrow.kernel.process_record import Process
from regrow.kernel.running import running
from regrow.testing.describe import doing
from regrow.testing.failures import Failure, of_frames, rebuilt, without_ours

STUCK_SECONDS: Final = 3.0  # real ones, in which a thread or a socket may still wake a process
UNWINDING: Final = 10.0  # seconds of the node's clock: a killed coroutine has less


class Outcome:
    """What has become of a job, or of the end of the node: a value or a failure."""

    def __init__(self, value: Any = None, failure: Failure | None = None) -> None:
        self.value = value
        self.failure = failure

    def result(self) -> Any:
        """The value; raises what was raised."""
        __tracebackhide__ = True
        if self.failure is not None:
            self.failure.throw()
        return self.value

    def before(self, then: Outcome) -> Outcome:
        """The one of the two that has failed; if both have, the second, which shows the first as its context."""
        if self.failure is None:
            return Outcome(self.value, then.failure)
        if then.failure is None:
            return self
        then.failure.during(self.failure)
        return then


async def outcome_of(awaitable: Awaitable[Any]) -> Outcome:
    """Await something, and note what it raises."""
    try:
        return Outcome(await awaitable)
    except Exception as error:
        return Outcome(failure=Failure(error))


class TestJob:
    """An async function that the test's process is to run."""

    def __init__(self, function: Callable[..., Awaitable[Any]], arguments: Mapping[str, Any]) -> None:
        self.function = function
        self.arguments = arguments
        self.outcome: Outcome | None = None
        self.place: TracebackType | None = None  # where the function was when its process was ended
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()  # there is an outcome
        self.left: asyncio.Future[None] = asyncio.get_running_loop().create_future()  # no frame of the function is left

    def finish(self, outcome: Outcome) -> None:
        """It has come to its end."""
        if self.outcome is None:
            self.outcome = outcome
        if not self.done.done():
            self.done.set_result(None)


class TestProcess:
    """Runs async functions in one process of a node that has not run yet.

    Args:
        node: the node of the test.
    """

    def __init__(self, node: Node) -> None:
        self.node = node
        self.jobs: asyncio.Queue[TestJob | None] = asyncio.Queue()
        self.job: TestJob | None = None  # that the process is busy with
        self.keeper: asyncio.Task[None] | None = None
        self.process: Process | None = None
        self.gone: asyncio.Future[object] | None = None
        self.over: asyncio.Event = asyncio.Event()
        self.begun: bool = False

    async def begin(self) -> None:
        """Start the node on the running event loop, and the test's process on it, unless they are there."""
        if not self.begun:
            self.begun = True
            up = asyncio.Event()
            self.keeper = asyncio.create_task(self.keep(up))
            waiting = asyncio.create_task(up.wait())
            await asyncio.wait({waiting, self.keeper}, return_when=asyncio.FIRST_COMPLETED)
            if not up.is_set():
                waiting.cancel()
                await self.keeper  # the node did not start: this says why
        elif self.gone is not None and self.gone.done() and self.node.running:
            self.enter()  # what is left to do, a fixture's second half, needs a process

    async def keep(self, up: asyncio.Event) -> None:
        """Be the block in which the node is up."""
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
        """Be the test's process."""
        while (job := await self.jobs.get()) is not None:
            self.job = job
            try:
                value = await job.function(**job.arguments)
            except (KilledWhileRunning, Continuation) as ended:
                job.place = without_ours(ended.__traceback__)
                raise  # the process itself is ended, or goes on as another function
            except (asyncio.CancelledError, GeneratorExit) as ended:
                job.place = without_ours(ended.__traceback__)
                if self.is_dead():
                    raise
                job.finish(Outcome(failure=Failure(ended)))
            except BaseException as error:
                job.finish(Outcome(failure=Failure(error)))
            else:
                if self.is_dead():  # the function has caught what ended the process
                    return
                job.finish(Outcome(value))
            finally:
                if not job.left.done():
                    job.left.set_result(None)
            self.job = None

    def is_dead(self) -> bool:
        """Whether the process in which this runs has been ended."""
        return not running().alive

    async def run(self, function: Callable[..., Awaitable[Any]], arguments: Mapping[str, Any]) -> Outcome:
        """Let the test's process run a function; gives what has become of it.

        It has failed with an AssertionError where the process was ended meanwhile, or all wait for ever.
        """
        begun = await outcome_of(self.begin())
        if begun.failure is not None:
            return begun
        if self.keeper is None or not self.node.running:  # it has ended before the test's last fixture has
            return await outcome_of(function(**arguments))
        assert self.gone is not None
        job = TestJob(function, arguments)
        self.jobs.put_nowait(job)
        ends: list[asyncio.Future[Any]] = [job.done, self.gone, self.keeper]
        await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
        if (outcome := job.outcome) is not None:
            return outcome
        # It was ended, but what it does at its end may still raise: that says more than the reason.
        if self.job is job:
            await asyncio.wait({job.left, self.keeper}, return_when=asyncio.FIRST_COMPLETED, timeout=UNWINDING)
        reason: Any = self.gone.result() if self.gone.done() else "killed"
        if (outcome := job.outcome) is not None and outcome.failure is not None:
            return outcome
        if self.keeper.done():
            return await self.end()
        return Outcome(failure=Failure(self.verdict(reason), job.place or beginning(function)))

    def verdict(self, reason: Any) -> BaseException:
        """The exception that says with which reason the process was ended."""
        if isinstance(reason, BaseException):
            return reason
        how = "has ended normally" if is_normal(reason) else "was ended"
        error = AssertionError(
            f"the test's process {how}, with {safe_repr(reason)}, before the test had come to its end. "
            "A link has done that, or process.exit: process.trap_exit(True) turns exit signals into messages"
        )
        error.__cause__ = exception_in(reason)
        return error

    async def end(self) -> Outcome:
        """Let the process end and stop the node; it has failed where something has ended the node."""
        keeper, self.keeper = self.keeper, None
        if keeper is None:
            return Outcome()
        if self.gone is not None and self.job is None:  # else it waits for something: the node's stop will end it
            self.jobs.put_nowait(None)
            ends: list[asyncio.Future[Any]] = [self.gone, keeper]
            await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
        self.over.set()
        return await outcome_of(keeper)

    def abandon(self) -> None:
        """The event loop is gone, or another plugin's: let go of it without waiting."""
        self.keeper = None
        if self.node.running:
            self.node.close()

    def stuck(self) -> None:
        """Everyone waits, no timer is set, and nothing has come from outside for a while: the test would hang."""
        node, job = self.node, self.job
        if job is not None and not job.done.done():
            waiting = "\n  ".join(doing(pid) for pid, one in node.processes.items() if one is not node.init)
            error = AssertionError(f"every process waits for a message and no timer is set:\n  {waiting}")
            job.finish(Outcome(failure=Failure(error, self.waits_at())))

    def waits_at(self) -> TracebackType | None:
        """The line at which the test waits."""
        task = None if self.process is None else self.process.task
        return None if task is None else without_ours(of_frames(task.get_stack()))


def beginning(function: Callable[..., Any]) -> TracebackType | None:
    """The first line of a function, where it is not known at which one it was."""
    code = getattr(inspect.unwrap(function), "__code__", None)
    return None if code is None else rebuilt([(code, code.co_firstlineno)])


def exception_in(reason: object) -> BaseException | None:
    """The first exception of a reason, which may be a tuple of tuples."""
    if isinstance(reason, BaseException):
        return reason
    parts = cast("tuple[object, ...]", reason) if isinstance(reason, tuple) else ()
    return next((found for part in parts if (found := exception_in(part)) is not None), None)


async def run_as_process(node: Node, function: Callable[..., Awaitable[Any]], arguments: Mapping[str, Any]) -> Any:
    """Run one async function as a process of a fresh node, stop the node, and raise what the function raised."""
    __tracebackhide__ = True
    stage = TestProcess(node)
    try:
        outcome = await stage.run(function, arguments)
    except BaseException:  # the task in which this runs is cancelled
        await stage.end()
        raise
    return outcome.before(await stage.end()).result()
