"""The use of a store object by one writer after another: it is closed before it is opened again."""

from __future__ import annotations

from typing import Final

from regrow.behaviours.gen.blocking_thread import BlockingThread
from regrow.kernel.process_record import Pid
from regrow.servers.queue.errors import StoreBusy, StoreError
from regrow.servers.queue.store import Clocks, Store

CLOSE: Final = 30.0  # real seconds that a thread has to close its store


class StoreInUse(StoreError):
    """Another broker of this program has the store open."""


def comes_back(error: BaseException) -> bool:
    """Whether a store that could not be opened may open later by itself: its server is away, or another holds its lock.

    A file that is damaged, foreign or newer stays so: the writer ends, and its supervisor decides.
    """
    return type(error) is StoreError or type(error) is StoreBusy


class StoreUse:
    """The use of a store object by one writer after another, so that each waits until the last has closed it.

    Attributes:
        writer: the writer that has it open.
        thread: the thread of the last writer.
    """

    def __init__(self) -> None:
        self.writer: Pid | None = None
        self.thread: BlockingThread | None = None

    def open(self, store: Store, clocks: Clocks, writer: Pid, thread: BlockingThread | None) -> None:
        """Open the store for a writer, after the thread of an earlier one has closed it. In its thread, if it has one.

        Raises:
            StoreError: another broker has the store open, or the store is refused.
        """
        before = self.thread
        if before is not None and before.released and not before.join(CLOSE):
            raise StoreError(f"the thread of an earlier broker has not closed {store!r} for {CLOSE:g} s")
        if self.writer is not None:
            raise StoreInUse(f"{store!r} is open in another broker of this program. Give each broker its own store")
        self.writer, self.thread = writer, thread
        try:
            store.open(clocks)
        except BaseException:
            self.writer = None
            raise

    def close(self, store: Store, writer: Pid) -> None:
        """Close the store, if this writer has opened it."""
        if self.writer == writer:
            self.writer = None
            store.close()


def use_of(store: Store) -> StoreUse:
    """Return the use of a store object, which the object keeps."""
    found: StoreUse = vars(store).setdefault("regrow_use", StoreUse())
    return found


class Closing:
    """The end of a store without a thread; the kernel calls `release` when the writer ends."""

    def __init__(self, store: Store) -> None:
        self.store = store

    def release(self, writer: Pid) -> None:
        """Close the store of this writer."""
        use_of(self.store).close(self.store, writer)
