"""A whole program: `regrow.run(main)`, or `regrow.run(SomeApplication)`."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Awaitable, Callable
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
    await application.ensure_all_started(app, "permanent")
    ended = asyncio.ensure_future(application.wait_ended(app))
    await asyncio.wait((ended, stop_signals.asked), return_when=asyncio.FIRST_COMPLETED)
    if not ended.done():
        for other, _, _ in application.started_applications():
            await application.stop(other)
    reason = await ended
    if reason != "stopped" and reason != "normal":
        raise Ended(reason, app.__name__)


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
    """SIGINT and SIGTERM while a program runs; where the loop cannot handle them, Python's own handling stays."""

    def __init__(self, node: Node) -> None:
        self.loop = node.loop
        self.asked: asyncio.Future[int] = self.loop.create_future()
        self.handled: list[int] = []
        for number in (signal.SIGINT, signal.SIGTERM):
            try:
                self.loop.add_signal_handler(number, self.ask, number)
            except (NotImplementedError, RuntimeError, ValueError):  # Windows, or not the main thread
                continue
            self.handled.append(number)

    def ask(self, number: int) -> None:
        """The first time: stop in order. The second: at once."""
        if not self.asked.done():
            self.asked.set_result(number)
        else:
            self.close()
            signal.raise_signal(signal.SIGINT)

    def close(self) -> None:
        """Give the signals back."""
        for number in self.handled:
            self.loop.remove_signal_handler(number)
        self.handled.clear()
