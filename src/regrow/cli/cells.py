"""The process in which a shell's cells run, and the thread of the prompt that waits for them.

A cell is one entry at the prompt. It runs as a step of a process on the application's own loop, so that links,
monitors, `receive` and `current()` mean what they mean in a server. What a cell raises is shown at the prompt and the
process lives on; an exit signal ends it, and a new one takes its place.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
from collections.abc import Awaitable, Callable
from typing import Any

from regrow import process
from regrow.kernel.exits import Doomed, safe_repr
from regrow.kernel.node import Node
from regrow.kernel.pid import Pid

Tell = Callable[[str], None]


class ShellEnded(Exception):
    """The shell's process has ended while it ran a cell, or the shell is over."""


class Cell:
    """One entry: what to do, and what becomes of it."""

    def __init__(self, function: Callable[[], Awaitable[Any]]) -> None:
        self.function = function
        self.done: concurrent.futures.Future[Any] = concurrent.futures.Future()
        self.task: asyncio.Task[Any] | None = None
        self.interrupted = False

    async def run(self, pid: Pid) -> None:
        """Do it, in the shell's process."""
        self.task = asyncio.current_task()
        try:
            value = await self.function()
        except (Doomed, GeneratorExit):
            raise
        except BaseException as error:
            if pid.process is None:  # ended by a signal: this is but the unwinding
                raise
            self.fail(self._as_shown(error))
        else:
            if not self.done.done():
                self.done.set_result(value)

    def _as_shown(self, error: BaseException) -> BaseException:
        if not (self.interrupted and isinstance(error, asyncio.CancelledError)):
            return error
        if self.task is not None:
            self.task.uncancel()
        return KeyboardInterrupt().with_traceback(error.__traceback__)

    def fail(self, error: BaseException) -> None:
        """It raised, or will never be done."""
        if not self.done.done():
            self.done.set_exception(error)

    def cancel(self) -> None:
        """Ctrl-C, while the cell waits for something."""
        if self.task is not None and not self.done.done():
            self.interrupted = True
            self.task.cancel()


class Cells:
    """Runs the cells of one shell, one after another.

    Args:
        node: where.
        tell: how the user is told that the shell's process has ended.
    """

    def __init__(self, node: Node, tell: Tell) -> None:
        self.node = node
        self.tell = tell
        self.cell: Cell | None = None
        self.closed = False
        self.pid: Pid | None = None

    # On the loop

    def start(self) -> None:
        """Start the shell's process."""
        pid = self.pid = process.spawn(self._serve)
        assert pid.process is not None
        self.node.ended(pid.process).add_done_callback(lambda gone: self._ended(pid, gone.result()))

    async def _serve(self) -> None:
        pid = process.current()
        process.set_label("regrow shell")
        while True:
            cell = await process.receive(Cell)
            await cell.run(pid)

    def _ended(self, pid: Pid, reason: object) -> None:
        if self.closed:
            return
        self.start()
        told = f"** the shell's process {pid} has ended: {safe_repr(reason)}. {self.pid} has taken its place"
        if self.cell is None or self.cell.done.done():
            self.tell(told)
        else:
            self.cell.fail(ShellEnded(told))

    def _submit(self, cell: Cell) -> None:
        if self.closed or self.pid is None:
            cell.fail(ShellEnded("the application has ended"))
        else:
            process.send(self.pid, cell)

    def close(self) -> None:
        """No cell runs any more; who waits for one is told so."""
        self.closed = True
        if self.pid is not None:
            process.exit(self.pid, "shutdown")
        if self.cell is not None:
            self.cell.fail(ShellEnded("the application has ended"))

    # In the prompt's thread

    def run(self, function: Callable[[], Awaitable[Any]]) -> Any:
        """Run a cell and wait for it; returns what it gives.

        Raises:
            ShellEnded: its process has ended under it.
            BaseException: whatever the cell raises.
        """
        cell = self.cell = Cell(function)
        try:
            if self.closed or not self.node.running:
                raise ShellEnded("the application has ended")
            self.node.post(self._submit, cell)
            return cell.done.result()
        finally:
            self.cell = None

    # In a signal handler

    def interrupt(self) -> bool:
        """Ctrl-C: interrupt the cell that runs. False if none does."""
        cell = self.cell
        if cell is None:
            return False
        current = self.node.scheduler.current
        if current is not None and current.pid is self.pid:  # it computes, and the loop stands still meanwhile
            raise KeyboardInterrupt
        self.node.loop.call_soon_threadsafe(cell.cancel)
        return True
