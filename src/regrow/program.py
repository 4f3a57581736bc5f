"""Running a whole program: `regrow.run(main)` or `regrow.run(SomeApplication)`.

regrow.run(main)             a node is started
main(*args)                runs as a process of the node
its return value   <----   children of main, main, and the applications end, in this order
a signal             ----->  main is cancelled, then the same end

>>> async def main(number):
...     return number + 1
>>> run(main, 41)
42
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import suppress
from typing import Any, overload

from regrow.behaviours.application.controller import Ended, controller_of
from regrow.behaviours.application.spec import Application
from regrow.behaviours.application.start import ensure_all_started
from regrow.behaviours.application.stop_signals import StopSignals
from regrow.kernel.awaitables import is_awaitable
from regrow.kernel.bounded_repr import safe_repr
from regrow.kernel.current_node import current_node
from regrow.kernel.exits import Continuation, Exit, is_normal
from regrow.kernel.links import die, exit_signal
from regrow.kernel.node import Node
from regrow.kernel.node_shutdown import SHUTDOWN, end_children, kill_late
from regrow.kernel.process_record import CALLING, Process


@overload
def run(main: type[Application], *args: Any, node: Node | None = None) -> None: ...
@overload
def run(main: Callable[..., Awaitable[Any]], *args: Any, node: Node | None = None) -> Any: ...
def run(main: Any, *args: Any, node: Node | None = None) -> Any:
    """Run an async function as a process, or an application, until it ends or SIGINT or SIGTERM comes.

    At the end all processes stop in order, children first, each with its `shutdown`: the processes that `main` started
    and is linked to, newest first; then `main`; then the applications, the last started first. The first signal cancels
    `main`, which has 5 s for its `finally`, and may call its servers in this time. A second signal exits immediately;
    the exit codes are in `docs/command.md`.

    Args:
        main: `async def main(*args)`, or an Application.
        args: the arguments of `main`.
        node: a node with other options than the default ones.

    Returns:
        The value of `main`; None for an application, and if a signal ended `main` before it returned.

    Raises:
        Ended: an application ended by itself that was started as permanent, or as transient and ended abnormally; or an
            exit signal ended `main`.
        ApplicationError: the application did not start.
        SystemExit: `main` or a callback called `sys.exit`.
        TypeError: `main` is neither an async function nor an Application.
    """
    if not callable(main):
        raise TypeError(f"run: wanted an async function or an Application, got {safe_repr(main)}")
    node = Node() if node is None else node
    return run_on(node, program(node, main, args))


def run_on(node: Node, program: Coroutine[Any, Any, Any]) -> Any:
    """Run a coroutine that holds a node in `async with node`, on a new event loop; end the node in order at any exception."""
    with asyncio.Runner() as runner:
        try:
            return runner.run(program)
        except (KeyboardInterrupt, SystemExit) as error:
            if node.running:  # raised in a plain task: asyncio left the loop before the block could end the node
                block = node.block
                with suppress(KeyboardInterrupt, SystemExit):
                    runner.run(_left(node, error))
                if block is not None and block.done() and not block.cancelled():
                    block.exception()  # retrieved: asyncio would log it as never retrieved, and it is raised below
            raise


async def _left(node: Node, error: BaseException) -> None:
    """Fail a node, and wait until its `async with` block has ended."""
    block = node.block
    node.fail(error)
    if block is not None:
        await asyncio.wait({block})


async def program(node: Node, main: Any, args: tuple[Any, ...]) -> Any:
    """Start the node, run `main`, stop the node, and return the value of `main`; it runs as a plain task."""
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
    if ended is not None and not is_normal_end(ended):
        raise ended


def is_normal_end(ended: Ended) -> bool:
    """Whether the application that ended the program ended with the reason "normal"."""
    reason: object = ended.reason[-1]  # ("application_terminated", app, reason)
    return reason == "normal"


async def keep_running(
    app: type[Application], stop_signals: StopSignals, meanwhile: Callable[[], Awaitable[None]] | None = None
) -> Ended | None:
    """Start an application and all that it needs on the running node, and stop all applications at the end.

    Args:
        app: the application.
        stop_signals: the signals that ask for a stop.
        meanwhile: an async function that runs as a plain task once all is started, and is cancelled at the end.

    Returns:
        None if a stop was asked for; else the application that ended by itself, as an exception with the reason.

    Raises:
        ApplicationError: the application did not start.
    """
    node = current_node()
    controller = controller_of(node)
    controller.watched = True
    asked: asyncio.Future[Any] = stop_signals.asked
    beside: asyncio.Future[Any] | None = None
    start: asyncio.Future[Any] = asyncio.ensure_future(ensure_all_started(app, "permanent"))
    try:
        await asyncio.wait({start, asked}, return_when=asyncio.FIRST_COMPLETED)
        if start.done():
            start.result()
            if meanwhile is not None and not asked.done():
                beside = asyncio.ensure_future(meanwhile())
        waiting: set[asyncio.Future[Any]] = {controller.terminated, asked}
        while not controller.terminated.done() and not asked.done():
            await asyncio.wait(waiting if beside is None else {*waiting, beside}, return_when=asyncio.FIRST_COMPLETED)
            if beside is not None and beside.done():
                done, beside = beside, None
                done.result()
    finally:
        node.leaving = True
        start.add_done_callback(lambda task: task.cancelled() or task.exception())  # retrieved: no task awaits it
        for task in (start, beside):
            if task is not None:
                task.cancel()
        await controller.end_all("shutdown")
    return controller.terminated.result() if controller.terminated.done() else None


class Main:
    """The process in which `main` runs. When its function has returned, it stays until its children have ended.

    Args:
        node: the node of the process.
        function: `main`.
        args: the arguments of `main`.
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
        """Run the function, then wait until the process may end: the body of the process."""
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
        """Wait for the end of `main` or for a signal, end its process, and return its value; None after a signal.

        Raises:
            Ended: an exit signal ended `main`, or it raised an `Exit` with an abnormal reason.
            BaseException: the exception of `main`.
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
        cancelled = isinstance(error, asyncio.CancelledError) and not asked.done()  # main raised it by itself
        reason = error if cancelled else self.gone.result()
        if asked.done() or reason == "normal" or (error is not None and is_normal(reason)):
            return None
        raise Ended(reason, getattr(self.function, "__name__", repr(self.function)), reason)

    async def end(self, reason: str) -> None:
        """End the children of `main` and its process.

        The function is cancelled first, and has 5 s. If it then waits for an answer (a call, or a stop of a child), its
        children end first, which settles that call, and it has its time once more.
        """
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
        """Cancel the function; if the process traps exits, send it the exit signal "shutdown" instead."""
        process = self.process
        if process.trap_exit:
            exit_signal(process, self.node.init.pid, "shutdown", True)
        elif process.task is None:  # the function has not begun
            die(process, "shutdown")
        else:
            process.task.cancel()

    async def until_over(self) -> None:
        """Wait for the end of the function, for as long as a shutdown may take."""
        late = self.node.ended(self.process, SHUTDOWN)
        await asyncio.wait((self.over, late), return_when=asyncio.FIRST_COMPLETED)
