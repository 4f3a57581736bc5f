"""Timers and deadlines: many of them, on one `call_later` of the event loop.

Nearly all deadlines of a program have one of a few durations (a call waits 5.0 s), and those of one duration fall due
in the order in which they were made: they wait in a lane, where setting and cancelling cost a dict entry. What has a
rare duration or an absolute time waits in a heap, from which the cancelled are purged when they are more than half.
"""

from __future__ import annotations

import heapq
from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final, Protocol

if TYPE_CHECKING:
    from asyncio import AbstractEventLoop

    from regrow.kernel.clock import Clock
    from regrow.kernel.pid import Process
    from regrow.kernel.schedule import Schedule

LANES: Final = 8
FULL: Final = 512  # deadlines in one dict of a lane
SELDOM: Final = 16  # a duration without a lane: so many before they are looked through for one that is empty
ROUND: Final = 256  # deadlines of one kind that fire before the event loop serves others


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
    """Something that will be sent or done; what `send_after` and the like return.

    Attributes:
        address: whom to; a name is looked up when the timer fires. None for a function.
        message: what: the message, the reason of an exit signal, or a function and its arguments.
    """

    __slots__ = ("action", "address", "message", "owner", "timers")

    def __init__(self, timers: Timers, address: object, message: Any, action: Callable[[Timer], None]) -> None:
        self.due = 0.0
        self.lane = None
        self.timers = timers
        self.address = address
        self.message = message
        self.action = action
        self.owner: Process | None = None  # whose death ends the timer

    def __repr__(self) -> str:
        return f"Timer({self.address!r}, {self.message!r})"

    def __copy__(self) -> Timer:
        return self

    def __deepcopy__(self, memo: object) -> Timer:
        return self

    def fire(self) -> None:
        """Do it."""
        self.action(self)

    def left(self) -> float | None:
        """The seconds until it fires; None if it will not."""
        return None if self.due == 0.0 else max(0.0, self.due - self.timers.clock.now())

    def stop(self) -> None:
        """It will not fire any more."""
        self.timers.cancel(self)


class Interval(Timer):
    """A timer that starts again when it fires, at its next time: it does not drift."""

    __slots__ = ("at", "interval")

    def __init__(
        self, timers: Timers, address: object, message: Any, action: Callable[[Timer], None], interval: float
    ) -> None:
        super().__init__(timers, address, message, action)
        self.interval = interval
        self.at: float = timers.clock.now() + interval

    def fire(self) -> None:
        """Do it, and wait for the next time."""
        self.at += self.interval
        self.timers.start_at(self, self.at)
        self.action(self)


class Repeated(Interval):
    """An interval that waits for the end of what it has begun before it starts again, at once if it is late."""

    __slots__ = ("busy",)

    def __init__(
        self, timers: Timers, address: object, message: Any, action: Callable[[Timer], None], interval: float
    ) -> None:
        super().__init__(timers, address, message, action, interval)
        self.busy = False  # what it has begun goes on

    def fire(self) -> None:
        """Begin it. Whoever does it calls `over` when it has ended."""
        self.at += self.interval
        self.busy = True
        self.action(self)

    def over(self) -> None:
        """What it has begun has ended."""
        if self.busy and (self.owner is None or self.owner.alive):
            self.timers.start_at(self, self.at)
        self.busy = False

    def left(self) -> float | None:
        """The seconds until it is to begin again; None if it will not."""
        return max(0.0, self.at - self.timers.clock.now()) if self.busy else super().left()

    def stop(self) -> None:
        """What it has begun goes on to its end, but not again."""
        self.busy = False
        super().stop()


class Lane:
    """Deadlines of one duration, in the order in which they were made.

    They would fit into one dict, if to find its first key did not mean to pass over all that were deleted before it.
    So they stand in dicts of a limited size, and a deadline knows in which.
    """

    __slots__ = ("crowded", "dicts", "last")

    def __init__(self) -> None:
        self.last: dict[Deadline, None] = {}
        self.dicts: deque[dict[Deadline, None]] = deque((self.last,))
        self.crowded = 4  # so many dicts are looked through for room

    def more_room(self) -> dict[Deadline, None]:
        """A new dict at the end. When there are twice as many as the deadlines needed last time, gaps are closed."""
        if len(self.dicts) >= self.crowded:
            kept = [deadline for one in self.dicts for deadline in one]
            self.dicts.clear()
            for start in range(0, len(kept), FULL):
                moved = dict.fromkeys(kept[start : start + FULL])
                for deadline in moved:
                    deadline.lane = moved
                self.dicts.append(moved)
            self.crowded = 2 * len(self.dicts) + 4
        self.last = {}
        self.dicts.append(self.last)
        return self.last

    def first(self) -> Deadline | None:
        """The deadline that falls due before all others."""
        dicts = self.dicts
        while not dicts[0] and len(dicts) > 1:
            dicts.popleft()
        for deadline in dicts[0]:
            return deadline
        return None

    def fallen_due(self, until: float, found: list[tuple[float, Deadline]]) -> float:
        """Add to `found` what falls due until a time, but not more than ROUND; gives the time until which that is all."""
        if self.first() is None:
            return until
        room = ROUND
        for one in self.dicts:
            for deadline in one:
                if deadline.due > until:
                    return until
                if room == 0:
                    return found[-1][0]
                room -= 1
                found.append((deadline.due, deadline))
        return until


class TimersWatcher(Protocol):
    """Who moves a virtual clock."""

    def want(self) -> None:
        """There is a deadline to which a virtual clock may jump."""


class Timers:
    """All deadlines of one node."""

    def __init__(
        self, loop: AbstractEventLoop, clock: Clock, watcher: TimersWatcher, schedule: Schedule | None
    ) -> None:
        self.loop = loop
        self.clock = clock
        self.watcher = watcher
        self.schedule = schedule
        self.lanes: dict[float, Lane] = {}
        self.heap: list[tuple[float, int, Deadline]] = []
        self.set = 0
        self.rare = 0  # so many durations have asked for a lane when all were taken
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
        room = lane.last
        if len(room) >= FULL:
            room = lane.more_room()
        deadline.due = due
        deadline.lane = room
        room[deadline] = None
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
            first = lane.first()
            if first is not None:
                due = min(due, first.due)
        return due

    def fire_due(self) -> None:
        """Fire what has fallen due, in the order of the times: all of it where the clock waits, else a round."""
        self.handle = None
        now = self.clock.now()
        while found := self._fallen_due(now):
            some = len(found)
            if self.schedule is not None:
                found = self._chosen(found, self.schedule)
            for due, deadline in found:
                if deadline.due == due:  # and not cancelled by one that fired before it
                    self._forget(deadline)
                    try:
                        deadline.fire()
                    except Exception as error:  # a name table of the user's has raised: the other deadlines must fire
                        self.loop.call_exception_handler({"message": f"{deadline!r} failed", "exception": error})
            if not self.clock.virtual or len(found) < some:
                break
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
        """The first that fall due until `now`, by time: no more than ROUND of the heap and of each lane."""
        until = now
        heap = self.heap
        taken: list[tuple[float, int, Deadline]] = []
        while heap and heap[0][0] <= now:
            if len(taken) == ROUND:
                until = taken[-1][0]
                break
            entry = heapq.heappop(heap)
            if entry[2].due == entry[0]:
                taken.append(entry)
            else:
                self.dead -= 1
        found: list[tuple[float, Deadline]] = []
        for lane in self.lanes.values():
            until = lane.fallen_due(until, found)
        for entry in taken:
            if entry[0] <= until:
                found.append((entry[0], entry[2]))
            else:
                heapq.heappush(heap, entry)  # a lane has more that goes before it
        found.sort(key=lambda one: one[0])
        while found and found[-1][0] > until:
            found.pop()
        return found

    def _chosen(self, found: list[tuple[float, Deadline]], schedule: Schedule) -> list[tuple[float, Deadline]]:
        """What a schedule lets fire now; the others wait on."""
        chosen = schedule.fire(found)
        for due, deadline in found:
            if deadline.due == due and deadline.lane is None and (due, deadline) not in chosen:
                self.start_at(deadline, due)
        return chosen

    def _forget(self, deadline: Deadline) -> None:
        deadline.due = 0.0
        if deadline.lane is not None:
            del deadline.lane[deadline]
            deadline.lane = None

    def _new_lane(self, delay: float) -> Lane | None:
        if len(self.lanes) >= LANES:
            self.rare += 1
            if self.rare % SELDOM:
                return None
            for other, lane in self.lanes.items():
                if lane.first() is None:
                    del self.lanes[other]
                    break
            else:
                return None
        lane = self.lanes[delay] = Lane()
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
