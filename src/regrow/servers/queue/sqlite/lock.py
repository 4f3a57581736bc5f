"""The write lock of a store that several processes share.

    first    flock on `<file>-lock`: the kernel wakes the next process when the lock is free
    then     BEGIN IMMEDIATE, against connections that are not a store: retries after 0.2 to 2 ms

SQLite's busy handler sleeps up to 100 ms between two attempts; beside a busy process it starves.
A wait longer than `busy` seconds is a `StoreBusy`.
"""

from __future__ import annotations

import contextlib
import importlib
import os
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any, Final

from regrow.servers.queue.errors import StoreBusy, StoreReadOnly
from regrow.servers.queue.sqlite.connection import must_wait

fcntl: Any = None  # Windows has no flock, and its stores use retries alone
with contextlib.suppress(ImportError):
    fcntl = importlib.import_module("fcntl")

SHORTEST: Final = 0.0002  # seconds between two attempts, at first
LONGEST: Final = 0.002


class WriteLock:
    """The lock between stores on one file. It is held by one thread of one process.

    `flock` cannot wait for a limited time. So a thread waits in it, only when the lock is not free at once; a wait
    that has been given up is taken over by the next `acquire`.
    """

    def __init__(self, path: str) -> None:
        self.path: Final = f"{path}-lock"
        self.descriptor: int = -1
        self.waiter: _Waiter | None = None

    def open(self) -> None:
        """Open the lock's file, which is created if necessary.

        Raises:
            StoreReadOnly: it cannot be created.
        """
        if fcntl is None or self.descriptor >= 0:
            return
        try:
            self.descriptor = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
        except OSError as error:
            raise StoreReadOnly(f"{self.path}: cannot be created: {error}") from error

    def acquire(self, busy: float) -> bool:
        """Take the lock; return False if it is not free within `busy` seconds."""
        if self.descriptor < 0:
            return True
        if self.waiter is None or not self.waiter.resume():
            with contextlib.suppress(BlockingIOError):
                fcntl.flock(self.descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                self.waiter = None
                return True
            self.waiter = _Waiter(self.descriptor)
        if self.waiter.wait(busy):
            self.waiter = None
            return True
        return False

    def release(self) -> None:
        """Give the lock back."""
        if self.descriptor >= 0:
            fcntl.flock(self.descriptor, fcntl.LOCK_UN)

    def close(self) -> None:
        """Close the lock's file, which gives the lock back. The file stays: another process may wait for it."""
        descriptor, self.descriptor = self.descriptor, -1
        if descriptor < 0:
            return
        if self.waiter is None or not self.waiter.leave():
            os.close(descriptor)
        self.waiter = None


class _Waiter:
    """A thread that waits in `flock`, and gives the lock back at once if the store waits no longer."""

    def __init__(self, descriptor: int) -> None:
        self.descriptor: Final = descriptor
        self.mutex: Final = threading.Lock()
        self.has_lock: Final = threading.Event()
        self.wanted: bool = True
        self.ended: bool = False
        self.closes: bool = False
        threading.Thread(target=self.run, name="regrow-queue-lock", daemon=True).start()

    def run(self) -> None:
        """Wait for the lock."""
        fcntl.flock(self.descriptor, fcntl.LOCK_EX)
        with self.mutex:
            self.ended = True
            if self.wanted:
                self.has_lock.set()
            elif self.closes:
                os.close(self.descriptor)
            else:
                fcntl.flock(self.descriptor, fcntl.LOCK_UN)

    def wait(self, seconds: float) -> bool:
        """Return whether the thread has the lock, within so many seconds; after that it gives the lock back."""
        in_time = False
        try:
            in_time = self.has_lock.wait(seconds)
        finally:  # also after an interrupt from the keyboard
            with self.mutex:
                in_time = in_time or self.ended
                self.wanted = in_time
        return in_time

    def resume(self) -> bool:
        """Want the lock again; return whether the thread still waits for it."""
        with self.mutex:
            self.wanted = not self.ended
            return self.wanted

    def leave(self) -> bool:
        """Return whether the thread still waits, and closes the file when it wakes."""
        with self.mutex:
            self.closes, self.wanted = True, False
            return not self.ended


def pauses(most: float) -> Iterator[float]:
    """Return pauses between attempts, longer and longer, until their sum is `most` seconds; then the last, 0."""
    pause, left = SHORTEST, most
    while left > 0:
        yield min(pause, left)
        left -= pause
        pause = min(LONGEST, pause * 1.5)


def retried(attempt: Callable[[], Any], busy: float, path: str) -> Any:
    """Call `attempt` until no other connection's lock is in its way, for `busy` seconds at most.

    Raises:
        StoreBusy: the lock was held all the time.
    """
    for pause in pauses(busy):
        try:
            return attempt()
        except Exception as error:
            if not must_wait(error):
                raise
        time.sleep(pause)
    try:
        return attempt()
    except Exception as error:
        if must_wait(error):
            raise StoreBusy(by_transaction(path, busy)) from error
        raise


def by_transaction(path: str, busy: float) -> str:
    """Return the message for a write lock that a connection outside the store holds."""
    return (
        f"{path}: another connection has kept its write transaction open for more than {busy:g} s. If it is of this "
        "program, the transaction cannot end while the program awaits the queue: commit first, or put the job inside "
        "the transaction with put_in. Else see which program has the file open, or give SQLite(busy=) more seconds"
    )


def by_store(path: str, busy: float) -> str:
    """Return the message for a write lock that the store of another process holds."""
    return (
        f"{path}: the store of another process has kept the write lock for more than {busy:g} s. "
        "See whether that process is stopped, or give SQLite(busy=) more seconds"
    )
