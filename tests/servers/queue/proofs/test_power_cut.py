"""What a power cut leaves at any moment of a run."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.once import once
from tests.servers.queue.proofs.broken import intact
from tests.servers.queue.proofs.power import faults_of, record, resumed

pytestmark = once


def two_folders(folder: Path) -> tuple[Path, Path]:
    run, cut = folder / "run", folder / "cut"
    run.mkdir(parents=True)
    cut.mkdir()
    return run, cut


@pytest.mark.parametrize(("size", "steps"), [(1, 30), (20, 5)], ids=["one client", "groups of 20"])
def test_a_power_cut_at_any_moment_loses_nothing_that_was_acknowledged(folder: Path, size: int, steps: int) -> None:
    run_folder, cut_folder = two_folders(folder)
    run = record(run_folder, intact, seed=size, steps=steps, size=size)
    assert [*faults_of(cut_folder, run, intact, enough=3)] == []


def test_a_second_power_cut_loses_nothing_and_repeats_no_token(folder: Path) -> None:
    first_folder, cut_folder = two_folders(folder / "first")
    first = record(first_folder, intact, seed=3, steps=25, size=3)
    for index in (len(first.events) // 2, len(first.events)):
        again_folder, cut_folder = two_folders(folder / str(index))
        second = record(again_folder, intact, seed=4, steps=8, size=3, before=resumed(first, index))
        assert [*faults_of(cut_folder, second, intact, enough=3)] == []
