"""The node of one test, and the process in which the test and its fixtures run, one after the other.

    a fixture   ─┐                                    ┌─  up, before the first job
    the test    ─┼─>  jobs  ─>  the test's process  ──┤   links, mailbox, dictionary: the same for all jobs
    its teardown ┘                                    └─  down, after the last: children are stopped in reverse order

The node's block is a task of its own, for it must last from the first job to the last, and each of them comes in a run
of the event loop of its own.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from regrow.kernel.clock import VirtualClock
from regrow.kernel.exits import Continuation, Doomed, is_normal, safe_repr
from regrow.kernel.node import Node
from regrow.testing.scene import doing

STUCK_SECONDS = 3.0  # real ones, in which a thread or a socket may still wake somebody


class Job:
    """An async function that the test's process is to run."""

    def __init__(self, function: Callable[..., Awaitable[Any]], arguments: Mapping[str, Any]) -> None:
        self.function = function
        self.arguments = arguments
        self.done: asyncio.Future[Any] = asyncio.get_running_loop().create_future()

    def raised(self) -> BaseException | None:
        """What it raised, if it has come to that."""
        return self.done.exception() if self.done.done() else None


class Stage:
    """Runs async functions in one process of a node that has not run yet.

    Args:
        node: the node of the test.
    """

    def __init__(self, node: Node) -> None:
        self.node = node
        self.jobs: asyncio.Queue[Job | None] = asyncio.Queue()
        self.job: Job | None = None  # that the process is busy with
        self.keeper: asyncio.Task[None] | None = None
        self.gone: asyncio.Future[object] | None = None
        self.over = asyncio.Event()

    async def begin(self) -> None:
        """Start the node on the running event loop, and the test's process on it, unless they are there."""
        if self.keeper is None:
            up = asyncio.Event()
            self.keeper = asyncio.create_task(self.keep(up))
            waiting = asyncio.create_task(up.wait())
            await asyncio.wait({waiting, self.keeper}, return_when=asyncio.FIRST_COMPLETED)
            if not up.is_set():
                waiting.cancel()
                await self.keeper  # the node did not start: this says why

    async def keep(self, up: asyncio.Event) -> None:
        """Be the block in which the node is up."""
        async with self.node as node:
            self.gone = node.ended(node.launch(self.test, (), node.init))
            if isinstance(node.clock, VirtualClock):
                node.clock.stuck = self.stuck_later
            up.set()
            await self.over.wait()

    async def test(self) -> None:
        """Be the test's process."""
        while (job := await self.jobs.get()) is not None:
            self.job = job
            try:
                value = await job.function(**job.arguments)
            except (asyncio.CancelledError, GeneratorExit, Doomed, Continuation):
                raise  # the process itself is ended, or goes on as another function
            except BaseException as error:
                if not job.done.done():
                    job.done.set_exception(error)
            else:
                if not job.done.done():
                    job.done.set_result(value)
            self.job = None

    async def do(self, function: Callable[..., Awaitable[Any]], arguments: Mapping[str, Any]) -> Any:
        """Let the test's process run a function; gives what it returns, raises what it raises.

        Raises:
            AssertionError: the process was ended meanwhile, or everybody waits for ever.
        """
        await self.begin()
        assert self.keeper is not None
        assert self.gone is not None
        job = Job(function, arguments)
        self.jobs.put_nowait(job)
        await asyncio.wait({job.done, self.gone, self.keeper}, return_when=asyncio.FIRST_COMPLETED)
        if job.done.done():
            return job.done.result()
        # It was ended, but what it does at its end may still raise: that says more than the reason.
        reason: Any = self.gone.result() if self.gone.done() else "killed"
        await self.end()
        error = job.raised() or (reason if isinstance(reason, BaseException) else None)
        if error is not None:
            raise error
        how = "has ended normally" if is_normal(reason) else "was ended"
        raise AssertionError(
            f"the test's process {how}, with {safe_repr(reason)}, before the test had come to its end. "
            "A link has done that, or process.exit: process.trap_exit(True) turns exit signals into messages"
        )

    async def end(self) -> None:
        """Let the process end, stop the node, and raise what has ended the node if anything has."""
        keeper, self.keeper = self.keeper, None
        if keeper is None:
            return
        if self.gone is not None and self.job is None:  # else it waits for something: the node's stop will end it
            self.jobs.put_nowait(None)
            ends: list[asyncio.Future[Any]] = [self.gone, keeper]
            await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
        self.over.set()
        await keeper

    def abandon(self) -> None:
        """The event loop is gone, or somebody else's: let go of it without waiting."""
        self.keeper = None
        if self.node.running:
            self.node.close()

    def stuck_later(self) -> None:
        """Everyone waits and no timer is set: unless a thread sends something, the test would hang."""
        node, job = self.node, self.job

        def give_up() -> None:
            if job is None or job.done.done() or node.scheduler.queue or node.scheduler.awaiting:
                return
            waiting = "\n  ".join(doing(pid) for pid, one in node.processes.items() if one is not node.init)
            job.done.set_exception(
                AssertionError(f"every process waits for a message and no timer is set:\n  {waiting}")
            )

        node.loop.call_later(STUCK_SECONDS, give_up)


async def run_as_process(node: Node, function: Callable[..., Awaitable[Any]], arguments: Mapping[str, Any]) -> Any:
    """Run one async function as a process of a fresh node, stop the node, and raise what the function raised."""
    stage = Stage(node)
    try:
        return await stage.do(function, arguments)
    finally:
        await stage.end()
