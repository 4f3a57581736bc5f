"""The rate of claims: the level of a token bucket over time."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from regrow.servers.queue.rate import Rate


def test_a_bucket_that_was_never_used_is_full() -> None:
    assert Rate(10).level(None, 0.0, 5.0) == 10.0
    assert Rate(10, burst=3).level(None, 0.0, 5.0) == 3.0


def test_tokens_come_with_time_up_to_the_burst() -> None:
    rate = Rate(10, per=60.0, burst=4)
    assert rate.level(0.0, 100.0, 106.0) == pytest.approx(1.0)
    assert rate.level(2.5, 100.0, 103.0) == pytest.approx(3.0)
    assert rate.level(0.0, 100.0, 1e6) == 4.0


def test_a_clock_that_began_again_gives_no_token_and_takes_none() -> None:
    assert Rate(10).level(2.0, 1e6, 5.0) == 2.0


def test_a_bucket_that_has_become_smaller_is_cut() -> None:
    assert Rate(2).level(9.0, 5.0, 5.0) == 2.0


def test_the_wait_is_the_time_to_a_whole_token() -> None:
    rate = Rate(10, per=timedelta(minutes=1))
    assert rate.wait(0.0) == pytest.approx(6.0)
    assert rate.wait(0.5) == pytest.approx(3.0)
    assert rate.wait(1.0) == 0.0
    assert rate.wait(7.0) == 0.0


@pytest.mark.parametrize(("level", "claims"), [(0.0, 0), (0.99, 0), (1.0, 1), (2.7, 2), (1 - 1e-9, 1), (-1.5, 0)])
def test_claims_are_whole_tokens(level: float, claims: int) -> None:
    assert Rate(5).claims(level) == claims


@pytest.mark.parametrize("limit", [0.1, 0.3, 1 / 3, 0.7, 3, 7, 1e4])
@pytest.mark.parametrize("now", [0.1, 12345.678, 1e9 / 7])
def test_after_the_wait_there_is_a_token(limit: float, now: float) -> None:
    rate = Rate(limit, burst=1)
    assert rate.claims(rate.level(0.0, now, now + rate.wait(0.0)))


def test_a_token_that_is_rounded_up_is_not_given_twice() -> None:
    rate = Rate(1e6)
    tokens, claims = 0.0, 0
    for step in range(1, 1001):
        tokens = rate.level(tokens, (step - 1) * 1e-7, step * 1e-7)
        claims += (found := rate.claims(tokens))
        tokens -= found
    assert claims == 100


def test_a_rate_below_one_has_a_bucket_for_one_claim() -> None:
    rate = Rate(1, per=10.0)
    assert rate.size == 1.0
    slow = Rate(0.5)
    assert slow.size == 1.0
    assert slow.claims(slow.level(None, 0.0, 0.0)) == 1
    assert slow.wait(0.0) == pytest.approx(2.0)


@pytest.mark.parametrize(
    "wrong",
    [
        {"limit": 0},
        {"limit": -1},
        {"limit": float("inf")},
        {"limit": float("nan")},
        {"limit": 1, "per": 0.0},
        {"limit": 1, "per": timedelta(0)},
        {"limit": 1, "per": float("nan")},
        {"limit": 1, "burst": 0},
        {"limit": 1, "burst": 0.5},
        {"limit": 1, "burst": float("inf")},
    ],
)
def test_a_rate_out_of_its_range_is_refused_by_name(wrong: dict[str, Any]) -> None:
    name = list(wrong)[-1]
    with pytest.raises(ValueError, match=rf"Rate\({name}=\): wanted"):
        Rate(**wrong)
