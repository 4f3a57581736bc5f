"""A job that kills its program goes to the dead letters, with a report of each attempt."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from regrow.servers.queue.ops import Claim, NewJob, Put, ReadDead
from regrow.servers.queue.sqlite.store import SQLite
from tests.once import once
from tests.servers.queue.proofs.broken import BROKEN, POISON
from tests.servers.queue.proofs.power import connects
from tests.servers.queue.proofs.programs import eventually, program
from tests.servers.queue.proofs.sharing import clocks
from tests.servers.queue.proofs.workload import HOLDER, Clock, results_of


def test_a_job_that_kills_its_program_is_dead_after_its_attempts(folder: Path) -> None:
    path = folder / "app.db"
    store = SQLite(path)
    store.open(clocks)
    results_of(store, clocks, Put("poison", (NewJob(b'"bad"', max_attempts=3),)))
    pids: list[int] = []
    for attempt in (1, 2, 3):
        with program("work", path) as worker:
            assert worker.ended() == -9
            assert [report for report in worker.reports if report[0] == "begin"] == [["begin", "bad", attempt]]
            pids.append(worker.process.pid)

    with program("work", path) as worker:
        worker.ready()
        eventually(lambda: results_of(store, clocks, ReadDead("poison")) != [[]])
        assert not [report for report in worker.reports if report[0] == "begin"]
    [[dead]] = results_of(store, clocks, ReadDead("poison"))
    assert (dead.attempts, [error.kind for error in dead.errors]) == (3, ["LeaseLost"] * 3)
    for error, pid in zip(dead.errors, pids, strict=True):
        assert f"{os.uname().nodename}:{pid}:<" in error.message
    store.close()


@once
@pytest.mark.parametrize(("name", "claims"), POISON.items())
def test_the_attempts_of_a_job_end_because_a_claim_counts(folder: Path, name: str, claims: int) -> None:
    broken, clock, path = BROKEN[name], Clock(), str(folder / "app.db")
    store = broken.make(path, connects(broken.rewrite))
    store.open(clock)
    results_of(store, clock, Put("q", (NewJob(b"bad", max_attempts=3),)))
    count = 0
    for _ in range(10):
        [claimed] = results_of(store, clock, Claim("q", 1, 30.0, HOLDER))
        count += len(claimed)
        clock.advance(31.0)
    assert count == claims
    store.close()
