"""The table of catch-up."""

from __future__ import annotations

from typing import get_args

import pytest

from regrow.servers.cron.policies.catch_up import CATCH_UP, MOST_CAUGHT_UP, ON_TIME, CatchUp


@pytest.mark.parametrize(
    ("catch_up", "on_time", "late", "older", "outside"),
    [
        ("skip", "ran", "missed", "missed", "missed"),
        ("run_once", "ran", "caught_up", "coalesced", "missed"),
        ("run_all", "ran", "caught_up", "caught_up", "missed"),
    ],
)
def test_a_row_of_the_table(catch_up: CatchUp, on_time: str, late: str, older: str, outside: str) -> None:
    reasons = CATCH_UP[catch_up]
    assert (reasons.on_time, reasons.late, reasons.older, reasons.outside) == (on_time, late, older, outside)


def test_the_table_is_whole() -> None:
    assert tuple(CATCH_UP) == get_args(CatchUp)
    assert (ON_TIME, MOST_CAUGHT_UP) == (60_000_000, 10_000)
