"""The history of a job, as SQL stores keep it: the column may hold anything that another program wrote."""

from __future__ import annotations

import pytest

from regrow.servers.queue.history import errors_from, errors_to
from regrow.servers.queue.job import JobError

ERROR = JobError(2, 1.5, "ValueError", "no \u00e4", "Traceback")


def test_a_history_comes_back() -> None:
    assert errors_from(errors_to((ERROR, ERROR))) == (ERROR, ERROR)
    assert errors_to(()) is None
    assert errors_from(None) == ()


@pytest.mark.parametrize(
    "text", ["{", "[" * 100_000, "42", '"x"', "null", '{"attempt": 1}', "[1, null]", '[{"attempt": "1"}]']
)
def test_what_is_no_history_is_left_out(text: str) -> None:
    assert errors_from(text) == ()


@pytest.mark.parametrize("at", ["1" + "0" * 400, "1e400", "-Infinity", "NaN", "null", '"1"'])
def test_an_error_at_no_time_is_left_out(at: str) -> None:
    entry = '{"attempt": 1, "at": %s, "kind": "E", "message": "m"}'
    assert errors_from(f"[{entry % at}, {entry % 7}]") == (JobError(1, 7.0, "E", "m", ""),)
