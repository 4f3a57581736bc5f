"""`regrow run`: an application in the foreground, from its first line to its exit code."""

from __future__ import annotations

import asyncio
import signal
import sys
from collections.abc import Awaitable, Callable
from contextlib import suppress
from types import FrameType

from regrow import Application, Node
from regrow.behaviours.application.spec import ApplicationError
from regrow.cli.exit_codes import GAVE_UP, STOPPED
from regrow.kernel.bounded_repr import safe_repr
from regrow.kernel.exits import is_word
from regrow.ops import tree
from regrow.program import StopSignals, keep_running, run_on, say_at_any_time

Meanwhile = Callable[[StopSignals], Awaitable[None]]


def run_application(
    app: type[Application], name: str, *, seconds: float | None, meanwhile: Meanwhile | None = None
) -> int:
    """Run an application until it ends, a signal comes or its time is over.

    Args:
        app: the application.
        name: what it is called on the screen.
        seconds: how long it may run; None for as long as it likes.
        meanwhile: what else happens while it runs.

    Returns:
        The exit code.
    """

    async def beside(stop_signals: StopSignals) -> None:
        say(f"{name} started: {await counted(app)}")
        if seconds is not None:
            asyncio.get_running_loop().call_later(seconds, stop_signals.ask)
        if meanwhile is not None:
            await meanwhile(stop_signals)

    node = Node()
    code: int = run_on(node, program(app, name, beside, node=node))
    return code


async def program(
    app: type[Application],
    name: str,
    beside: Meanwhile,
    *,
    node: Node,
    interrupt: Callable[[FrameType | None], bool] | None = None,
    before_the_end: Callable[[], Awaitable[None]] | None = None,
) -> int:
    """The same within a loop, and with a node of one's own.

    Args:
        app: the application.
        name: what it is called on the screen.
        beside: what happens while it runs.
        node: the node it runs on; it has not run before.
        interrupt: told of Ctrl-C and of the frame that it came in; true if that is dealt with, and nothing has to stop.
        before_the_end: awaited before the last word is said.

    Returns:
        The exit code.
    """

    def first(number: int, frame: FrameType | None) -> bool:
        if number == signal.SIGINT and interrupt is not None and interrupt(frame):
            return False
        say_at_any_time(f"\nStopping {name}, children first. Once more stops it at once.\n")
        return True

    stop_signals = StopSignals(first=first)
    try:
        async with node:
            try:
                ended = await keep_running(app, stop_signals, lambda: beside(stop_signals))
                reason: object = "stopped" if ended is None else ended.reason[-1]
            except ApplicationError as error:
                reason = error
            if before_the_end is not None:
                await before_the_end()
    finally:
        stop_signals.close()
    return last_word(name, reason)


def last_word(name: str, reason: object) -> int:
    """Say how it ended; gives the exit code."""
    if isinstance(reason, ApplicationError):
        first, _, _ = str(reason).partition("\n")  # all of it has been reported
        print(first, file=sys.stderr, flush=True)
        return GAVE_UP
    if is_word(reason, "stopped") or is_word(reason, "normal"):
        say(f"{name} stopped")
        return STOPPED
    told = reason if isinstance(reason, str) else safe_repr(reason)
    print(f"{name} has ended by itself: {told}", file=sys.stderr, flush=True)
    return GAVE_UP


async def counted(app: type[Application]) -> str:
    """How much of an application runs, in words."""
    root = await tree.application_tree(app)
    return "no processes" if root is None else tree.counted(root)


def say(line: str) -> None:
    """A line for whoever looks on; who reads a pipe gets it at once, too, and who has closed it gets nothing."""
    with suppress(BrokenPipeError):
        print(line, flush=True)
