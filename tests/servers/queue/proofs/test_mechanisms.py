"""Each proof finds a fault in a store that lacks its mechanism."""

from __future__ import annotations

from pathlib import Path

import pytest

from regrow.servers.queue.store import Store
from tests.servers.queue.proofs.broken import BROKEN
from tests.servers.queue.proofs.examine import examine
from tests.servers.queue.proofs.killed import nursery
from tests.servers.queue.proofs.ledger import Ledger
from tests.servers.queue.proofs.locking import faults_of_the_lock
from tests.servers.queue.proofs.marks import without_loop
from tests.servers.queue.proofs.power import connects, faults_of, record
from tests.servers.queue.proofs.workload import Clock

pytestmark = without_loop

# The words of a fault that a power cut shows.
POWER_CUT = {
    "synchronous normal": "is gone, acknowledged as live",
    "synchronous off": "is gone, acknowledged as live",
    "acks unsynced": "acknowledged as gone",
    "reply before the commit": "is gone, acknowledged as live",
    "no transaction": "the counters say",
    "token without opens": "got the token",
    "leases outlive a reboot": "still leased after a reboot",
    "counters aside": "the counters say",
    "no AUTOINCREMENT": "of another job",
    "token not looked at": "was accepted",
}


@pytest.mark.parametrize("name", POWER_CUT)
def test_a_power_cut_shows_that_a_mechanism_is_missing(folder: Path, name: str) -> None:
    run_folder, cut_folder = folder / "run", folder / "cut"
    run_folder.mkdir()
    cut_folder.mkdir()
    broken = BROKEN[name]
    run = record(run_folder, broken.make, seed=1, steps=40, size=1, rewrite=broken.rewrite)
    seen: list[str] = []
    for _, faults in faults_of(cut_folder, run, broken.make, rewrite=broken.rewrite, enough=1_000):
        seen += faults
        if any(POWER_CUT[name] in fault for fault in faults):
            return
    pytest.fail(f"no fault {POWER_CUT[name]!r}, but {seen[:10]}")


KILL = {
    "reply before the commit": "is gone, acknowledged as live",
    "no transaction": "the counters say",
    "claims hold no lease": "has two valid leases",
    "leases never end": "were never handed out",
    "groups do not wait": "was claimed before job",
    "token not looked at": "was accepted",
}


@pytest.mark.parametrize("name", KILL)
def test_a_kill_shows_that_a_mechanism_is_missing(folder: Path, name: str) -> None:
    broken = BROKEN[name]
    seen: list[str] = []
    with nursery() as children:
        for kill_at in range(40, 240, 9):
            path = folder / f"{kill_at}.db"
            ledger, clock = Ledger(), Clock()
            children.run(path, ledger, clock, seed=kill_at, steps=60, size=1, kill_at=kill_at, broken=name)

            def make(path: str) -> Store:
                return broken.make(path, connects(broken.rewrite))

            seen += examine(str(path), ledger, clock, make, reboot=False)
            if any(KILL[name] in fault for fault in seen):
                return
    pytest.fail(f"no fault {KILL[name]!r}, but {seen[:10]}")


def test_a_wait_for_the_lock_shows_that_the_time_is_read_too_early(folder: Path) -> None:
    found = faults_of_the_lock(folder, BROKEN["time read before the lock"].make)
    assert [
        word for word in ("a claim at", "an ack at", "an opening ended") if any(word in line for line in found)
    ] == [
        "a claim at",
        "an ack at",
        "an opening ended",
    ]
