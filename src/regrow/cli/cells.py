"""The process in which a shell's cells run, and the thread of the prompt that waits for them.

A cell is one entry at the prompt, or a part of one. It runs as a step of a process on the application's own loop, so
that links, monitors, `receive` and `current()` mean what they mean in a server. What a cell raises is shown at the prompt
and the process lives on; an exit signal ends it, and a new one takes its place.

Ctrl-C is for what the user has entered, from the end of the line to the next prompt:

    when it comes                                  what it does
    -------------                                  ------------
    the line is compiled, or between two cells     the next cell does not begin
    the cell waits for its turn                    it does not begin
    it computes                                    KeyboardInterrupt, where it is
    it waits                                       CancelledError at its await, shown as KeyboardInterrupt
    it has ended meanwhile                         the next cell of the same entry does not begin
    nothing of the entry is left                   the prompt says so
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import threading
from collections.abc import Awaitable, Callable
from types import CodeType, FrameType
from typing import Any

from regrow import process
from regrow.kernel.bounded_repr import safe_repr
from regrow.kernel.exits import KilledWhileRunning
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
        self.cancelled: int = 0  # so often its task was

    async def run(self, pid: Pid) -> None:
        """Do it, in the shell's process."""
        task = self.task = asyncio.current_task()
        if self.interrupted:
            self.fail(KeyboardInterrupt())
            return
        try:
            value = await self.do()
        except (KilledWhileRunning, GeneratorExit):
            raise
        except BaseException as error:
            if pid.process is None:  # ended by a signal: this is but the unwinding
                raise
            self._hear_no_more(task)
            self.fail(self._as_shown(error))
        else:
            self._hear_no_more(task)
            if not self.done.done():
                self.done.set_result(value)

    async def do(self) -> Any:
        """The cell's own frame: what is raised in it or above it is the cell's."""
        return await self.function()

    def _as_shown(self, error: BaseException) -> BaseException:
        if self.interrupted and isinstance(error, asyncio.CancelledError):
            return KeyboardInterrupt().with_traceback(error.__traceback__)
        return error

    def _hear_no_more(self, task: asyncio.Task[Any] | None) -> None:
        """It has ended: an interrupt that came in its last moment must not meet the next one."""
        while self.cancelled and task is not None and task.cancelling():
            self.cancelled -= 1
            task.uncancel()

    def fail(self, error: BaseException) -> None:
        """It raised, or will never be done."""
        if not self.done.done():
            self.done.set_exception(error)

    def cancel(self) -> None:
        """Ctrl-C, while the cell waits for something. One that has not begun will see for itself that it was interrupted."""
        if self.task is not None and not self.done.done():
            self.cancelled += 1
            self.task.cancel()


FRAME_OF_A_CELL: CodeType = Cell.do.__code__


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
        self.reading: bool = False  # the prompt waits for a line
        self.line_has_ended: Callable[[], bool] = bool
        self.pressed: bool = False  # Ctrl-C came, and no cell has heard it yet
        self.lock: threading.RLock = (
            threading.RLock()
        )  # between the prompt's thread and the signal handler, which may be interrupted
        self.closed: bool = False
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

    def reads(self, has_ended: Callable[[], bool]) -> bool:
        """The prompt asks for a line; true if Ctrl-C came behind the last one, and has interrupted nothing.

        Args:
            has_ended: asked at Ctrl-C, in the signal handler: whether the line is whole, though `has_read` is not called.
        """
        with self.lock:
            self.reading, self.line_has_ended = True, has_ended
            pressed, self.pressed = self.pressed, False
        return pressed

    def has_read(self, *, pressed: bool = False) -> None:
        """The line is there; `pressed` if Ctrl-C was typed behind it before the terminal knew that as a signal."""
        with self.lock:
            self.reading = False
            self.pressed |= pressed

    def run(self, function: Callable[[], Awaitable[Any]]) -> Any:
        """Run a cell and wait for it; returns what it gives.

        Raises:
            ShellEnded: its process has ended under it.
            KeyboardInterrupt: Ctrl-C, before it has begun or while it ran.
            BaseException: whatever the cell raises.
        """
        cell = Cell(function)
        if self.closed or not self.node.running:
            raise ShellEnded("the application has ended")
        with self.lock:
            pressed, self.pressed = self.pressed, False
            self.cell = None if pressed else cell
        if pressed:
            raise KeyboardInterrupt
        heard = False
        try:
            self.node.post(self._submit, cell)
            return cell.done.result()
        except KeyboardInterrupt:
            heard = True
            raise
        finally:
            with self.lock:
                self.cell = None
                self.pressed = cell.interrupted and not heard

    # In a signal handler

    def interrupt(self, frame: FrameType | None) -> bool:
        """Ctrl-C: interrupt what the user has entered. False if that is nothing: the prompt reads.

        Args:
            frame: where the main thread is.
        """
        with self.lock:
            cell = self.cell
            if cell is None:
                if self.reading and not self.line_has_ended():
                    return False
                self.pressed = True
                return True
            computes = self.is_in(frame)
            if not computes:
                cell.interrupted = True
        if computes:  # the loop stands still meanwhile
            raise KeyboardInterrupt
        self.node.loop.call_soon_threadsafe(cell.cancel)
        return True

    def is_in(self, frame: FrameType | None) -> bool:
        """Whether the main thread runs code of the cell, and not a server's that the cell has called or our own below it."""
        current = self.node.scheduler.current
        if current is None or current.pid is not self.pid:
            return False
        first = True
        while frame is not None:
            if frame.f_code is FRAME_OF_A_CELL:
                return not first
            first = False
            frame = frame.f_back
        return False
