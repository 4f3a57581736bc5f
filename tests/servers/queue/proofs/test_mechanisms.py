"""Each proof finds a fault in a store that lacks its mechanism."""

from __future__ import annotations

from pathlib import Path

import pytest

from regrow.servers.queue.store import Store
from tests.once import once
from tests.servers.queue.proofs.broken import BROKEN, KILL, LOCK, POWER_CUT, PROOFS, SECOND_CUT
from tests.servers.queue.proofs.examine import examine
from tests.servers.queue.proofs.killed import nursery
from tests.servers.queue.proofs.ledger import Ledger
from tests.servers.queue.proofs.locking import faults_of_the_lock
from tests.servers.queue.proofs.power import connects, faults_of, record, resumed
from tests.servers.queue.proofs.workload import Clock

pytestmark = once


def test_each_mechanism_has_a_proof_that_notices() -> None:
    assert {name for proof in PROOFS for name in proof} == BROKEN.keys() - {""}


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


@pytest.mark.parametrize("name", LOCK)
def test_a_wait_for_the_lock_shows_that_the_time_is_read_too_early(folder: Path, name: str) -> None:
    found = faults_of_the_lock(folder, BROKEN[name].make)
    assert [word for word in LOCK[name] if any(word in line for line in found)] == [*LOCK[name]]


def second_cut(folder: Path, name: str) -> list[str]:
    """Return what is wrong after a power cut, an opening with one request, and another power cut."""
    broken, found = BROKEN[name], list[str]()
    first_folder = folder / "first"
    first_folder.mkdir(parents=True)
    first = record(first_folder, broken.make, seed=1, steps=10, size=2, rewrite=broken.rewrite)
    for seed in range(6):
        run_folder, cut_folder = folder / f"run {seed}", folder / f"cut {seed}"
        run_folder.mkdir()
        cut_folder.mkdir()
        before = resumed(first, len(first.events))
        second = record(run_folder, broken.make, seed=seed, steps=1, size=1, rewrite=broken.rewrite, before=before)
        for _, faults in faults_of(cut_folder, second, broken.make, rewrite=broken.rewrite, enough=1_000):
            found += faults
    return found


def test_a_power_cut_after_an_opening_and_one_request_repeats_no_token(folder: Path) -> None:
    assert second_cut(folder, "") == []


@pytest.mark.parametrize("name", SECOND_CUT)
def test_a_second_power_cut_shows_that_an_opening_was_not_synced(folder: Path, name: str) -> None:
    assert any(SECOND_CUT[name] in fault for fault in second_cut(folder, name))
