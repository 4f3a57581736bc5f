"""What `kill -9` leaves of a store, at counted and at random moments."""

from __future__ import annotations

import threading
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from random import Random

import pytest

from regrow.servers.queue.ops import Show
from regrow.servers.queue.sqlite.store import SQLite
from tests.once import once
from tests.servers.queue.proofs.examine import examine
from tests.servers.queue.proofs.killed import nursery
from tests.servers.queue.proofs.ledger import Ledger
from tests.servers.queue.proofs.programs import eventually
from tests.servers.queue.proofs.workload import Clock, RealClock, results_of

pytestmark = once


@pytest.mark.parametrize(("size", "steps"), [(1, 40), (20, 6)], ids=["one client", "groups of 20"])
def test_a_kill_at_any_write_loses_nothing_that_was_acknowledged(folder: Path, size: int, steps: int) -> None:
    with nursery() as children:
        for kill_at in range(0, 10_000, 5):
            path = folder / f"{kill_at}.db"
            ledger, clock = Ledger(), Clock()
            killed = children.run(path, ledger, clock, seed=size, steps=steps, size=size, kill_at=kill_at)
            assert examine(str(path), ledger, clock, SQLite, reboot=False) == [], f"killed at {kill_at}"
            if not killed:
                assert kill_at > 100
                return


def test_kills_at_random_moments_lose_nothing_that_was_acknowledged(folder: Path) -> None:
    path, ledger, clock, random = folder / "app.db", Ledger(), Clock(), Random(7)
    with nursery() as children:
        for seed in range(8):
            after = random.randint(1, 120)
            assert children.run(path, ledger, clock, seed=seed, size=random.choice((1, 5)), kill_after=after)
            settle(path, ledger, clock)
            assert ledger.faults == [], f"kill {seed}"
    assert len(ledger.jobs) > 50
    assert examine(str(path), ledger, clock, SQLite, reboot=False) == []


def test_a_kill_does_not_hold_up_a_process_beside(folder: Path) -> None:
    path, steady, killed, random = folder / "app.db", Ledger(), Ledger(), Random(5)
    stop = threading.Event()
    with nursery() as one, nursery() as other, ExitStack() as stack:
        beside = threading.Thread(
            target=one.run, args=(path, steady, Clock()), kwargs={"seed": 99, "stop": stop, "suffix": " beside"}
        )
        beside.start()
        stack.callback(stop.set)
        for seed in range(4):
            before = len(steady.jobs)
            other.run(path, killed, Clock(), seed=seed, kill_after=random.randint(20, 200), suffix=" killed")
            settle(path, killed, RealClock(), " killed")
            eventually(partial(goes_on, steady, before))
        stop.set()
        beside.join(60)
    assert len(steady.jobs) > 100
    now = RealClock()()
    clock = Clock(now.wall, now.monotonic)
    steady.settle(reboot=False)
    steady.join(killed)
    assert examine(str(path), steady, clock, SQLite, reboot=False) == []


def goes_on(ledger: Ledger, jobs: int) -> bool:
    return len(ledger.jobs) > jobs


def settle(path: Path, ledger: Ledger, clock: Clock, suffix: str = "") -> None:
    """Find out what became of the requests that the killed process had in flight."""
    ledger.settle(reboot=False)
    store = SQLite(path)
    store.open(clock)
    [records] = results_of(store, clock, Show(after=0, count=100_000))
    ledger.compare([record for record in records if record.queue.endswith(suffix)])
    store.close()
