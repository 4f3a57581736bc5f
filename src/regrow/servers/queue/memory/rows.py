"""The rows of the memory store: jobs, their orders, the lines of groups, and queues."""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Iterator
from heapq import heapify, heappop, heappush
from typing import Any, Final, Literal

from regrow.servers.queue.job import JobError, KeyStates, Stats
from regrow.servers.queue.ops import Claimed, NewJob, Record, State
from regrow.servers.queue.rate import Rate
from regrow.servers.queue.store import Times

LIVE: Final = frozenset({"ready", "delayed", "blocked", "leased"})
WAITING: Final = frozenset({"ready", "delayed", "blocked"})
FEWEST_STALE: Final = 64  # an order this short is not worth tidying


class Row:
    """A job, as the store has it; `state` is "gone" once it is deleted."""

    __slots__ = (
        "attempts",
        "created_at",
        "died_at",
        "due_at",
        "errors",
        "group",
        "holder",
        "id",
        "key",
        "key_states",
        "key_until",
        "lease_until",
        "leased_at",
        "max_attempts",
        "of",
        "payload",
        "priority",
        "state",
        "token",
        "traceparent",
    )

    def __init__(self, id: int, job: NewJob, of: Queue, now: Times) -> None:
        self.id: int = id
        self.of: Queue = of
        self.state: State | Literal["gone"] = "blocked"  # until it has its place
        self.payload: bytes = job.payload
        self.priority: int = job.priority
        self.attempts: int = 0
        self.max_attempts: int = job.max_attempts
        self.created_at: float = now.wall
        self.due_at: float = now.wall + job.delay if job.at is None else job.at
        self.token: int = 0
        self.leased_at: float | None = None
        self.lease_until: float | None = None
        self.holder: str | None = None
        self.group: str | None = job.group
        self.key: str | None = job.key
        self.key_until: float | None = None if job.key_for is None else now.wall + job.key_for
        self.key_states: KeyStates = job.key_states
        self.errors: tuple[JobError, ...] = ()
        self.traceparent: str | None = job.traceparent
        self.died_at: float | None = None

    def __lt__(self, _other: object) -> bool:
        return False  # an order may have two entries of one row

    def moved(self, of: Queue) -> Row:
        """Return a copy of this row for another queue; the entries of the old row in orders become stale."""
        copy = object.__new__(Row)
        for name in Row.__slots__:
            setattr(copy, name, getattr(self, name))
        copy.of = of
        return copy

    def key_is_over(self, wall: float) -> bool:
        """Return whether the window of the key has ended."""
        return self.key_until is not None and self.key_until <= wall

    def claimed(self) -> Claimed:
        """Return the job for its holder."""
        assert self.lease_until is not None
        return Claimed(
            self.id,
            self.of.name,
            self.payload,
            self.attempts,
            self.max_attempts,
            self.token,
            self.lease_until,
            self.priority,
            self.group,
            self.key,
            self.created_at,
            self.due_at,
            self.errors,
            self.traceparent,
        )

    def record(self) -> Record:
        """Return all that the store knows of the job."""
        assert self.state != "gone"
        return Record(
            self.id,
            self.of.name,
            self.state,
            self.payload,
            self.priority,
            self.attempts,
            self.max_attempts,
            self.created_at,
            self.due_at,
            self.token,
            self.lease_until,
            self.holder,
            self.group,
            self.key,
            self.errors,
            self.traceparent,
            self.died_at,
        )


class Order:
    """Rows in some states, by one attribute and then by id: a heap whose stale entries are skipped.

    An entry is stale once its row has another state, or another value of the attribute. A push removes all stale entries
    when the heap has doubled, so an operation takes O(log n).
    """

    __slots__ = ("by", "entries", "most", "states")

    def __init__(self, by: str, *states: State) -> None:
        self.by: str = by
        self.states: frozenset[str] = frozenset(states)
        self.entries: list[tuple[Any, int, Row]] = []
        self.most: int = FEWEST_STALE

    def push(self, row: Row) -> None:
        """Add a row, which has one of the states."""
        entries = self.entries
        if len(entries) >= self.most:
            entries[:] = [entry for entry in entries if self.holds(entry)]
            heapify(entries)
            self.most = 2 * len(entries) + FEWEST_STALE
        heappush(entries, (getattr(row, self.by), row.id, row))

    def holds(self, entry: tuple[Any, int, Row]) -> bool:
        """Return whether an entry is not stale."""
        row = entry[2]
        return row.state in self.states and getattr(row, self.by) == entry[0]

    def first(self) -> Row | None:
        """Return the first row; None if there is none."""
        entries = self.entries
        while entries:
            if self.holds(entries[0]):
                return entries[0][2]
            heappop(entries)
        return None

    def first_at(self) -> Any:
        """Return the first row's value of the attribute; None if there is no row."""
        return self.entries[0][0] if self.first() is not None else None

    def some(self, count: int) -> list[Row]:
        """Return up to `count` rows from the first on, each once."""
        found: list[Row] = []
        taken: list[tuple[Any, int, Row]] = []
        while len(found) < count and (row := self.first()) is not None:
            entry = heappop(self.entries)
            if not found or found[-1] is not row:
                found.append(row)
                taken.append(entry)
        for entry in taken:
            heappush(self.entries, entry)
        return found


class Line:
    """The live jobs of a group, by id; at most one of them is not blocked."""

    __slots__ = ("active", "rows")

    def __init__(self) -> None:
        self.rows: Order = Order("id", "ready", "delayed", "blocked", "leased")
        self.active: Row | None = None


class Queue:
    """The jobs of one queue, and what is counted of them."""

    __slots__ = (
        "counts",
        "dead",
        "keys",
        "lines",
        "live",
        "name",
        "oldest",
        "paused",
        "ready",
        "rows",
        "short_of",
        "tokens",
        "tokens_at",
    )

    def __init__(self, name: str) -> None:
        self.name: str = name
        self.rows: dict[int, Row] = {}  # of all states, by id
        self.live: int = 0
        self.counts: dict[str, int] = dict.fromkeys(("ready", "delayed", "blocked", "leased", "dead", "done"), 0)
        self.ready: Order = Order("priority", "ready")
        self.oldest: Order | None = None  # the ready rows by id, from the first put that drops
        self.dead: list[int] = []  # ids, sorted
        self.keys: dict[str, Row] = {}
        self.lines: dict[str, Line] = {}
        self.paused: str | None = None
        self.tokens: float | None = None
        self.tokens_at: float = 0.0
        self.short_of: Rate | None = None  # the rate that left ready jobs behind at the last claim

    def stats(self) -> Stats:
        """Return the counts by state."""
        counts = self.counts
        return Stats(
            counts["ready"], counts["delayed"], counts["leased"], counts["blocked"], counts["dead"], self.paused
        )

    def bury(self, id: int) -> None:
        """Add an id to those of the dead."""
        insort(self.dead, id)

    def unbury(self, id: int) -> None:
        """Remove an id from those of the dead."""
        del self.dead[bisect_left(self.dead, id)]

    def newest_dead(self, count: int, before: int | None) -> list[Row]:
        """Return up to `count` dead rows with ids below `before`, the newest first."""
        end = len(self.dead) if before is None else bisect_left(self.dead, before)
        return [self.rows[id] for id in reversed(self.dead[max(0, end - count) : end])]

    def after(self, id: int) -> Iterator[Row]:
        """Yield the rows with greater ids, by id."""
        return (row for row in self.rows.values() if row.id > id)

    def oldest_ready(self) -> Order:
        """Return the ready rows by id."""
        if self.oldest is None:
            self.oldest = Order("id", "ready")
            for row in self.rows.values():
                if row.state == "ready":
                    self.oldest.push(row)
        return self.oldest

    def can_drop(self, wall: float) -> int:
        """Return how many rows can be dropped one after another: the ready ones, and those that become ready then."""
        return self.counts["ready"] + sum(followers(line, wall) for line in self.lines.values())

    def problems(self) -> Iterator[str]:
        """Yield what contradicts itself in this queue."""
        for state, count in self.counts.items():
            found = sum(row.state == state for row in self.rows.values())
            if found != count:
                yield f"queue {self.name!r}: {found} jobs are {state}, and {count} were counted"
        if self.live != sum(self.counts[state] for state in LIVE):
            yield f"queue {self.name!r}: {self.live} live jobs were counted, and its states have another sum"
        open_jobs: dict[str, int] = {}
        for row in self.rows.values():
            if row.group is not None and row.state in LIVE:
                open_jobs[row.group] = open_jobs.get(row.group, 0) + (row.state != "blocked")
            elif row.state == "blocked":
                yield f"queue {self.name!r}: job {row.id} is blocked without a group"
            if row.key is not None and self.keys.get(row.key) is not row:
                yield f"queue {self.name!r}: job {row.id} does not hold its key {row.key!r}"
        for group, count in open_jobs.items():
            if count != 1:
                yield f"queue {self.name!r}: {count} jobs of group {group!r} are not blocked, and one should be"


def followers(line: Line, wall: float) -> int:
    """Return how many blocked rows become ready one after another when the ready rows before them are dropped."""
    if line.active is None or line.active.state != "ready":
        return 0
    count = 0
    for row in line.rows.some(len(line.rows.entries))[1:]:
        if row.due_at > wall:
            break
        count += 1
    return count
