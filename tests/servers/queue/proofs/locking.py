"""The time of a commit, beside another connection that holds the write lock meanwhile."""

from __future__ import annotations

import threading
from collections.abc import Callable, Generator
from contextlib import closing, contextmanager
from functools import partial
from pathlib import Path
from typing import Any

from regrow.servers.queue.errors import LeaseLost
from regrow.servers.queue.ops import Ack, Claim, NewJob, Put, Show
from regrow.servers.queue.store import Store
from tests.servers.queue.proofs.connection import Connection
from tests.servers.queue.proofs.power import Make
from tests.servers.queue.proofs.workload import HOLDER, Clock, results_of

LEASE = 30.0
WAITED = 40.0  # seconds of the clock for which the lock is held


class Waiting:
    """A connection that reports when it asks for the write lock."""

    def __init__(self) -> None:
        self.asked = threading.Event()

    def connect(self, path: str, *_: Any, **__: Any) -> Connection:
        return Connection(path, rewrite=self.look)

    def look(self, sql: str) -> str:
        if sql == "BEGIN IMMEDIATE":
            self.asked.set()
        return sql


@contextmanager
def held(path: Path) -> Generator[None]:
    """Hold SQLite's write lock. Two libraries of SQLite in one process would drop each other's locks: it is apsw's, too."""
    with closing(Connection(str(path))) as connection:
        connection.execute("BEGIN IMMEDIATE")
        yield
        connection.execute("ROLLBACK")


def while_held(path: Path, waiting: Waiting, clock: Clock, work: Callable[[], Any]) -> Any:
    """Return what `work` returns. It waits for the write lock while the clock moves on by `WAITED`."""
    results: list[Any] = []
    thread = threading.Thread(target=lambda: results.append(work()))
    waiting.asked.clear()
    with held(path):
        thread.start()
        assert waiting.asked.wait(30), "the store did not ask for the write lock"
        clock.advance(WAITED)
    thread.join(30)
    return results[0]


def faults_of_the_lock(folder: Path, make: Make) -> list[str]:
    """Return what goes wrong when a store waits for the write lock for longer than a lease."""
    path, clock, waiting, faults = folder / "app.db", Clock(), Waiting(), list[str]()
    store = make(str(path), waiting.connect)
    store.open(clock)
    store.run([Put("q", (NewJob(b"1"), NewJob(b"2")))], clock)
    [claimed] = while_held(path, waiting, clock, lambda: store.run([Claim("q", 1, LEASE, HOLDER)], clock)).results
    for each in claimed:
        if each.lease_until != clock.monotonic + LEASE:
            faults.append(f"a claim at {clock.monotonic} got a lease until {each.lease_until}")

    [[job, *_]] = results_of(store, clock, Claim("q", 2, LEASE, HOLDER))
    [answer] = while_held(path, waiting, clock, lambda: store.run([Ack("q", job.id, job.token)], clock)).results
    if not isinstance(answer, LeaseLost):
        faults.append(f"an ack at {clock.monotonic} of a lease until {job.lease_until} was accepted")
    faults += faults_of_an_opening(path, make, clock, store)
    store.close()
    return faults


def faults_of_an_opening(path: Path, make: Make, clock: Clock, store: Store) -> list[str]:
    """Return what goes wrong when a store is opened while another one claims a job."""
    claimed: list[Any] = []

    def look(sql: str) -> str:
        if sql.startswith("PRAGMA synchronous") and not claimed:  # the last statement before the lock
            clock.advance(WAITED)
            _, [job] = results_of(store, clock, Put("other", (NewJob(b"3"),)), Claim("other", 1, LEASE, HOLDER))
            claimed.append(job)
        return sql

    late = make(str(path), partial(Connection, rewrite=look))
    late.open(clock)
    late.close()
    [[record]] = results_of(store, clock, Show(id=claimed[0].id))
    return [] if record.state == "leased" else ["an opening ended a lease that was valid"]
