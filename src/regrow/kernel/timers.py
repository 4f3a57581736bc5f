"""Timers and deadlines: many of them, on one `call_later` of the event loop.

Nearly all deadlines of a program have one of a few durations (a call waits 5.0 s), and those of one duration fall due
in the order in which they were made: they wait in an insertion-ordered dict, a lane, where setting and cancelling
cost a dict entry. What has a rare duration or an absolute time waits in a heap, from which the cancelled are purged
when they are more than half.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final, Protocol

if TYPE_CHECKING:
    from asyncio import AbstractEventLoop

    from regrow.kernel.clock import Clock
    from regrow.kernel.pid import Process

LANES: Final = 8


class Deadline:
    """Something that happens at a time unless it is cancelled before. `due` is 0.0 when it is not set."""

    __slots__ = ("due", "lane")

    def __init__(self) -> None:
        self.due = 0.0
        self.lane: dict[Deadline, None] | None = None

    def fire(self) -> None:
        """What is to happen."""
        raise NotImplementedError


class Timer(Deadline):
    """A message that will be sent; what `send_after` returns.

    Attributes:
        address: whom to; a name is looked up when the timer fires.
        message: what.
    """

    __slots__ = ("action", "address", "message", "owner", "timers")

    def __init__(self, timers: Timers, address: object, message: Any, action: Callable[[Timer], None]) -> None:
        super().__init__()
        self.timers = timers
        self.address = address
        self.message = message
        self.action = action
        self.owner: Process | None = None  # the destination, whose death ends the timer

    def __repr__(self) -> str:
        return f"Timer({self.address!r}, {self.message!r})"

    def fire(self) -> None:
        """Send the message."""
        self.action(self)


class Interval(Timer):
    """A timer that starts again when it fires, at its next time: it does not drift."""

    __slots__ = ("at", "interval")

    def __init__(
        self, timers: Timers, address: object, message: Any, action: Callable[[Timer], None], interval: float
    ) -> None:
        super().__init__(timers, address, message, action)
        self.interval = interval
        self.at = timers.clock.now() + interval

    def fire(self) -> None:
        """Do it, and wait for the next time."""
        self.at += self.interval
        self.timers.start_at(self, self.at)
        self.action(self)


class TimersWatcher(Protocol):
    """Who moves a virtual clock."""

    def want(self) -> None:
        """There is a deadline to which a virtual clock may jump."""


class Timers:
    """All deadlines of one node."""

    def __init__(self, loop: AbstractEventLoop, clock: Clock, watcher: TimersWatcher) -> None:
        self.loop = loop
        self.clock = clock
        self.watcher = watcher
        self.lanes: dict[float, dict[Deadline, None]] = {}
        self.heap: list[tuple[float, int, Deadline]] = []
        self.set = 0
        self.dead = 0  # cancelled, but still in the heap
        self.handle: Any = None
        self.handle_due = 0.0

    def start(self, deadline: Deadline, delay: float) -> None:
        """Let `deadline` fire in `delay` seconds."""
        due = self.clock.now() + delay
        lane = self.lanes.get(delay)
        if lane is None:
            lane = self._new_lane(delay)
            if lane is None:
                self.start_at(deadline, due)
                return
        deadline.due = due
        deadline.lane = lane
        lane[deadline] = None
        if self.handle is None or due < self.handle_due:
            self._arm(due)

    def start_at(self, deadline: Deadline, due: float) -> None:
        """Let `deadline` fire at the time `due` of the node's clock."""
        self.set += 1
        deadline.due = due
        heapq.heappush(self.heap, (due, self.set, deadline))
        if self.handle is None or due < self.handle_due:
            self._arm(due)

    def cancel(self, deadline: Deadline) -> None:
        """Forget `deadline`, wherever it waits."""
        if deadline.due == 0.0:
            return
        deadline.due = 0.0
        if deadline.lane is not None:
            del deadline.lane[deadline]
            deadline.lane = None
            return
        self.dead += 1
        if self.dead > 64 and self.dead * 2 > len(self.heap):
            self.heap = [entry for entry in self.heap if entry[2].due == entry[0]]
            heapq.heapify(self.heap)
            self.dead = 0

    def next_due(self) -> float:
        """When the next deadline falls due; infinity when there is none."""
        heap = self.heap
        while heap and heap[0][2].due != heap[0][0]:
            heapq.heappop(heap)
            self.dead -= 1
        due = heap[0][0] if heap else float("inf")
        for lane in self.lanes.values():
            for deadline in lane:
                due = min(due, deadline.due)
                break
        return due

    def fire_due(self) -> None:
        """Fire all that has fallen due, in the order of their times."""
        self.handle = None
        now = self.clock.now()
        while found := self._fallen_due(now):
            for due, deadline in found:
                if deadline.due == due:  # and not cancelled by one that fired before it
                    self._forget(deadline)
                    try:
                        deadline.fire()
                    except Exception as error:  # a name table of the user's has raised: the other deadlines must fire
                        self.loop.call_exception_handler({"message": f"{deadline!r} failed", "exception": error})
        due = self.next_due()
        if due < float("inf"):
            self._arm(due)

    def close(self) -> None:
        """Forget everything."""
        if self.handle is not None and not self.clock.virtual:
            self.handle.cancel()
        self.handle = None
        self.lanes.clear()
        self.heap.clear()

    def _fallen_due(self, now: float) -> list[tuple[float, Deadline]]:
        """What falls due until `now`, by time. Each lane is looked through once: its head is slow to find again."""
        found: list[tuple[float, Deadline]] = []
        heap = self.heap
        while heap and heap[0][0] <= now:
            due, _, deadline = heapq.heappop(heap)
            if deadline.due == due:
                found.append((due, deadline))
            else:
                self.dead -= 1
        for lane in self.lanes.values():
            for deadline in lane:
                if deadline.due > now:
                    break
                found.append((deadline.due, deadline))
        found.sort(key=lambda entry: entry[0])
        return found

    def _forget(self, deadline: Deadline) -> None:
        deadline.due = 0.0
        if deadline.lane is not None:
            del deadline.lane[deadline]
            deadline.lane = None

    def _new_lane(self, delay: float) -> dict[Deadline, None] | None:
        if len(self.lanes) >= LANES:
            for other, lane in self.lanes.items():
                if not lane:
                    del self.lanes[other]
                    break
            else:
                return None
        lane = self.lanes[delay] = {}
        return lane

    def _arm(self, due: float) -> None:
        self.handle_due = due
        if self.clock.virtual:
            self.handle = self.watcher
            self.watcher.want()
            return
        if self.handle is not None:
            self.handle.cancel()
        self.handle = self.loop.call_later(max(0.0, due - self.clock.now()), self.fire_due)
