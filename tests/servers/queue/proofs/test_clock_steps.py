"""Steps of the wall clock, a reboot, and a commit that waits: which time a store goes by."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any

import pytest

from regrow.servers.queue.memory.store import Memory
from regrow.servers.queue.ops import Ack, Claim, Claimed, Extend, NewJob, Op, Put, Show
from regrow.servers.queue.rate import Rate
from regrow.servers.queue.sqlite.store import SQLite
from regrow.servers.queue.store import Store
from tests.once import once
from tests.servers.queue.proofs.broken import intact
from tests.servers.queue.proofs.locking import faults_of_the_lock
from tests.servers.queue.proofs.workload import HOLDER, Clock, results_of

pytestmark = once

DAY = 86_400.0
STORES: dict[str, Callable[[Path], Store]] = {
    "memory": lambda _: Memory(),
    "SQLite": lambda folder: SQLite(folder / "app.db"),
}


class Opened:
    """An open store and its clock."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.clock = Clock()
        store.open(self.clock)

    def run(self, *ops: Op) -> list[Any]:
        return results_of(self.store, self.clock, *ops)

    def claim(self, count: int = 1, *, lease: float = 30.0, rate: Rate | None = None) -> list[Claimed]:
        [claimed] = self.run(Claim("q", count, lease, HOLDER, rate))
        return list(claimed)

    def state(self, id: int) -> str:
        [[record]] = self.run(Show(id=id))
        return str(record.state)


@pytest.fixture(params=STORES)
def opened(request: pytest.FixtureRequest, folder: Path) -> Opened:
    return Opened(STORES[request.param](folder))


@pytest.mark.parametrize("step", [DAY, -DAY])
def test_a_step_of_the_wall_clock_neither_ends_nor_prolongs_a_lease(opened: Opened, step: float) -> None:
    opened.run(Put("q", (NewJob(b"1"), NewJob(b"2"))))
    first, second = opened.claim(2)
    opened.clock.wall += step
    assert opened.claim() == []
    [ends] = opened.run(Extend("q", ((first.id, first.token),), 50.0))
    assert ends == [opened.clock.monotonic + 50.0]
    opened.clock.advance(29.9)
    assert opened.claim() == []
    assert opened.run(Ack("q", first.id, first.token)) == [None]
    opened.clock.advance(0.2)
    [again] = opened.claim()
    assert (again.id, again.attempt) == (second.id, 2)


@pytest.mark.parametrize("step", [DAY, -DAY])
def test_a_step_of_the_wall_clock_gives_and_takes_no_token_of_a_rate(opened: Opened, step: float) -> None:
    rate = Rate(1, per=10.0, burst=2)
    opened.run(Put("q", tuple(NewJob(b"x") for _ in range(9))))
    assert len(opened.claim(9, rate=rate)) == 2
    opened.clock.wall += step
    assert opened.claim(9, rate=rate) == []
    opened.clock.advance(10.001)
    assert len(opened.claim(9, rate=rate)) == 1
    opened.clock.wall -= step
    assert opened.claim(9, rate=rate) == []


def test_a_delayed_job_becomes_ready_when_the_wall_clock_steps_to_its_time_and_is_done_once(opened: Opened) -> None:
    opened.run(Put("q", (NewJob(b"1", delay=3_600.0),)))
    assert opened.claim() == []
    opened.clock.wall += DAY
    [job] = opened.claim()
    opened.clock.wall -= DAY
    assert opened.claim() == []
    assert opened.run(Ack("q", job.id, job.token)) == [None]
    opened.clock.wall += 2 * DAY
    assert opened.claim() == []


@pytest.mark.parametrize("seed", range(5))
def test_each_delayed_job_is_done_once_however_the_wall_clock_walks(opened: Opened, seed: int) -> None:
    random, done, latest = Random(seed), list[bytes](), 0.0
    payloads = [b"%d" % number for number in range(20)]
    opened.run(Put("q", tuple(NewJob(payload, delay=random.uniform(0, DAY)) for payload in payloads)))
    for _ in range(60):
        opened.clock.wall += random.uniform(-DAY / 2, DAY / 2)
        opened.clock.advance(random.uniform(0, 20))
        latest = max(latest, opened.clock.wall)
        for job in opened.claim(3):
            assert job.due_at <= latest
            assert opened.run(Ack("q", job.id, job.token)) == [None]
            done.append(job.payload)
    opened.clock.wall += 40 * DAY
    done += [job.payload for job in opened.claim(20)]
    assert sorted(done) == sorted(payloads)


def test_a_reboot_ends_all_leases_with_a_report_and_greater_tokens(folder: Path) -> None:
    first = Opened(SQLite(folder / "app.db"))
    first.run(Put("q", (NewJob(b"1"), NewJob(b"2", max_attempts=1))))
    job, last = first.claim(2)
    first.store.close()

    after = Opened(SQLite(folder / "app.db"))
    after.store.close()
    after.clock.reboot()
    after.store.open(after.clock)
    assert after.state(last.id) == "dead"
    [again] = after.claim(2)
    assert (again.id, again.attempt, again.errors[0].kind) == (job.id, 2, "LeaseLost")
    assert HOLDER in again.errors[0].message
    assert again.token > job.token


def test_a_reboot_that_the_clock_does_not_show_costs_at_most_one_lease(folder: Path) -> None:
    first = Opened(SQLite(folder / "app.db"))
    first.run(Put("q", (NewJob(b"1"),)))
    [job] = first.claim(lease=30.0)
    first.store.close()
    after = Opened(SQLite(folder / "app.db"))
    after.clock.monotonic = first.clock.monotonic + 10.0
    assert after.claim() == []
    after.clock.advance(20.001)
    assert [each.id for each in after.claim()] == [job.id]


def test_the_time_of_a_commit_is_read_under_the_write_lock(folder: Path) -> None:
    assert faults_of_the_lock(folder, intact) == []
