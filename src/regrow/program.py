"""A whole program: `regrow.run(main)`, or `regrow.run(SomeApplication)`."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import threading
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import suppress
from types import FrameType
from typing import Any, Final, overload

from regrow.behaviours.application.controller import Ended, controller
from regrow.behaviours.application.spec import Application
from regrow.behaviours.application.start import ensure_all_started
from regrow.kernel.awaitables import is_awaitable
from regrow.kernel.bounded_repr import safe_repr
from regrow.kernel.current_node import current_node
from regrow.kernel.exits import Continuation, Exit, is_normal
from regrow.kernel.links import die, exit_signal
from regrow.kernel.node import Node
from regrow.kernel.node_shutdown import SHUTDOWN, end_children, kill_late
from regrow.kernel.process_record import CALLING, Process

AT_ONCE: Final = 128  # and the number of the signal, as a shell says it


@overload
def run(main: type[Application], *args: Any, node: Node | None = None) -> None: ...
@overload
def run(main: Callable[..., Awaitable[Any]], *args: Any, node: Node | None = None) -> Any: ...
def run(main: Any, *args: Any, node: Node | None = None) -> Any:
    """Run an async function as a process, or an application until it ends or SIGINT or SIGTERM comes.

    Either way the tree ends in order, children first, each with its own `shutdown`: what `main` has started and is
    linked to, newest first; then `main` itself; then the applications, the last started first. The first signal cancels
    `main`, which has 5 s for its `finally`; it may ask its servers meanwhile. A second signal ends the program at once:
    see the table of exit codes in `docs/command.md`.

    Args:
        main: `async def main(*args)`, or an Application.
        args: what `main` gets.
        node: a node with options of its own.

    Returns:
        What `main` returns; None for an application, and where a signal has stopped the program.

    Raises:
        Ended: the application gave up, or another one that was started as permanent, or as transient and ended
            abnormally; or `main` was ended by a link.
        ApplicationError: it did not start.
        SystemExit: `sys.exit` was called, in `main` or in any callback.
        TypeError: `main` is neither.
    """
    if not callable(main):
        raise TypeError(f"run: wanted an async function or an Application, got {safe_repr(main)}")
    node = Node() if node is None else node
    return run_on(node, program(node, main, args))


def run_on(node: Node, program: Coroutine[Any, Any, Any]) -> Any:
    """Run a program whose block holds a node on a new event loop, and let the node end in order whatever is raised."""
    with asyncio.Runner() as runner:
        try:
            return runner.run(program)
        except (KeyboardInterrupt, SystemExit) as error:
            if node.running:  # a plain task has raised it, which leaves the loop at once
                block = node.block
                with suppress(KeyboardInterrupt, SystemExit):
                    runner.run(_left(node, error))
                if block is not None and block.done() and not block.cancelled():
                    block.exception()  # it is raised here, and not reported as never retrieved
            raise


async def _left(node: Node, error: BaseException) -> None:
    """Let the block leave in which a node is up."""
    block = node.block
    node.fail(error)
    if block is not None:
        await asyncio.wait({block})


async def program(node: Node, main: Any, args: tuple[Any, ...]) -> Any:
    """The plain task in which a program runs: start the node, run `main`, stop the node."""
    stop_signals = StopSignals()
    function: Any = main
    try:
        async with node:
            if isinstance(main, type) and issubclass(main, Application):
                return await _run_application(main, stop_signals)
            return await Main(node, function, args).run(stop_signals)
    finally:
        stop_signals.close()


async def _run_application(app: type[Application], stop_signals: StopSignals) -> None:
    ended = await keep_running(app, stop_signals)
    if ended is not None and not is_well(ended):
        raise ended


def is_well(ended: Ended) -> bool:
    """Whether a program has ended as it may: its application's tree has, with the reason "normal"."""
    why: object = ended.reason[-1]  # ("application_terminated", app, why)
    return why == "normal"


async def keep_running(
    app: type[Application], stop_signals: StopSignals, meanwhile: Callable[[], Awaitable[None]] | None = None
) -> Ended | None:
    """Start an application and all that it needs, and stop it when that is asked for; the node is up.

    Args:
        app: the application.
        stop_signals: who asks.
        meanwhile: run as a plain task once all is up, and cancelled when the end comes.

    Returns:
        None if it was stopped because that was asked for; else which application has ended by itself that the
        program is not to be without, and why.

    Raises:
        ApplicationError: it did not start.
    """
    node = current_node()
    kept = controller(node)
    kept.kept = True
    asked: asyncio.Future[Any] = stop_signals.asked
    beside: asyncio.Future[Any] | None = None
    start: asyncio.Future[Any] = asyncio.ensure_future(ensure_all_started(app, "permanent"))
    try:
        await asyncio.wait({start, asked}, return_when=asyncio.FIRST_COMPLETED)
        if start.done():
            start.result()
            if meanwhile is not None and not asked.done():
                beside = asyncio.ensure_future(meanwhile())
        waiting: set[asyncio.Future[Any]] = {kept.terminated, asked}
        while not kept.terminated.done() and not asked.done():
            await asyncio.wait(waiting if beside is None else {*waiting, beside}, return_when=asyncio.FIRST_COMPLETED)
            if beside is not None and beside.done():
                done, beside = beside, None
                done.result()
    finally:
        node.leaving = True
        start.add_done_callback(lambda task: task.cancelled() or task.exception())  # nobody waits for it any more
        for task in (start, beside):
            if task is not None:
                task.cancel()
        await kept.end_all("shutdown")
    return kept.terminated.result() if kept.terminated.done() else None


class Main:
    """The process in which `main` runs. It outlives its function until what that has started has ended.

    Args:
        node: where it runs.
        function: `main`.
        args: what it gets.
    """

    def __init__(self, node: Node, function: Callable[..., Awaitable[Any]], args: tuple[Any, ...]) -> None:
        self.node = node
        self.function = function
        self.returned: list[Any] = []
        self.raised: BaseException | None = None
        self.over: asyncio.Future[None] = node.loop.create_future()
        self.may_end: asyncio.Future[None] = node.loop.create_future()
        self.process: Process = node.launch(self.live, (function, args), node.init)
        self.process.initial_call = function
        self.gone: asyncio.Future[object] = node.ended(self.process)

    async def live(self, function: Callable[..., Any], args: tuple[Any, ...]) -> None:
        """Be the process."""
        try:
            result = function(*args)
            self.returned.append(await result if is_awaitable(result) else result)
        except Continuation as later:
            raise Continuation(self.live, (later.function, later.args)) from None
        except BaseException as error:
            if not self.process.alive:
                raise
            self.raised = error
        self.process.trap_exit = True
        self.over.set_result(None)
        await self.may_end
        if isinstance(self.raised, Exit):
            raise self.raised

    async def run(self, stop_signals: StopSignals) -> Any:
        """Wait for the end of `main`, or for a signal; give what it returned, raise what it raised.

        Raises:
            Ended: it was ended by a link, or left with an Exit.
        """
        asked = stop_signals.asked
        try:
            await asyncio.wait((self.over, self.gone, asked), return_when=asyncio.FIRST_COMPLETED)
        finally:
            self.node.leaving = True
            await self.end("normal" if self.over.done() else "shutdown")
        error = self.raised
        if self.returned:
            return self.returned[0]
        if error is not None and not isinstance(error, Exit | asyncio.CancelledError):
            raise error
        cancelled = isinstance(error, asyncio.CancelledError) and not asked.done()  # by nobody: main has raised it
        reason = error if cancelled else self.gone.result()
        if asked.done() or reason == "normal" or (error is not None and is_normal(reason)):
            return None
        raise Ended(reason, getattr(self.function, "__name__", repr(self.function)), reason)

    async def end(self, reason: str) -> None:
        """End `main` and what it has started. Where its function waits for an answer, as for a child's end, it may go on."""
        process = self.process
        if not self.over.done() and process.alive:
            self.cancel()
            await self.until_over()
            if not self.over.done() and process.alive:
                waits = process.status == CALLING
                await end_children(self.node, process, reason)
                if waits:
                    await self.until_over()
        if self.over.done() and process.alive:
            await end_children(self.node, process, reason)
            self.may_end.set_result(None)
        else:
            kill_late(process, reason)
        await self.gone

    def cancel(self) -> None:
        """Cancel the function; a process that traps exits gets a message."""
        process = self.process
        if process.trap_exit:
            exit_signal(process, self.node.init.pid, "shutdown", True)
        elif process.task is None:  # it has not begun
            die(process, "shutdown")
        else:
            process.task.cancel()

    async def until_over(self) -> None:
        """Wait for the end of the function, or of its time."""
        late = self.node.ended(self.process, SHUTDOWN)
        await asyncio.wait((self.over, late), return_when=asyncio.FIRST_COMPLETED)


class StopSignals:
    """SIGINT and SIGTERM while a program runs. The first asks for a stop in order; the next ones are for `again`.

    The handlers are Python's own, not the loop's: they are heard even while a callback blocks the loop. They stay until
    the node has ended, so that a signal that comes while it ends does not cut it short.

    Args:
        first: told the signal's number and the frame that it came in, when the first one comes, in the midst of whatever
            runs; what it returns says whether that is to stop anything.
    """

    def __init__(self, *, first: Callable[[int, FrameType | None], bool] | None = None) -> None:
        self.loop: asyncio.AbstractEventLoop = asyncio.get_running_loop()
        self.asked: asyncio.Future[int] = self.loop.create_future()
        self.first = first
        self.came: bool = False
        self.before: dict[int, Any] = {}
        if threading.current_thread() is threading.main_thread():
            for number in (signal.SIGINT, signal.SIGTERM):
                self.before[number] = signal.signal(number, self.received)

    def received(self, number: int, frame: FrameType | None = None) -> None:
        """A signal has come."""
        if not self.came:
            if self.first is not None and not self.first(number, frame):
                return
            self.came = True
            self.loop.call_soon_threadsafe(self.ask, number)
        elif number == signal.SIGINT and hasattr(sys, "ps1"):
            raise KeyboardInterrupt  # at a prompt of Python's: the user wants it back
        else:
            leave_at_once(number)

    def ask(self, number: int = 0) -> None:
        """Ask for a stop in order."""
        if not self.asked.done():
            self.asked.set_result(number)

    def close(self) -> None:
        """Give the signals back."""
        for number, handler in self.before.items():
            signal.signal(number, handler)
        self.before.clear()


def say_at_any_time(text: str) -> None:
    """A word from within a signal handler, where a stream may be in the midst of its own writing."""
    with suppress(OSError):
        os.write(2, text.encode())


def leave_at_once(number: int) -> None:
    """End the program here and now: no callback runs any more, not even one that does not come to its end."""
    say_at_any_time("\nStopped at once.\n")
    os._exit(AT_ONCE + number)
