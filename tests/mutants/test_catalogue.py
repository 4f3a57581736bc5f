"""Every mutant can still be made of the source; `make mutants` checks that tests fail with it."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.mutants.catalogue import MUTANTS, NEAREST
from tests.mutants.mutant import ROOT, Mutant, problems
from tests.mutants.run import COPIED, first_failure


def test_every_mutant_can_be_made() -> None:
    assert problems(MUTANTS) == []


def test_the_nearest_tests_exist() -> None:
    assert [path for paths in NEAREST.values() for path in paths if not (ROOT / path.partition("::")[0]).exists()] == []
    assert [path for path in NEAREST if not Mutant("", path, "", "").file().exists()] == []
    assert [name for name in COPIED if not (ROOT / name).exists()] == []


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        ("two", "two", "changes nothing"),
        ("three", "four", "is not in"),
        ("one", "two", "2 times"),
        ("= 2", "= =", "is no Python"),
        ("= 2", "= 3", None),
    ],
)
def test_problems_of_a_mutant_are_found(old: str, new: str, problem: str | None) -> None:
    found = Mutant("sample", "sample.py", old, new).problem("one = 1\none = 1\ntwo = 2\n")
    assert found is None if problem is None else problem in str(found)


def test_a_repeated_mutant_is_found() -> None:
    mutant = MUTANTS[0]
    assert problems([mutant, mutant._replace(name="another")]) == ["another: another one does the same"]
    other = MUTANTS[1]
    assert problems([mutant, other._replace(name=mutant.name)]) == [f"{mutant.name}: its name stands twice"]


def test_the_first_failed_test_is_named() -> None:
    assert (
        first_failure("..F\nFAILED tests/kernel/test_x.py::test_y - assert 0\n1 failed") == "kernel/test_x.py::test_y"
    )
    assert first_failure("+++ Timeout +++") == "a test that timed out"
    assert first_failure("nothing") == "a test whose name was not printed"
    assert Path(ROOT / "Makefile").read_text(encoding="utf-8").count("tests.mutants.run") == 1
