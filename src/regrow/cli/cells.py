"""The process in which a shell's cells run, and the prompt's thread, which waits for them.

A cell is one entry at the prompt, or a part of one. It runs as a step of a process on the application's event loop, so
that links, monitors, `receive` and `current()` work as in a server. An exception in a cell is shown at the prompt, and
the process keeps running; an exit signal ends the process, and a new one replaces it.

Ctrl-C interrupts the user's entry, from the end of the line to the next prompt:

    when it comes                                  effect
    -------------                                  ------
    the line is compiled, or between two cells     the next cell does not begin
    the cell waits for its turn                    the cell does not begin
    the cell computes                              KeyboardInterrupt in the cell
    the cell awaits                                CancelledError at its await, shown as KeyboardInterrupt
    the cell has just ended                        the next cell of the same entry does not begin
    no cell of the entry is left                   the prompt shows KeyboardInterrupt
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
from regrow.kernel.process_record import Pid

Tell = Callable[[str], None]


class ShellEnded(Exception):
    """The shell's process ended while it ran a cell, or the application has ended."""


class Cell:
    """One cell: its function, and a future of its result for the prompt's thread."""

    def __init__(self, function: Callable[[], Awaitable[Any]]) -> None:
        self.function = function
        self.done: concurrent.futures.Future[Any] = concurrent.futures.Future()
        self.task: asyncio.Task[Any] | None = None
        self.interrupted = False
        self.cancelled: int = 0  # how often its task was cancelled

    async def run(self, pid: Pid) -> None:
        """Run the cell in the shell's process `pid`, and set its result."""
        task = self.task = asyncio.current_task()
        if self.interrupted:
            self.fail(KeyboardInterrupt())
            return
        try:
            value = await self.do()
        except (KilledWhileRunning, GeneratorExit):
            raise
        except BaseException as error:
            if pid.process is None:  # an exit signal ended the process; this exception only unwinds the coroutine
                raise
            self._uncancel(task)
            self.fail(self._as_shown(error))
        else:
            self._uncancel(task)
            if not self.done.done():
                self.done.set_result(value)

    async def do(self) -> Any:
        """Call the function. Frames from this one on belong to the cell: `Cells.is_in` looks for this code object."""
        return await self.function()

    def _as_shown(self, error: BaseException) -> BaseException:
        if self.interrupted and isinstance(error, asyncio.CancelledError):
            return KeyboardInterrupt().with_traceback(error.__traceback__)
        return error

    def _uncancel(self, task: asyncio.Task[Any] | None) -> None:
        """Undo cancellations that came as the cell ended: the next cell runs in the same task, and is not cancelled."""
        while self.cancelled and task is not None and task.cancelling():
            self.cancelled -= 1
            task.uncancel()

    def fail(self, error: BaseException) -> None:
        """Set an exception as the result, unless there is a result."""
        if not self.done.done():
            self.done.set_exception(error)

    def cancel(self) -> None:
        """Cancel the cell at its await. A cell that has not begun checks `interrupted` in `run` instead."""
        if self.task is not None and not self.done.done():
            self.cancelled += 1
            self.task.cancel()


FRAME_OF_A_CELL: CodeType = Cell.do.__code__


class Cells:
    """Runs the cells of one shell, one after another.

    Args:
        node: the node of the application.
        tell: prints a line for the user, when the shell's process has ended.
    """

    def __init__(self, node: Node, tell: Tell) -> None:
        self.node = node
        self.tell = tell
        self.cell: Cell | None = None
        self.reading: bool = False  # the prompt waits for a line
        self.line_has_ended: Callable[[], bool] = bool
        self.pressed: bool = False  # Ctrl-C came, and no cell has been interrupted for it yet
        # For the prompt's thread and the signal handler. Reentrant: a second signal may interrupt the handler.
        self.lock: threading.RLock = threading.RLock()
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
        line = f"** the shell's process {pid} has ended: {safe_repr(reason)}. {self.pid} has taken its place"
        if self.cell is None or self.cell.done.done():
            self.tell(line)
        else:
            self.cell.fail(ShellEnded(line))

    def _submit(self, cell: Cell) -> None:
        if self.closed or self.pid is None:
            cell.fail(ShellEnded("the application has ended"))
        else:
            process.send(self.pid, cell)

    def close(self) -> None:
        """End the shell's process; a thread that waits for a cell gets ShellEnded."""
        self.closed = True
        if self.pid is not None:
            process.exit(self.pid, "shutdown")
        if self.cell is not None:
            self.cell.fail(ShellEnded("the application has ended"))

    # In the prompt's thread

    def reads(self, has_ended: Callable[[], bool]) -> bool:
        """Note that the prompt reads a line; return whether Ctrl-C came after the last line without interrupting a cell.

        Args:
            has_ended: called at Ctrl-C, in the signal handler: whether the line is complete, before `has_read` is called.
        """
        with self.lock:
            self.reading, self.line_has_ended = True, has_ended
            pressed, self.pressed = self.pressed, False
        return pressed

    def has_read(self, *, pressed: bool = False) -> None:
        """Note that the prompt has read a line.

        Args:
            pressed: whether Ctrl-C was typed after the line while the terminal still read it as a key, not a signal.
        """
        with self.lock:
            self.reading = False
            self.pressed |= pressed

    def run(self, function: Callable[[], Awaitable[Any]]) -> Any:
        """Run a cell in the shell's process, wait for it, and return its value.

        Raises:
            ShellEnded: the process ended while it ran the cell.
            KeyboardInterrupt: Ctrl-C came before the cell began, or while it ran.
            BaseException: the exception of the cell.
        """
        cell = Cell(function)
        if self.closed or not self.node.running:
            raise ShellEnded("the application has ended")
        with self.lock:
            pressed, self.pressed = self.pressed, False
            self.cell = None if pressed else cell
        if pressed:
            raise KeyboardInterrupt
        raised = False
        try:
            self.node.post(self._submit, cell)
            return cell.done.result()
        except KeyboardInterrupt:
            raised = True
            raise
        finally:
            with self.lock:
                self.cell = None
                self.pressed = cell.interrupted and not raised

    # In a signal handler

    def interrupt(self, frame: FrameType | None) -> bool:
        """Interrupt the user's entry after Ctrl-C; return False if there is none, because the prompt reads a line.

        Args:
            frame: the frame that the main thread runs.
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
        if computes:  # the loop is blocked by the cell; a callback to cancel it would never run
            raise KeyboardInterrupt
        self.node.loop.call_soon_threadsafe(cell.cancel)
        return True

    def is_in(self, frame: FrameType | None) -> bool:
        """Whether the main thread runs code of the cell, and not of a server that the cell called, or of this module."""
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
