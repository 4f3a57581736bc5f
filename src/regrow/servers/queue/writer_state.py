"""The state of a writer, and the messages that it sends itself."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from regrow.behaviours.gen.blocking_thread import BlockingThread
from regrow.kernel.process_record import Process
from regrow.servers.queue.parked import Entry, Parked
from regrow.servers.queue.store import Done, Store, Times

if TYPE_CHECKING:
    from regrow.kernel.alarms import Timer
    from regrow.kernel.clock import Clock

FIRST_PAUSE: Final = 0.1  # seconds before the store is opened again; doubled up to the longest


class Committed:
    """The message with which the thread returns a batch."""

    __slots__ = ("batch", "error", "result", "took")

    def __init__(self, batch: list[Entry], result: Done | None, error: BaseException | None, took: float) -> None:
        self.batch: list[Entry] = batch
        self.result: Done | None = result
        self.error: BaseException | None = error
        self.took: float = took  # seconds

    def __repr__(self) -> str:
        return f"Committed({len(self.batch)} requests, {self.error!r})"


class Expired:
    """The message that the deadline of a parked entry has come."""

    __slots__ = ("entry",)

    def __init__(self, entry: Entry) -> None:
        self.entry: Entry = entry


class Opened:
    """The message that the store was opened again, or could not be."""

    __slots__ = ("error",)

    def __init__(self, error: BaseException | None) -> None:
        self.error: BaseException | None = error


class Due(NamedTuple):
    """The next look at the store."""

    at: float  # monotonic seconds
    timer: Timer


class State:
    """The state of a writer."""

    def __init__(self, store: Store, process: Process, broker: object, keep_dead: float | None) -> None:
        self.store = store
        self.keep_dead = keep_dead  # seconds
        self.process = process
        self.clock: Clock = process.node.clock
        self.broker = broker
        self.thread: BlockingThread | None = None
        self.closed: BaseException | None = None  # why the store could not be opened again
        self.pause: float = FIRST_PAUSE
        self.waiting: list[Entry] = []  # the next batch
        self.parked: Parked = Parked()
        self.in_flight = False
        self.flush_asked = False
        self.due: Due | None = None
        self.sized_at: float = 0.0  # the monotonic time of the last event `size`
        self.look_at: float = 0.0  # the monotonic time of the next look without a change
        self.polls: bool = store.poll is not None and not process.node.clock.virtual

    def __repr__(self) -> str:
        return f"State({self.store!r}, {len(self.waiting)} requests wait for a commit)"

    def clocks(self) -> Times:
        """Return both times; the thread calls this, too."""
        return self.clock.times()
