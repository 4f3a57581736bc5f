"""The cost of each request with very many jobs waiting, counted in steps of SQLite's machine, not in time.

REGROW_WAITING sets their number: `make proofs` tries a million.
"""

from __future__ import annotations

import os
import sqlite3
from pathlib import Path
from typing import Any

import pytest

from regrow.servers.queue.ops import Ack, Claim, Count, Extend, Nack, NewJob, Op, Peek, Put, ReadDead, ReadStats
from regrow.servers.queue.sqlite.store import SQLite
from tests.once import once
from tests.servers.queue.proofs.broken import replaced
from tests.servers.queue.proofs.connection import Rewrite
from tests.servers.queue.proofs.workload import HOLDER, Clock, results_of

pytestmark = once

WAITING = int(os.environ.get("REGROW_WAITING", "200000"))
BATCH = 1_000
FEW = 8


class Counted:
    """A store whose connection counts the steps."""

    def __init__(self, path: Path, rewrite: Rewrite | None = None) -> None:
        self.steps = 0
        self.rewrite = rewrite
        self.connection: Any = None
        self.clock = Clock()
        self.store = SQLite(path, connect=self.connect)
        self.store.open(self.clock)

    def connect(self, path: str) -> Any:
        rewrite = self.rewrite

        class Rewritten(sqlite3.Connection):
            def execute(self, sql: str, parameters: Any = (), /) -> sqlite3.Cursor:
                return super().execute(sql if rewrite is None else rewrite(sql) or "", parameters)

        connection = sqlite3.connect(path, isolation_level=None, factory=Rewritten)
        if self.connection is None:  # a check has a second one
            self.connection = connection
        return connection

    def step(self) -> None:
        self.steps += 1

    def count(self, op: Op) -> tuple[int, Any]:
        """Return the steps of a commit, and its result."""
        self.steps = 0
        self.connection.set_progress_handler(self.step, 1)
        [result] = results_of(self.store, self.clock, op)
        self.connection.set_progress_handler(None, 0)
        return self.steps, result

    def costs(self) -> dict[str, int]:
        """Return the steps of each request, for one job."""
        costs: dict[str, int] = {}
        kinds: dict[str, dict[str, Any]] = {
            "put": {},
            "put in a group": {"group": "new"},
            "put with a key": {"key": "new"},
        }
        for name, options in kinds.items():
            costs[name], [put] = self.count(Put("q", (NewJob(b"x", priority=-1, **options),), 10_000_000))
            costs[f"{name}: claim"], [job] = self.count(Claim("q", 1, 30.0, HOLDER))
            assert job.id == put.id
            costs[f"{name}: extend"], _ = self.count(Extend("q", ((job.id, job.token),), 30.0))
            if name == "put":
                costs["nack"], _ = self.count(Nack("q", job.id, job.token, "retry"))
                [[job]] = results_of(self.store, self.clock, Claim("q", 1, 30.0, HOLDER))
            costs[f"{name}: ack"], none = self.count(Ack("q", job.id, job.token))
            assert none is None
        for op in (Count("q"), Peek("q", 3), ReadDead("q", 3)):
            costs[type(op).__name__], _ = self.count(op)
        return costs


def test_no_request_costs_more_steps_with_very_many_jobs_waiting(folder: Path) -> None:
    counted = Counted(folder / "app.db")
    assert more_expensive(counted, WAITING) == {}

    counted.store.close()
    counted.store.open(counted.clock)
    live = FEW + WAITING // BATCH * BATCH + BATCH
    assert results_of(counted.store, counted.clock, Count("q")) == [live]
    [stats] = results_of(counted.store, counted.clock, ReadStats("q"))
    assert stats["q"].ready + stats["q"].delayed + stats["q"].blocked == live
    assert counted.store.check() == []
    counted.store.close()


@pytest.mark.parametrize(
    ("index", "by", "request_"),
    [
        (r"\(queue, priority, id\) WHERE state='ready'", "(queue) WHERE state='ready'", "put: claim"),
        (r"\(queue, grp, id\)", "(queue)", "put in a group"),
    ],
    ids=["ready", "group"],
)
def test_the_steps_show_that_an_index_is_missing(folder: Path, index: str, by: str, request_: str) -> None:
    counted = Counted(folder / "app.db", replaced(index, by))
    assert request_ in more_expensive(counted, 3 * BATCH)
    counted.store.close()


def more_expensive(counted: Counted, waiting: int) -> dict[str, tuple[int, int]]:
    """Return the requests that cost more steps with so many jobs waiting, and their steps before and after."""
    few = [NewJob(b"few", priority=number % 3, delay=number % 2 * 1e6) for number in range(FEW)]
    results_of(counted.store, counted.clock, Put("q", tuple(few)), Put("other", tuple(few)))
    counted.costs()
    before = counted.costs()

    many = tuple(NewJob(b"x" * 100, priority=number % 3, delay=number % 4 // 3 * 1e6) for number in range(BATCH))
    for _ in range(waiting // BATCH):
        results_of(counted.store, counted.clock, Put("q", many))
    blocked = tuple(NewJob(b"blocked", group="g") for _ in range(BATCH))
    results_of(counted.store, counted.clock, Put("q", blocked), Put("other", blocked))

    after = counted.costs()
    return {name: (before[name], after[name]) for name in before if after[name] > before[name] + 20}
