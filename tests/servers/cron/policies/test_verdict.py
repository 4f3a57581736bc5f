"""The table of the ends of an attempt."""

from __future__ import annotations

from typing import get_args

import pytest

from regrow.servers.cron.policies.verdict import ENDS, Ending, How, Verdict, verdict
from regrow.servers.cron.rows import Outcome

AGAIN = None


def backoff(attempt: int) -> float:
    return 10.0 * attempt


@pytest.mark.parametrize(
    ("how", "attempts_left", "none_left"),
    [
        ("returned", "succeeded", "succeeded"),
        ("raised", AGAIN, "failed"),
        ("retry", AGAIN, "failed"),
        ("discard", "failed", "failed"),
        ("timed_out", AGAIN, "timed_out"),
        ("cancelled", "cancelled", "cancelled"),
    ],
)
def test_a_row_of_the_table(how: How, attempts_left: Outcome | None, none_left: Outcome) -> None:
    cases: list[tuple[int, int, Outcome | None]] = [
        (1, 1, none_left),
        (3, 3, none_left),
        (4, 3, none_left),
        (1, 2, attempts_left),
    ]
    for attempt, attempts, wanted in cases:
        found = verdict(Ending(how), attempt, attempts, backoff)
        assert found == (Verdict(wanted) if wanted else Verdict(None, 10.0 * attempt))


def test_the_delay_is_that_of_the_backoff_after_the_attempt() -> None:
    assert verdict(Ending("raised", "boom"), 3, 9, backoff) == Verdict(None, 30.0)


@pytest.mark.parametrize("delay", [0.0, 5.0])
def test_the_delay_of_the_code_comes_first(delay: float) -> None:
    assert verdict(Ending("retry", None, delay), 3, 9, backoff) == Verdict(None, delay)
    assert verdict(Ending("retry", None, delay), 9, 9, backoff) == Verdict("failed")


def test_the_backoff_is_not_asked_without_need() -> None:
    def fails(_: int) -> float:
        raise AssertionError

    assert verdict(Ending("raised"), 1, 1, fails) == Verdict("failed")
    assert verdict(Ending("retry", None, 1.0), 1, 2, fails) == Verdict(None, 1.0)


def test_the_table_is_whole() -> None:
    assert tuple(ENDS) == get_args(How)
