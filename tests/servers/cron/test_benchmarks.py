"""The benchmark of schedulers: when its jobs are due, what it counts, and the table that it writes."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest

from benchmarks.crons.__main__ import CONTESTANTS, table
from benchmarks.crons.due import CASES, Due
from benchmarks.ours.crons import schedule
from regrow.servers.cron.when.explain import next_fires


@pytest.mark.parametrize("case", CASES)
def test_each_case_is_due_at_the_moment_alone(case: str) -> None:
    due = Due(10, lead=5.0)
    before = due.date - timedelta(seconds=100)
    first, *others = next_fires(schedule(due, case), after=before, count=2)
    assert first == due.date
    assert all(other - first >= timedelta(days=1) for other in others)


def test_the_report_has_the_median_and_the_tail(capsys: pytest.CaptureFixture[str]) -> None:
    due = Due(200, lead=5.0)
    due.late = [n / 1000 for n in range(200, 0, -1)]
    due.report()
    assert json.loads(capsys.readouterr().out) == [101.0, 198.0, 200.0]


@pytest.mark.parametrize("late", [[0.1] * 9, [0.1] * 11, [-0.001, *[0.1] * 9]])
def test_a_job_that_began_early_never_or_twice_is_refused(late: list[float]) -> None:
    due = Due(10, lead=5.0)
    due.late = late
    with pytest.raises(SystemExit, match="of 10 jobs began"):
        due.report()


def test_the_table_has_medians_over_the_rounds() -> None:
    figures = [[3.0, 30.0, 31.0], [1.0, 10.0, 11.0], [2.0, 2_000.0, 2_100.0]]
    found: dict[str, dict[str, list[list[float]]]] = {name: dict.fromkeys(CASES, figures) for name in CONTESTANTS}
    lines = table(found, 3, load=0.5).splitlines()
    assert "medians of 3 rounds" in lines[0]
    assert "before it the load of the machine was 0.5" in lines[0]
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[2:]]
    assert rows[0] == ["", *CASES]
    assert [row[0] for row in rows[2:]] == list(CONTESTANTS)
    assert {tuple(row[1:]) for row in rows[2:]} == {("2, 30",) * 3}
