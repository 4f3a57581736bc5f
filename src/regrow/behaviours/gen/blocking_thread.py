"""A thread for the blocking work of one process: it runs one function after another, and ends with the process.

    event loop                                 thread
    ----------                                 ------
    value = await thread.run(function)  --->   function()
    thread.submit(function, done=done)  --->   function()
    done(value, error)                  <---
                                               idle(): between functions, for example to look at a file
    the process ends                    --->   last(), and the thread ends

A virtual clock stands still while a function runs or waits for its turn, and until the thread has ended: these take real
time. It does not stand still for `idle`.
"""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Callable
from contextvars import Context, copy_context
from queue import Empty, SimpleQueue
from typing import Any, Final

from regrow.kernel.bounded_repr import safe_repr
from regrow.kernel.outside_work import HELD_THREADS
from regrow.kernel.process_record import Host, Pid, Process, extras
from regrow.kernel.running import running

LOG: Final = logging.getLogger("regrow")
Done = Callable[[Any, BaseException | None], None]


class ThreadEnded(RuntimeError):
    """The thread of a process has ended, or ends, and the function does not run in it."""


class Work:
    """One function to run, and what becomes of its result."""

    __slots__ = ("args", "context", "done", "function")

    def __init__(self, function: Callable[..., Any], args: tuple[Any, ...], context: Context, done: Done) -> None:
        self.function: Callable[..., Any] = function
        self.args: tuple[Any, ...] = args
        self.context: Context = context
        self.done: Done = done


class BlockingThread:
    """The thread of the running process. All methods but `join` and `work` are for the node's own thread.

    Args:
        name: the thread's name.
        idle: called in the thread when no function is left to run. It returns the real seconds until it wants to be
            called again, or None to let the thread sleep until the next function or `wake`. An exception counts as
            None, and is logged.
        last: called in the thread before it ends, to release what the functions have opened.

    Raises:
        RuntimeError: the code runs in a plain asyncio task.
    """

    def __init__(
        self, name: str, *, idle: Callable[[], float | None] | None = None, last: Callable[[], object] | None = None
    ) -> None:
        process: Process = running()
        self.node: Host = process.node
        self.idle = idle
        self.last = last
        self.released: bool = False
        self.over: bool = False  # the thread has called `last`
        self.queue: SimpleQueue[Work | None] = SimpleQueue()  # None wakes the thread
        self.waiters: list[asyncio.Future[None]] = []
        self.thread: threading.Thread = threading.Thread(target=self.work, name=name, daemon=True)
        self.thread.start()
        HELD_THREADS.add(self.thread.ident or 0)
        extras(process).tables[self] = None  # the end of the process calls `release`

    def __repr__(self) -> str:
        return f"BlockingThread({self.thread.name!r}{', released' if self.released else ''})"

    # In the node's thread

    async def run(self, function: Callable[..., Any], *args: Any) -> Any:
        """Run a function in the thread, in a copy of the caller's context; return its result or raise its exception.

        If the caller is cancelled, the function runs all the same, and its result is dropped.

        Raises:
            ThreadEnded: the thread was released before it began the function.
        """
        future: asyncio.Future[tuple[Any, BaseException | None]] = self.node.loop.create_future()

        def done(value: Any, error: BaseException | None) -> None:
            if not future.done():
                future.set_result((value, error))

        self.submit(function, *args, done=done)
        value, error = await future
        if error is not None:
            raise error
        return value

    def submit(self, function: Callable[..., Any], *args: Any, done: Done) -> None:
        """Run a function in the thread, after those that were submitted before, in a copy of the caller's context.

        Args:
            function: what to run.
            args: its arguments.
            done: called in the event loop with (result, None), or with (None, exception): the function's own, or
                ThreadEnded if the thread was released before it began the function.

        Raises:
            ThreadEnded: the thread was released.
        """
        if self.released:
            raise ThreadEnded(f"{self!r} cannot run {safe_repr(function)}: its process has ended")
        self.node.scheduler.jumps.hold()
        self.queue.put(Work(function, args, copy_context(), done))

    def wake(self) -> None:
        """Let the thread call `idle` soon, although no function was submitted."""
        self.queue.put(None)

    def release(self, _: Pid | None = None) -> None:
        """End the thread after the function that it runs now; those that wait for their turn fail with ThreadEnded.

        The end of the process calls this. Twice is once.
        """
        if not self.released:
            self.node.scheduler.jumps.hold()
            self.released = True
            self.queue.put(None)

    async def joined(self) -> None:
        """Wait until the thread, which was released, has called `last`. In the node's own event loop only."""
        if not self.over:
            waiter: asyncio.Future[None] = self.node.loop.create_future()
            self.waiters.append(waiter)
            await waiter

    # In any other thread

    def join(self, timeout: float | None = None) -> bool:
        """Block the calling thread until this thread has ended, `timeout` real seconds at most; return whether it has.

        It is for the thread of another process, which takes over what this thread had opened.
        """
        self.thread.join(timeout)
        return not self.thread.is_alive()

    # In the thread

    def work(self) -> None:
        """Run the functions that are submitted; this is the body of the thread."""
        try:
            while not self.released:
                work = self._next()
                if work is not None:
                    self._do(work)
                del work  # its objects are not kept alive until the next one comes
            self._end()
        finally:
            HELD_THREADS.discard(threading.get_ident())

    def _next(self) -> Work | None:
        """Return the next function to run; None if the thread was woken or released."""
        idle = self.idle
        if idle is None:
            return self.queue.get()
        try:
            return self.queue.get_nowait()
        except Empty:
            pass
        try:
            wait = idle()
            wait = None if wait is None else min(max(0.0, wait), threading.TIMEOUT_MAX)
        except BaseException as error:
            LOG.error("%r: %s, called while there was no work, has failed", self, safe_repr(idle), exc_info=error)
            wait = None
        try:
            return self.queue.get(timeout=wait)
        except Empty:
            return None

    def _do(self, work: Work) -> None:
        if self.released:
            self._refuse(work)
            return
        value: Any = None
        raised: BaseException | None = None
        try:
            value = work.context.run(work.function, *work.args)
        except BaseException as error:
            raised = error
        self.node.post(self._finished, work.done, value, raised)

    def _refuse(self, work: Work) -> None:
        error = ThreadEnded(f"{self!r} has not run {safe_repr(work.function)}: its process has ended")
        self.node.post(self._finished, work.done, None, error)

    def _end(self) -> None:
        while True:
            try:
                work = self.queue.get_nowait()
            except Empty:
                break
            if work is not None:
                self._refuse(work)
        if self.last is not None:
            try:
                self.last()
            except BaseException as error:
                LOG.error("%r: %s, called at its end, has failed", self, safe_repr(self.last), exc_info=error)
        self.node.post(self._ended)

    # What the thread posts, in the node's thread

    def _finished(self, done: Done, value: Any, error: BaseException | None) -> None:
        self.node.scheduler.jumps.let_go()
        done(value, error)

    def _ended(self) -> None:
        self.node.scheduler.jumps.let_go()
        self.over = True
        for waiter in self.waiters:
            if not waiter.done():
                waiter.set_result(None)
        self.waiters.clear()
