"""SIGINT and SIGTERM while a program runs: the first one stops it in order, the second one at once.

    signal   C handler, in any thread       Python handler, in the main thread    watcher, a thread
    ------   ------------------------       ----------------------------------    -----------------
    first    notes the number       ----->  asks for a stop, starts the watcher
    second   notes the number       ----->  exits
             writes the number      ---------------------------------------->     exits

Python runs a handler when the main thread evaluates its next bytecode. If that thread sleeps or waits in C, and the
signal came before the system call or to another thread, this is never; so a second thread sees the second signal, too.
"""

from __future__ import annotations

import _thread
import asyncio
import os
import signal
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from types import FrameType
from typing import Any, Final

SIGNAL_EXIT: Final = 128  # plus the number of the signal is the exit code, as shells have it
STOPS: Final = (signal.SIGINT, signal.SIGTERM)
HAS_WATCHER: Final = sys.platform != "win32"  # a pipe cannot take the numbers there, and Ctrl-C ends a sleep
LAST_WORD: Final = 1.0  # seconds for the thread that exits to write to standard error
EXITS: Final = _thread.allocate_lock()  # held by the thread that exits, until the end


class StopSignals:
    """Handlers of SIGINT and SIGTERM while a program runs: the first signal stops it in order, the second immediately.

    The handlers are set with `signal.signal` and not with the event loop's method, so that they run even while a callback
    blocks the loop. They stay until the node has ended: a signal in that time must not interrupt the end.

    Args:
        first: called at the first signal with its number and the interrupted frame, in the signal handler. If it returns
            false, the signal is ignored.
    """

    def __init__(self, *, first: Callable[[int, FrameType | None], bool] | None = None) -> None:
        self.loop: asyncio.AbstractEventLoop = asyncio.get_running_loop()
        self.asked: asyncio.Future[int] = self.loop.create_future()
        self.first = first
        self.came: bool = False
        self.watcher: Watcher | None = None
        self.before: dict[int, Any] = {}
        if threading.current_thread() is threading.main_thread():
            for number in STOPS:
                self.before[number] = signal.signal(number, self.received)

    def received(self, number: int, frame: FrameType | None = None) -> None:
        """Ask for a stop at the first signal, and exit immediately at the second one."""
        if not self.came:
            if self.first is not None and not self.first(number, frame):
                return
            self.came = True
            self.watch()
            self.loop.call_soon_threadsafe(self.ask, number)
        elif returns_to_a_prompt(number):
            raise KeyboardInterrupt
        else:
            exit_immediately(number)

    def watch(self) -> None:
        """Let a thread exit at the next signal, even if the main thread never handles it."""
        if HAS_WATCHER and self.before and not returns_to_a_prompt(signal.SIGINT):
            with suppress(OSError, RuntimeError):  # no descriptor or no thread is left: the handler exits, if it runs
                self.watcher = Watcher(self.received)

    def ask(self, number: int = 0) -> None:
        """Ask for a stop in order; `asked` then has the number of the signal, or 0."""
        if not self.asked.done():
            self.asked.set_result(number)

    def close(self) -> None:
        """Restore the former signal handlers, and end the watcher."""
        try:
            for number, handler in self.before.items():
                signal.signal(number, handler)
            self.before.clear()
        finally:
            if self.watcher is not None:
                self.watcher.close()


class Watcher:
    """A thread that exits at SIGINT or SIGTERM, as soon as Python's C handler has noted the signal in any thread.

    The C handler writes the number of each signal into a pipe (`signal.set_wakeup_fd`). An event loop may have its
    descriptor there; it gets each number that the thread does not exit at. A loop that sets its descriptor later takes
    the numbers from the thread: then the second signal has its Python handler alone.

    Args:
        handler: the Python handler of the signals at which the thread exits. It leaves those with another handler alone.

    Raises:
        OSError: no descriptor is left.
        RuntimeError: no thread can be started.
    """

    def __init__(self, handler: Callable[..., None]) -> None:
        self.handler = handler
        self.former: int = -1
        self.reading: int
        self.writing: int
        self.reading, self.writing = os.pipe()
        try:
            os.set_blocking(self.writing, False)
            # Before the thread runs: a number that comes meanwhile waits in the pipe, and the thread can pass it on.
            self.former = signal.set_wakeup_fd(self.writing, warn_on_full_buffer=False)
            # `threading.Thread.start` takes locks, which the code that the signal has interrupted may hold.
            _thread.start_new_thread(self.run, ())
        except BaseException:
            self.restore()
            os.close(self.reading)
            os.close(self.writing)
            raise
        WATCHERS.append(self)

    def run(self) -> None:
        """Read the numbers of signals until the writing end is closed: the body of the thread."""
        signal.pthread_sigmask(signal.SIG_UNBLOCK, STOPS)  # the main thread, from which it has its mask, may block them
        while numbers := os.read(self.reading, 512):
            for number in numbers:
                if number in STOPS and signal.getsignal(number) == self.handler and not returns_to_a_prompt(number):
                    exit_immediately(number)
                if self.former != -1:
                    with suppress(OSError):  # it is full, or closed
                        os.write(self.former, bytes([number]))
        os.close(self.reading)

    def close(self) -> None:
        """Restore the former descriptor, and end the thread. The main thread calls it."""
        if self in WATCHERS:  # else this is a forked child
            WATCHERS.remove(self)
            self.restore()
            os.close(self.writing)

    def restore(self) -> None:
        """Restore the former descriptor, unless another one has replaced that of the pipe."""
        for descriptor in (self.former, -1):
            with suppress(OSError, ValueError):  # it was closed meanwhile
                replaced = signal.set_wakeup_fd(descriptor, warn_on_full_buffer=False)
                if replaced != self.writing:
                    signal.set_wakeup_fd(replaced, warn_on_full_buffer=False)
                return

    def leave_to_the_parent(self) -> None:
        """Close the pipe in a forked child, which has no thread: its signals would end the parent."""
        self.restore()
        os.close(self.writing)
        os.close(self.reading)


WATCHERS: Final[list[Watcher]] = []  # those of this process: one, or none


def forked() -> None:
    """Leave the watchers to the parent."""
    while WATCHERS:
        WATCHERS.pop().leave_to_the_parent()


if HAS_WATCHER:
    os.register_at_fork(after_in_child=forked)


def returns_to_a_prompt(number: int) -> bool:
    """Whether the second signal is a Ctrl-C in Python's interactive mode, which returns to the prompt."""
    return number == signal.SIGINT and hasattr(sys, "ps1")


def say_at_any_time(text: str) -> None:
    """Write to standard error from a signal handler, past `sys.stderr`: the handler may have interrupted its `write`."""
    with suppress(OSError):
        os.write(2, text.encode())


def exit_immediately(number: int) -> None:
    """Exit without running any further callback, even if one blocks the event loop."""
    if EXITS.acquire(blocking=False):
        say_at_any_time("\nStopped immediately.\n")
    else:
        EXITS.acquire(timeout=LAST_WORD)  # another thread exits. If it cannot write, this one exits
    os._exit(SIGNAL_EXIT + number)
