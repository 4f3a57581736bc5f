"""A whole program: `regrow.run(main)`, or `regrow.run(SomeApplication)`."""

from __future__ import annotations

import asyncio
import signal
import threading
from collections.abc import Awaitable, Callable
from types import FrameType
from typing import Any, overload

from regrow.behaviours import application
from regrow.behaviours.application import Application
from regrow.behaviours.application import Ended as Ended
from regrow.behaviours.application_controller import controller
from regrow.kernel.exits import is_normal, safe_repr
from regrow.kernel.node import Node, here


@overload
def run(main: type[Application], *args: Any, node: Node | None = None) -> None: ...
@overload
def run(main: Callable[..., Awaitable[Any]], *args: Any, node: Node | None = None) -> Any: ...
def run(main: Any, *args: Any, node: Node | None = None) -> Any:
    """Run an async function as a process, or an application until it ends or SIGINT or SIGTERM comes.

    The first signal stops the tree in order, children first; a second one at once.

    Args:
        main: `async def main(*args)`, or an Application.
        args: what `main` gets.
        node: a node with options of its own.

    Returns:
        What `main` returns; nothing for an application.

    Raises:
        Ended: the application gave up, or another one that was started as permanent, or as transient and ended
            abnormally; or `main` was ended by a link.
        ApplicationError: it did not start.
        TypeError: `main` is neither.
    """
    if not callable(main):
        raise TypeError(f"run: wanted an async function or an Application, got {safe_repr(main)}")
    with asyncio.Runner() as runner:
        return runner.run(program(Node() if node is None else node, main, args))


async def program(node: Node, main: Any, args: tuple[Any, ...]) -> Any:
    """The plain task in which a program runs: start the node, run `main`, stop the node."""
    async with node:
        stop_signals = StopSignals(node)
        try:
            if isinstance(main, type) and issubclass(main, Application):
                return await _run_application(main, stop_signals)
            return await _run_function(node, main, args, stop_signals)
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
    kept = controller(here())
    kept.kept = True
    beside: list[asyncio.Future[None]] = []
    try:
        await application.ensure_all_started(app, "permanent")
        beside = [] if meanwhile is None else [asyncio.ensure_future(meanwhile())]
        waiting: set[asyncio.Future[Any]] = {*beside, kept.terminated, stop_signals.asked}
        while not kept.terminated.done() and not stop_signals.asked.done():
            done, waiting = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
            for task in beside:
                if task in done:
                    task.result()
    finally:
        for task in beside:
            task.cancel()
        await kept.before_stop("shutdown")
        for other, _, _ in application.started_applications():
            await application.stop(other)
    return kept.terminated.result() if kept.terminated.done() else None


async def _run_function(node: Node, main: Any, args: tuple[Any, ...], stop_signals: StopSignals) -> Any:
    returned: list[Any] = []
    raised: list[BaseException] = []

    async def main_process() -> None:
        try:
            returned.append(await main(*args))
        except Exception as error:
            raised.append(error)

    process = node.launch(main_process, (), node.init)
    process.initial_call = main
    gone = node.ended(process)
    await asyncio.wait((gone, stop_signals.asked), return_when=asyncio.FIRST_COMPLETED)
    if not gone.done():
        await node.end(process.pid, "shutdown")
        raise KeyboardInterrupt
    if raised:
        raise raised[0]
    if returned:
        return returned[0]
    reason = gone.result()
    if is_normal(reason):
        return None
    raise Ended(reason, getattr(main, "__name__", repr(main)), reason)


class StopSignals:
    """SIGINT and SIGTERM while a program runs. The first asks for a stop in order; the next ones are for `again`.

    The handlers are Python's own, not the loop's: they are heard even while a callback blocks the loop.

    Args:
        node: the node that runs.
        first: told the signal's number when the first one comes, in the midst of whatever runs; what it returns says
            whether that is to stop anything.
        again: told of each one after that; by default KeyboardInterrupt is raised where the program is.
    """

    def __init__(
        self, node: Node, *, first: Callable[[int], bool] | None = None, again: Callable[[int], None] | None = None
    ) -> None:
        self.loop = node.loop
        self.asked: asyncio.Future[int] = self.loop.create_future()
        self.first = first
        self.again = again
        self.came = False
        self.before: dict[int, Any] = {}
        if threading.current_thread() is threading.main_thread():
            for number in (signal.SIGINT, signal.SIGTERM):
                self.before[number] = signal.signal(number, self.received)

    def received(self, number: int, _frame: FrameType | None = None) -> None:
        """A signal has come."""
        if not self.came and not self.asked.done():
            if self.first is not None and not self.first(number):
                return
            self.came = True
            self.loop.call_soon_threadsafe(self.ask, number)
        elif self.again is not None:
            self.again(number)
        else:
            raise KeyboardInterrupt

    def ask(self, number: int = 0) -> None:
        """Ask for a stop in order."""
        if not self.asked.done():
            self.asked.set_result(number)

    def close(self) -> None:
        """Give the signals back."""
        for number, handler in self.before.items():
            signal.signal(number, handler)
        self.before.clear()
