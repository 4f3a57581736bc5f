"""The outcomes of an attempt: the backoff, the table of ends, and the history of errors."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from regrow.servers.queue.job import JobError
from regrow.servers.queue.outcome import Backoff, End, Left, lease_over, left, with_error


def test_a_backoff_grows_by_its_factor_up_to_the_most() -> None:
    assert [Backoff()(attempt) for attempt in (1, 2, 3, 10, 11)] == [5.0, 10.0, 20.0, 2560.0, 3600.0]
    assert [Backoff(1.0, 3.0, 20.0)(attempt) for attempt in range(1, 6)] == [1.0, 3.0, 9.0, 20.0, 20.0]
    assert [Backoff(7.0, 1.0)(attempt) for attempt in (1, 2, 99)] == [7.0] * 3
    assert Backoff(10.0, most=3.0)(1) == 3.0
    assert Backoff(0.0)(50) == 0.0


@pytest.mark.parametrize("factor", [2, 2.0, 1e300])
def test_a_backoff_of_very_many_attempts_is_the_most(factor: float) -> None:
    assert Backoff(5.0, factor)(1_000_000) == 3600.0


def test_a_backoff_takes_timedeltas() -> None:
    assert Backoff(timedelta(minutes=1), most=timedelta(hours=2))(8) == 7200.0
    assert Backoff(timedelta(minutes=1)) == Backoff(60.0)


@pytest.mark.parametrize(
    "wrong",
    [
        {"first": -1.0},
        {"first": float("nan")},
        {"first": timedelta(seconds=-1)},
        {"most": -0.1},
        {"most": float("inf")},
        {"factor": 0.5},
        {"factor": float("nan")},
        {"factor": float("inf")},
        {"jitter": -0.1},
        {"jitter": 1.1},
        {"jitter": float("nan")},
    ],
)
def test_a_backoff_out_of_its_range_is_refused_by_name(wrong: dict[str, Any]) -> None:
    (name,) = wrong
    with pytest.raises(ValueError, match=rf"Backoff\({name}=\): wanted"):
        Backoff(**wrong)


def test_jitter_spreads_jobs_within_its_share_and_repeats() -> None:
    backoff = Backoff(100.0, jitter=0.1)
    delays = [backoff.of_job(1, job) for job in range(1, 1001)]
    assert delays == [backoff.of_job(1, job) for job in range(1, 1001)]
    assert 90.0 <= min(delays) < 91.0
    assert 109.0 < max(delays) <= 110.0
    assert len(set(delays)) > 900
    assert abs(delays[0] - delays[1]) > 1.0
    assert backoff.of_job(2, 1) / 2 != delays[0]
    assert Backoff(100.0, jitter=0.0).of_job(1, 7) == 100.0


def test_no_delay_is_longer_than_the_most() -> None:
    assert max(Backoff(100.0, most=100.0, jitter=1.0).of_job(3, job) for job in range(1, 100)) == 100.0


@pytest.mark.parametrize(
    ("end", "attempt", "most", "delay", "state", "attempts"),
    [
        ("retry", 1, 3, 5.0, "delayed", 1),
        ("retry", 1, 3, 0.0, "ready", 1),
        ("retry", 3, 3, 5.0, "dead", 3),
        ("retry", 4, 3, 0.0, "dead", 4),
        ("snooze", 3, 3, 5.0, "delayed", 2),
        ("snooze", 1, 3, 0.0, "ready", 0),
        ("release", 1, 3, 5.0, "ready", 0),
        ("release", 3, 3, 0.0, "ready", 2),
        ("dead", 1, 3, 5.0, "dead", 1),
        ("dead", 3, 3, 0.0, "dead", 3),
        ("lease over", 1, 3, 0.0, "ready", 1),
        ("lease over", 3, 3, 0.0, "dead", 3),
    ],
)
def test_each_row_of_the_table_of_ends(
    end: End, attempt: int, most: int, delay: float, state: Left, attempts: int
) -> None:
    assert left(end, attempt, most, delay) == (state, attempts)


def test_a_history_keeps_the_last_ten_errors() -> None:
    errors: tuple[JobError, ...] = ()
    for attempt in range(1, 13):
        errors = with_error(errors, JobError(attempt, 0.0, "ValueError", "no"))
    assert [error.attempt for error in errors] == list(range(3, 13))
    assert with_error(errors, None) is errors


def test_a_lease_that_is_over_names_its_holder() -> None:
    error = lease_over(3, 17.0, "host:1:<worker>")
    assert (error.attempt, error.at, error.kind) == (3, 17.0, "LeaseLost")
    assert "host:1:<worker>" in error.message
    assert "unknown" in lease_over(1, 0.0, None).message
