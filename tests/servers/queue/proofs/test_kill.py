"""What `kill -9` leaves of a store, at counted and at random moments."""

from __future__ import annotations

from pathlib import Path
from random import Random

import pytest

from regrow.servers.queue.ops import Show
from regrow.servers.queue.sqlite_store import SQLite
from tests.servers.queue.proofs.examine import examine
from tests.servers.queue.proofs.killed import nursery
from tests.servers.queue.proofs.ledger import Ledger
from tests.servers.queue.proofs.marks import without_loop
from tests.servers.queue.proofs.workload import Clock, results_of

pytestmark = without_loop


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


def settle(path: Path, ledger: Ledger, clock: Clock) -> None:
    """Find out what became of the requests that the killed process had in flight."""
    ledger.settle(reboot=False)
    store = SQLite(path)
    store.open(clock)
    ledger.compare(results_of(store, clock, Show(after=0, count=100_000))[0])
    store.close()
