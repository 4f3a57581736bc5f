"""`regrow run`: it runs an application in the foreground, prints its start and its end, and returns the exit code."""

from __future__ import annotations

import asyncio
import signal
import sys
from collections.abc import Awaitable, Callable
from contextlib import suppress
from types import FrameType

from regrow import Application, Node
from regrow.behaviours.application.spec import ApplicationError
from regrow.behaviours.application.stop_signals import StopSignals, say_at_any_time
from regrow.cli.exit_codes import GAVE_UP, STOPPED
from regrow.kernel.bounded_repr import safe_repr
from regrow.kernel.exits import is_word
from regrow.ops import tree
from regrow.program import keep_running, run_on

Meanwhile = Callable[[StopSignals], Awaitable[None]]


def run_application(
    app: type[Application], name: str, *, seconds: float | None, meanwhile: Meanwhile | None = None
) -> int:
    """Run an application until it ends, a signal comes or its time is over.

    Args:
        app: the application.
        name: its name in the output.
        seconds: the time that it may run; None for any time.
        meanwhile: an async function that runs beside the application; it gets the stop signals.

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
    """Run an application on a node of the running event loop, until it ends or a signal comes.

    Args:
        app: the application.
        name: its name in the output.
        beside: an async function that runs beside the application; it gets the stop signals.
        node: the node to start; it has not run before.
        interrupt: called at Ctrl-C, in the signal handler, with the interrupted frame. If it returns true, the
            application is not stopped.
        before_the_end: awaited before the last line is printed.

    Returns:
        The exit code.
    """

    def first(number: int, frame: FrameType | None) -> bool:
        if number == signal.SIGINT and interrupt is not None and interrupt(frame):
            return False
        again = "Press Ctrl-C again" if number == signal.SIGINT else "A second signal"
        stops = "to stop immediately" if number == signal.SIGINT else "stops it immediately"
        say_at_any_time(f"\nStopping {name}, children first. {again} {stops}.\n")
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
    """Print how the application ended, and return the exit code."""
    if isinstance(reason, ApplicationError):
        first, _, _ = str(reason).partition("\n")  # the report in the log has the other lines
        print(first, file=sys.stderr, flush=True)
        return GAVE_UP
    if is_word(reason, "stopped") or is_word(reason, "normal"):
        say(f"{name} stopped")
        return STOPPED
    why = reason if isinstance(reason, str) else safe_repr(reason)
    print(f"{name} ended by itself: {why}", file=sys.stderr, flush=True)
    return GAVE_UP


async def counted(app: type[Application]) -> str:
    """Return the number of processes and supervisors of an application, in words."""
    root = await tree.application_tree(app)
    return "no processes" if root is None else tree.counted(root)


def say(line: str) -> None:
    """Print a line at once, also into a pipe; ignore a pipe that its reader has closed."""
    with suppress(BrokenPipeError):
        print(line, flush=True)
