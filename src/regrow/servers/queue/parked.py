"""The requests that wait in the writer: for a job, or for room.

ask            arrives, and is in the next batch
park           the commit had no job, or no room, for it: it waits in its queue's line
take_queue     its queue has a job or room now: it is in the next batch again, in the old order
remove         its deadline has come, or its caller has gone
"""

from __future__ import annotations

from collections import deque
from itertools import count
from typing import TYPE_CHECKING, Any, Final

from regrow.kernel.requests import is_waiting
from regrow.kernel.timers import cancel_timer
from regrow.servers.queue.checks import MOST_SECONDS
from regrow.servers.queue.ops import Claim, Op, Put

if TYPE_CHECKING:
    from regrow.behaviours.gen_server.gen_server import From
    from regrow.kernel.alarms import Timer


NUMBERS: Final = count()


class Entry:
    """A request on its way through the writer.

    Attributes:
        number: greater than those of entries that came before.
        op: what the store is asked for.
        from_: the caller; None for the writer's own requests.
        arrived: the monotonic time of its arrival, in seconds.
        deadline: the monotonic time until which it may wait; None for ever, and for more than a hundred
            years, which a timer cannot wait. One that may not wait has `arrived`.
        timer: sends the writer this entry at the deadline, while it is parked.
        size: bytes of payload.
    """

    __slots__ = ("arrived", "deadline", "from_", "number", "op", "size", "timer")

    def __init__(self, op: Op, from_: From | None, arrived: float, timeout: float | None) -> None:
        self.number: int = next(NUMBERS)
        self.op: Op = op
        self.from_: From | None = from_
        self.arrived: float = arrived
        self.deadline: float | None = None if timeout is None or timeout > MOST_SECONDS else arrived + timeout
        self.timer: Timer | None = None
        self.size: int = sum(len(job.payload) for job in op.jobs) if type(op) is Put else 0

    @property
    def wanted(self) -> bool:
        """Whether the answer still has a receiver."""
        return self.from_ is None or is_waiting(self.from_)

    def may_wait(self, now: float) -> bool:
        """Whether the request may still wait for a job or for room."""
        return type(self.op) in {Claim, Put} and (self.deadline is None or now < self.deadline)


class Parked:
    """The parked entries, in one line for each queue and kind."""

    def __init__(self) -> None:
        self.claims: dict[str, deque[Entry]] = {}
        self.puts: dict[str, deque[Entry]] = {}

    def __bool__(self) -> bool:
        return bool(self.claims or self.puts)

    def line(self, entry: Entry) -> deque[Entry] | None:
        """Return the line that an entry would stand in, if another stands there; None for requests that never wait."""
        op = entry.op
        if type(op) is Claim:
            return self.claims.get(op.queue)
        if type(op) is Put:
            return self.puts.get(op.queue)
        return None

    def park(self, entry: Entry) -> None:
        """Let an entry wait, behind the others of its line."""
        op: Any = entry.op
        lines = self.claims if type(op) is Claim else self.puts
        line = lines.setdefault(op.queue, deque())
        if not line or line[-1].number < entry.number:
            line.append(entry)
            return
        place = 0  # it has waited here before: it goes back before those that came later
        while line[place].number < entry.number:
            place += 1
        line.insert(place, entry)

    def take_claims(self, queue: str, jobs: int | None = None) -> list[Entry]:
        """Remove and return the first claims that wait for jobs of this queue: as many as want `jobs` jobs, or all."""
        line = self.claims.get(queue)
        if line is None or jobs is None:
            return _taken(self.claims, queue)
        found: list[Entry] = []
        wanted = 0
        while line and wanted < jobs:
            entry = line.popleft()
            op: Any = entry.op
            wanted += op.count
            found.append(_unparked(entry))
        if not line:
            del self.claims[queue]
        return found

    def take_puts(self, queue: str) -> list[Entry]:
        """Remove and return the puts that wait for room in this queue, in their order."""
        return _taken(self.puts, queue)

    def take_line(self, entry: Entry) -> list[Entry]:
        """Remove and return the line before an entry that may not wait: those in it come first."""
        op: Any = entry.op
        return self.take_claims(op.queue) if type(op) is Claim else self.take_puts(op.queue)

    def take_limited(self) -> list[Entry]:
        """Remove and return the claims of queues with a rate, whose next token comes with the time."""
        limited = [queue for queue, line in self.claims.items() if any(_has_rate(entry) for entry in line)]
        return [entry for queue in limited for entry in self.take_claims(queue)]

    def take_all(self) -> list[Entry]:
        """Remove and return every entry."""
        lines = [*self.claims.values(), *self.puts.values()]
        self.claims, self.puts = {}, {}
        return [_unparked(entry) for line in lines for entry in line]

    def remove(self, entry: Entry) -> bool:
        """Remove an entry; return whether it was parked."""
        op: Any = entry.op
        lines = self.claims if type(op) is Claim else self.puts
        line = lines.get(op.queue)
        if line is None or entry not in line:
            return False
        line.remove(entry)
        if not line:
            del lines[op.queue]
        _unparked(entry)
        return True

    def wanted(self) -> tuple[frozenset[str], frozenset[tuple[str, int]]]:
        """Return the queues from which an entry wants a job, and pairs (queue, bound) in which one wants room.

        Entries whose callers have gone are dropped on the way.
        """
        for entry in [one for lines in (self.claims, self.puts) for line in lines.values() for one in line]:
            if not entry.wanted:
                self.remove(entry)
        bounds: set[tuple[str, int]] = set()
        for queue, line in self.puts.items():
            for entry in line:
                if type(entry.op) is Put and entry.op.bound is not None:
                    bounds.add((queue, entry.op.bound))
        return frozenset(self.claims), frozenset(bounds)


def _taken(lines: dict[str, deque[Entry]], queue: str) -> list[Entry]:
    line = lines.pop(queue, None)
    return [] if line is None else [_unparked(entry) for entry in line]


def _unparked(entry: Entry) -> Entry:
    if entry.timer is not None:
        cancel_timer(entry.timer)
        entry.timer = None
    return entry


def _has_rate(entry: Entry) -> bool:
    return type(entry.op) is Claim and entry.op.rate is not None
