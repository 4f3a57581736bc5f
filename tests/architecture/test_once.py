"""The table of the tests that some runs leave out names files that exist, and each kind has a run."""

from __future__ import annotations

import pytest

from tests.once import LEFT_OUT, PLACES, REASONS, TESTS, kind_of, left_out


@pytest.mark.parametrize("place", PLACES)
def test_each_place_has_tests(place: str) -> None:
    found = [path for path in TESTS.rglob("test_*.py") if path.relative_to(TESTS).as_posix().startswith(place)]
    assert found
    assert PLACES[place] in REASONS


def test_the_first_run_leaves_out_nothing_and_the_second_loop_leaves_out_most() -> None:
    assert LEFT_OUT["first"] == ()
    assert set(LEFT_OUT["loop"]) == set(REASONS)


def test_the_longest_place_decides() -> None:
    assert kind_of(TESTS / "architecture" / "test_rules.py") == "once"
    assert kind_of(TESTS / "architecture" / "test_exports.py") == "own_loop"
    assert kind_of(TESTS / "kernel" / "test_fairness.py") is None
    assert kind_of(TESTS.parent / "docs" / "test_here.py") is None


@pytest.mark.parametrize(
    ("kind", "runs"),
    [("once", {"first"}), ("without_kernel", {"first", "python"}), ("own_loop", {"first", "python", "kernel"})],
)
def test_each_kind_has_its_runs(kind: str, runs: set[str]) -> None:
    assert {run for run in LEFT_OUT if not left_out(kind, run).args[0]} == runs


def test_the_main_part_is_left_out_nowhere() -> None:
    main = [path for name in ("behaviours", "kernel", "program") for path in (TESTS / name).rglob("test_*.py")]
    assert main
    assert [path for path in main if kind_of(path) is not None] == []
