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
from regrow.kernel.exits import is_normal, safe_repr
from regrow.kernel.node import Node


class Ended(Exception):
    """The program's process or application ended by itself, and not normally.

    Attributes:
        reason: why.
    """

    def __init__(self, reason: object, who: str) -> None:
        super().__init__(reason)
        self.reason = reason
        self.who = who

    def __str__(self) -> str:
        return f"{self.who} ended: {safe_repr(self.reason)}"


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
        Ended: the application gave up, or `main` was ended by a link.
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
    reason = await keep_running(app, stop_signals)
    if reason != "stopped" and reason != "normal":
        raise Ended(reason, app.__name__)


async def keep_running(
    app: type[Application], stop_signals: StopSignals, meanwhile: Callable[[], Awaitable[None]] | None = None
) -> object:
    """Start an application and all that it needs, and stop it when that is asked for; the node is up.

    Args:
        app: the application.
        stop_signals: who asks.
        meanwhile: run as a plain task once all is up, and cancelled when the end comes.

    Returns:
        Why it has ended: "stopped" if that was asked for, else the reason with which its tree, or that of an
        application it needs, gave up.

    Raises:
        ApplicationError: it did not start.
    """
    started = await application.ensure_all_started(app, "permanent")
    ends = [asyncio.ensure_future(application.wait_ended(one)) for one in started]
    beside = [] if meanwhile is None else [asyncio.ensure_future(meanwhile())]
    try:
        waiting: set[asyncio.Future[Any]] = {*ends, *beside, stop_signals.asked}
        while not any(end.done() for end in ends) and not stop_signals.asked.done():
            done, waiting = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
            for task in beside:
                if task in done:
                    task.result()
        early = next((end.result() for end in ends if end.done()), None)
    finally:
        for task in beside:
            task.cancel()
        for other, _, _ in application.started_applications():
            await application.stop(other)
    reasons = await asyncio.gather(*ends)
    return reasons[-1] if early is None else early


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
    raise Ended(reason, getattr(main, "__name__", repr(main)))


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
