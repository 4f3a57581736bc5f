"""The counts of `make conformance`, in a separate run with several workers."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import Literal

import pytest

from tests.conformance.catalogue import Row
from tests.conformance.plugin import Tally

TOP = Path(__file__).parents[2]

TESTS = """
import pytest

@pytest.mark.otp("AP-001")
def test_passes(): pass

@pytest.mark.otp("AP-016", "AP-004")
def test_passes_for_two(): pass

@pytest.mark.otp("AP-004")
def test_fails(): assert False

@pytest.mark.otp("AP-003")
def test_is_skipped(): pytest.skip("not here")

@pytest.mark.otp("AP-007")
@pytest.mark.xfail
def test_is_expected_to_fail(): assert False

@pytest.mark.otp("XX-999")
def test_of_no_row(): pass
"""


def test_only_rows_of_passed_tests_are_proved(tmp_path: Path) -> None:
    (tmp_path / "test_rows.py").write_text(TESTS, encoding="utf-8")
    options = ["-p", "tests.conformance.plugin", "-p", "no:cacheprovider", "-n", "2", "-c", "pyproject.toml"]
    ended = subprocess.run(
        [sys.executable, "-m", "pytest", *options, "--rootdir", str(tmp_path), str(tmp_path)],
        cwd=TOP,
        capture_output=True,
        text=True,
        check=False,
        timeout=50,
    )
    told = ended.stdout
    assert ended.returncode == 1, told + ended.stderr
    assert numbers_of("application", told)[1:5] == [1, 1, 0, 2], told
    assert ids_of("failing in application:", told) == {"AP-004", "AP-007"}
    assert "AP-003" in ids_of("missing in application:", told)
    assert ids_of("in no row that applies:", told) == {"XX-999"}


ROWS = {
    "GS-001": Row("GS-001", "gen_server", "yes"),
    "GS-002": Row("GS-002", "gen_server", "adapt: in seconds"),
    "TM-001": Row("TM-001", "timer", "yes"),
}


def test_the_run_passes_when_every_row_is_settled() -> None:
    tally = Tally(ROWS, ["TM-001"])
    tally.count(["GS-001", "GS-002"], report("passed"))
    assert [tally.state(row) for row in ROWS.values()] == ["proved", "adapted", "rejected"]
    assert tally.complete
    assert list(tally.left_to_do()) == []
    assert list(tally.table())[-1] == "3 of 3 rows are settled"


def test_a_row_is_not_proved_by_a_set_up_that_passes() -> None:
    tally = Tally(ROWS, ["TM-001"])
    tally.count(["GS-001", "GS-002"], report("passed", when="setup"))
    assert tally.state(ROWS["GS-001"]) == "missing"
    assert not tally.complete


def test_a_failure_outweighs_passed_tests() -> None:
    tally = Tally(ROWS, [])
    tally.count(["GS-001"], report("passed"))
    tally.count(["GS-001"], report("failed", when="teardown"))
    tally.count(["GS-001"], report("passed"))
    assert tally.state(ROWS["GS-001"]) == "failing"


def report(
    outcome: Literal["passed", "failed"], when: Literal["setup", "call", "teardown"] = "call"
) -> pytest.TestReport:
    return pytest.TestReport("test_one", ("test_one.py", 0, "test_one"), {}, outcome, None, when)


def numbers_of(area: str, told: str) -> list[int]:
    found = re.search(rf"^{area} +(.+)$", told, re.MULTILINE)
    assert found, told
    return [int(number) for number in found[1].split()]


def ids_of(title: str, told: str) -> set[str]:
    found = re.search(rf"^{re.escape(title)}\n((?:  .+\n)+)", told, re.MULTILINE)
    assert found, told
    return set(found[1].split())
