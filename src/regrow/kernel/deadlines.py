"""The timers and deadlines of a node, however many, on one `call_later` of the event loop.

Nearly all are cancelled before they fall due: a call has a deadline of 5 s, and is usually answered long before. They
wait in buckets, each for a short span of time, where setting and cancelling cost one dict entry. When its time comes,
the first bucket is sorted into a heap, and deadlines fire only from there. Cancelled deadlines stay in the heap until
they are half of it.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final, Protocol

from regrow.kernel.bounded_repr import safe_repr
from regrow.kernel.clock import FOREVER, Clock, asked
from regrow.kernel.user_errors import failed

if TYPE_CHECKING:
    from asyncio import AbstractEventLoop

WIDTH: Final = 1 / 64  # seconds that a bucket spans; a power of two, so that the division of floats is exact
FEW: Final = 64  # this many empty buckets, or cancelled deadlines in the heap, are not worth removing
WAITS: Final = 1 << 60  # added to the sequence number of timeouts, so that messages due at the same instant fire first
ROUND: Final = 256  # deadlines that fire before the event loop serves others


class Deadline:
    """An action at a time, unless it is cancelled before. `due` is 0.0 while it is not set."""

    __slots__ = ("bucket", "due")

    def __init__(self) -> None:
        self.due: float = 0.0
        self.bucket: dict[Deadline, None] | None = None

    def order(self, number: int) -> int:
        """Return its place among deadlines of the same instant; `number` counts them in the order of their start.

        A wait comes after the timers: a message that is sent at the instant at which the wait ends is still received.
        """
        return number + WAITS

    def fire(self) -> None:
        """Run the action of the deadline."""
        raise NotImplementedError


class TimersWatcher(Protocol):
    """The part of a `ClockMover` that timers use."""

    def want(self) -> None:
        """Note that there is a deadline to which a virtual clock may jump."""


class FiringOrder(Protocol):
    """The part of a `Schedule` that timers use."""

    def fire(self, due: list[tuple[float, Deadline]]) -> list[tuple[float, Deadline]]:
        """Return which of the deadlines that have come fire now, and in which order."""
        ...


class Timers:
    """All deadlines of one node."""

    def __init__(
        self, loop: AbstractEventLoop, clock: Clock, watcher: TimersWatcher, schedule: FiringOrder | None
    ) -> None:
        self.loop = loop
        self.clock = clock
        self.now: Callable[[], float] = asked(clock)
        self.watcher = watcher
        self.schedule = schedule
        self.buckets: dict[float, dict[Deadline, None]] = {}
        self.starts: list[float] = []  # the keys of the buckets, a heap
        self.crowded: int = FEW  # the number of buckets from which on empty ones are removed
        self.heap: list[tuple[float, int, Deadline]] = []
        self.sorted_in: int = 0  # the number of deadlines that were put into the heap so far
        self.dead: int = 0  # cancelled, but still in the heap
        self.handle: Any = None
        self.handle_due: float = FOREVER

    def start(self, deadline: Deadline, delay: float) -> None:
        """Let `deadline` fire in `delay` seconds."""
        # hot: repeats `start_at`, which saves a method call, a fifth of the cost of a timer ("timer" in the benchmarks;
        # `tests/kernel/test_costs.py`, "calls that wait make one timer of the loop").
        due = self.now() + delay
        if due < self.handle_due:
            self._arm(due)  # first: it can fail for lack of stack, and what fires too early is harmless
        deadline.due = due
        start = due // WIDTH
        bucket = self.buckets.get(start)
        if bucket is None:
            self._without_bucket(deadline, start, delay)
        else:
            deadline.bucket = bucket
            bucket[deadline] = None

    def start_at(self, deadline: Deadline, due: float) -> None:
        """Let `deadline` fire at the time `due` of the node's clock."""
        if due < self.handle_due:
            self._arm(due)
        deadline.due = due
        start = due // WIDTH
        bucket = self.buckets.get(start)
        if bucket is None:
            self._without_bucket(deadline, start, due - self.now())
        else:
            deadline.bucket = bucket
            bucket[deadline] = None

    def cancel(self, deadline: Deadline) -> None:
        """Forget `deadline`, wherever it waits."""
        if deadline.due == 0.0:
            return
        deadline.due = 0.0
        bucket = deadline.bucket
        if bucket is not None:
            deadline.bucket = None
            del bucket[deadline]
            if not bucket:
                bucket.clear()  # frees the memory: a dict keeps its size when entries are deleted one by one
            return
        self.dead += 1
        if self.dead > FEW and self.dead * 2 > len(self.heap):
            self.heap = [entry for entry in self.heap if entry[2].due == entry[0]]
            heapq.heapify(self.heap)
            self.dead = 0

    def next_due(self) -> float:
        """Return when the next deadline falls due; infinity if there is none."""
        while True:
            heap = self.heap
            while heap and heap[0][2].due != heap[0][0]:
                heapq.heappop(heap)
                self.dead -= 1
            due = heap[0][0] if heap else FOREVER
            if not self.starts or due < self.starts[0] * WIDTH:
                return due
            self._sort_in()

    def fire_due(self) -> None:
        """Fire the deadlines that have fallen due, by time: all of them on a virtual clock, else at most ROUND."""
        self.handle = None
        self.handle_due = FOREVER
        now = self.now()
        try:
            while found := self._fallen_due(now):
                some = len(found)
                if self.schedule is not None:
                    found = self._chosen(found, self.schedule)
                for due, deadline in found:
                    if deadline.due == due:  # false if a deadline that fired before has cancelled it
                        self._forget(deadline)
                        try:
                            deadline.fire()
                        except BaseException as error:  # a user's table may raise: the others must fire all the same
                            failed(self.loop, f"{safe_repr(deadline)} failed", error)
                if not self.clock.virtual or len(found) < some:
                    break
        finally:
            due = self.next_due()
            if due < FOREVER:
                self._arm(due)

    def close(self) -> None:
        """Drop all deadlines and the loop's timer."""
        if self.handle is not None and not self.clock.virtual:
            self.handle.cancel()
        self.handle = None
        self.buckets.clear()
        self.starts.clear()
        self.heap.clear()

    def _without_bucket(self, deadline: Deadline, start: float, delay: float) -> None:
        """Start a deadline whose bucket does not exist yet, or does not exist any more."""
        if not WIDTH <= delay < FOREVER:
            self._push(deadline)  # without a bucket, which few other deadlines would share before it is sorted
            return
        if len(self.buckets) >= self.crowded:
            self.buckets = {one: deadlines for one, deadlines in self.buckets.items() if deadlines}
            self.starts = sorted(self.buckets)
            self.crowded = 2 * len(self.starts) + FEW
        self.buckets[start] = deadline.bucket = {deadline: None}
        heapq.heappush(self.starts, start)

    def _push(self, deadline: Deadline) -> None:
        self.sorted_in += 1
        heapq.heappush(self.heap, (deadline.due, deadline.order(self.sorted_in), deadline))

    def _sort_in(self) -> None:
        """Put the deadlines of the first bucket into the heap."""
        for deadline in self.buckets.pop(heapq.heappop(self.starts)):
            deadline.bucket = None
            self._push(deadline)

    def _fallen_due(self, now: float) -> list[tuple[float, Deadline]]:
        """Return the deadlines that have fallen due, by time: no more than ROUND."""
        found: list[tuple[float, Deadline]] = []
        while len(found) < ROUND and self.next_due() <= now:
            due, _, deadline = heapq.heappop(self.heap)
            found.append((due, deadline))
        return found

    def _chosen(self, found: list[tuple[float, Deadline]], schedule: FiringOrder) -> list[tuple[float, Deadline]]:
        """Return the deadlines that a schedule lets fire now; the others continue to wait."""
        chosen = schedule.fire(found)
        for one in found:
            if one not in chosen:
                self._push(one[1])
        return chosen

    def _forget(self, deadline: Deadline) -> None:
        deadline.due = 0.0
        if deadline.bucket is not None:
            del deadline.bucket[deadline]
            deadline.bucket = None

    def _arm(self, due: float) -> None:
        if self.clock.virtual:
            self.watcher.want()
            self.handle = self.watcher
        else:
            before = self.handle
            self.handle = self.loop.call_later(max(0.0, due - self.now()), self.fire_due)
            if before is not None:
                before.cancel()
        self.handle_due = due
