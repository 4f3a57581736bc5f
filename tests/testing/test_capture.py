"""The reports that a test captures."""

from __future__ import annotations

import logging

import pytest

from regrow import GenServer, cast, process
from regrow.kernel.report import Report
from regrow.testing import Reports, StartSupervised, capture_reports, expect_down

TERMINATING = "GenServer terminating"


class Silent(GenServer[int]):
    pass


@pytest.mark.regrow
async def test_a_crash_is_one_report_with_its_parts(start_supervised: StartSupervised, reports: Reports) -> None:
    pid = await start_supervised((Silent, 7))
    cast(pid, "nonsense")
    await expect_down(pid, RuntimeError)
    report = reports.only(TERMINATING)
    assert (report.pid, report.state, report.module) == (pid, 7, Silent)
    assert reports.of(TERMINATING) == [report]
    assert "no handle_cast was provided" in reports.text()


@pytest.mark.regrow
async def test_a_kind_that_was_not_reported_fails(reports: Reports) -> None:
    with pytest.raises(AssertionError, match=rf"wanted one report '{TERMINATING}', got 0\. Logged were:\nnothing"):
        reports.only(TERMINATING)
    assert reports == []
    assert reports.text() == "nothing"


@pytest.mark.regrow
async def test_several_of_a_kind_are_shown(reports: Reports) -> None:
    for what in "ab":
        await expect_down(process.spawn(int, what))
    with pytest.raises(AssertionError, match=r"got 2\. Logged were:(.|\n)*literal(.|\n)*literal"):
        reports.only("process raised an exception")


def test_capture_reports_collects_within_its_block_and_restores_the_logger() -> None:
    logger = logging.getLogger("regrow")
    before = (logger.level, list(logger.handlers))
    log = logging.getLogger("regrow.gen_server")
    with capture_reports(logging.WARNING) as reports:
        log.info(Report("unseen"))
        log.warning(Report("seen", what=1))
        log.warning("a text of %d", 2)
    log.warning(Report("late"))
    assert [str(one) for one in reports] == ["seen: what 1", "a text of 2"]
    assert (logger.level, list(logger.handlers)) == before
