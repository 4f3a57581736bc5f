"""The stores that the tests `test_queue_store_*.py` test, and what these tests share.

A new store is added to `STORES` with one row. Its factory gets an empty folder, and returns a store that is not open yet.
The traits say which tests apply:

    durable      what was acknowledged is in a new store object of the factory, with that folder, after `close`
    shared       several store objects of the factory with one folder have the same jobs; `changed` notices the other's
    backup       the store writes a copy of itself, from which the factory's class opens
    monotonic    a step of the wall clock does not move the leases

A store that reads a clock other than the one that it gets has a function `moved`, which is called with the store after
each move of the tests' clock, so that it moves its clock as well.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Literal, NamedTuple

import pytest

from regrow.servers.queue.errors import QueueError
from regrow.servers.queue.job import JobError, Stats
from regrow.servers.queue.memory.store import Memory
from regrow.servers.queue.ops import Claim, Claimed, Nack, NewJob, Op, Put, ReadStats, Record, Show
from regrow.servers.queue.rate import Rate
from regrow.servers.queue.sqlite.store import SQLite
from regrow.servers.queue.store import Done, Store, Times
from tests.contracts.postgres_server import in_postgres

Trait = Literal["durable", "shared", "backup", "monotonic"]


class Kind(NamedTuple):
    """A kind of store: its factory, and which tests apply to it."""

    make: Callable[[Path], Store]
    traits: frozenset[Trait] = frozenset()
    moved: Callable[[Store, Times], None] | None = None


def in_memory(_folder: Path) -> Store:
    """Return a store in memory."""
    return Memory()


def in_sqlite(folder: Path) -> Store:
    """Return a store in a file of SQLite."""
    return SQLite(folder / "queue.db", thread=False)


STORES: Final[dict[str, Kind]] = {
    "memory": Kind(in_memory, frozenset({"monotonic"})),
    "SQLite": Kind(in_sqlite, frozenset({"durable", "shared", "backup", "monotonic"})),
    "PostgreSQL": Kind(in_postgres, frozenset({"durable", "shared"})),
}

START: Final = Times(1_700_000_000.0, 1_000.0)


@dataclass
class Clock:
    """A clock that the test moves by hand."""

    wall: float = START.wall
    monotonic: float = START.monotonic

    def __call__(self) -> Times:
        return Times(self.wall, self.monotonic)


@dataclass
class Opened:
    """An open store, its clock, and short forms of what the tests do most."""

    store: Store
    kind: Kind
    folder: Path
    clock: Clock = field(default_factory=Clock)

    def __post_init__(self) -> None:
        self.move()
        self.store.open(self.clock)

    def move(self, seconds: float = 0.0, *, step: float = 0.0) -> None:
        """Let time pass; `step` moves the wall clock alone."""
        self.clock.wall += seconds + step
        self.clock.monotonic += seconds
        if self.kind.moved is not None:
            self.kind.moved(self.store, self.clock())

    def reopen(self) -> None:
        """Close the store, and open a new one of the same folder."""
        self.store.close()
        self.store = self.kind.make(self.folder)
        self.move()
        self.store.open(self.clock)

    def beside(self) -> Opened:
        """Return another store object of the same folder, as another process has it."""
        return Opened(self.kind.make(self.folder), self.kind, self.folder, self.clock)

    def notices(self, within: float = 20.0) -> bool:
        """Return whether the store notices a commit of another one; ask as often as a writer, for up to `within` seconds.

        A notification of a server comes a moment after the commit, and later on a busy machine.
        """
        assert self.store.poll is not None
        end = time.monotonic() + within
        while not (found := self.store.changed()) and time.monotonic() < end:
            time.sleep(self.store.poll)
        return found

    def run(self, *ops: Op) -> Done:
        """Run ops in one commit."""
        return self.store.run(ops, self.clock)

    def results(self, *ops: Op) -> list[Any]:
        """Run ops in one commit; return their results, of which some may be errors."""
        return list(self.run(*ops).results)

    def do(self, op: Op) -> Any:
        """Run one op; return its result, or raise it if it is an error."""
        (result,) = self.results(op)
        if isinstance(result, QueueError):
            raise result
        return result

    def put(self, *payloads: bytes, queue: str = "q", **options: Any) -> list[int]:
        """Put jobs with these options; return their ids."""
        return [put.id for put in self.do(Put(queue, tuple(NewJob(payload, **options) for payload in payloads)))]

    def claim(
        self, count: int = 1, *, queue: str = "q", lease: float = 30.0, rate: Rate | None = None
    ) -> list[Claimed]:
        """Claim up to `count` jobs."""
        found: list[Claimed] = self.do(Claim(queue, count, lease, "host:1:<worker>", rate))
        return found

    def take(self, *, queue: str = "q", lease: float = 30.0) -> Claimed:
        """Claim one job, which has to be there."""
        (job,) = self.claim(queue=queue, lease=lease)
        return job

    def bury(self, *payloads: bytes, queue: str = "q") -> list[int]:
        """Put jobs that die at their first attempt; return their ids."""
        ids = self.put(*payloads, queue=queue)
        error = JobError(1, 0.0, "ValueError", "broken", "trace")
        for job in self.claim(len(ids), queue=queue):
            self.do(Nack(queue, job.id, job.token, "dead", 0.0, error))
        return ids

    def stats(self, queue: str = "q") -> Stats:
        """Return the counts of a queue."""
        found: Stats = self.do(ReadStats(queue))[queue]
        return found

    def show(self, id: int) -> Record | None:
        """Return all that the store knows of a job."""
        found = self.do(Show(None, id))
        return found[0] if found else None

    def state(self, id: int) -> str | None:
        """Return the state of a job; None if the store does not have it."""
        found = self.show(id)
        return None if found is None else found.state

    def states(self, *ids: int) -> str:
        """Return the states of jobs, with blanks between them; "gone" is one that the store does not have."""
        return " ".join(self.state(id) or "gone" for id in ids)


def needs(opened: Opened, *traits: Trait) -> None:
    """Skip the test if the store does not have these traits."""
    missing = [trait for trait in traits if trait not in opened.kind.traits]
    if missing:
        pytest.skip(f"the store is not {', '.join(missing)}")
