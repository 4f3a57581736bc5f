"""The table of overlap: what becomes of a tick, by what is open already."""

from __future__ import annotations

from typing import get_args

import pytest

from regrow.servers.cron.policies.overlap import MOST_WAITING, OVERLAPS, Arrival, Overlap, arrive
from regrow.servers.cron.rows import Outcome, Reason, TickRow


def row(moment: int, outcome: Outcome, reason: Reason = "ran", cancel: int = 0) -> TickRow:
    """Return an open row."""
    return TickRow("job", moment, moment, reason, outcome, cancel=cancel)


RUNNING = row(10, "running")
WAITING = row(20, "waiting")
LATER = row(30, "waiting")
CAUGHT_UP = row(20, "waiting", "caught_up")
BACKFILLED = row(30, "waiting", "backfilled")
CANCELLED = row(10, "running", cancel=1)
MANY = [row(20 + n, "waiting") for n in range(MOST_WAITING)]

RUN = Arrival("run", "ran")
WAIT = Arrival("wait", "ran")


def skip(because: int, reason: Reason = "skipped_overlap") -> Arrival:
    """Return the fate of a tick that is skipped."""
    return Arrival("skip", reason, because)


ROWS: list[tuple[Overlap, list[TickRow], Arrival]] = [
    # one runs
    ("skip", [RUNNING], skip(10)),
    ("buffer_one", [RUNNING], WAIT),
    ("buffer_all", [RUNNING], WAIT),
    ("cancel_other", [RUNNING], Arrival("wait", "ran", None, (), (RUNNING,))),
    ("allow_all", [RUNNING], RUN),
    # one runs and one waits
    ("skip", [RUNNING, WAITING], skip(10)),
    ("buffer_one", [RUNNING, WAITING], skip(20)),
    ("buffer_all", [RUNNING, WAITING], WAIT),
    ("cancel_other", [RUNNING, WAITING], Arrival("wait", "ran", None, (WAITING,), (RUNNING,))),
    ("cancel_other", [CANCELLED, WAITING, LATER], Arrival("wait", "ran", None, (WAITING, LATER), ())),
    ("allow_all", [RUNNING, WAITING], RUN),
    # several run, after a change of the policy
    ("skip", [RUNNING, row(15, "running")], skip(10)),
    ("cancel_other", [RUNNING, row(15, "running")], Arrival("wait", "ran", None, (), (RUNNING, row(15, "running")))),
    # one waits and none runs
    ("skip", [WAITING], skip(20)),
    ("buffer_one", [WAITING], skip(20)),
    ("buffer_all", [WAITING], WAIT),
    ("cancel_other", [WAITING], Arrival("run", "ran", None, (WAITING,), ())),
    ("allow_all", [WAITING], RUN),
    # the buffer
    ("buffer_all", [RUNNING, *MANY[:-1]], WAIT),
    ("buffer_all", [RUNNING, *MANY], skip(20 + MOST_WAITING - 1, "skipped_buffer_full")),
]


@pytest.mark.parametrize(("overlap", "opened", "arrival"), ROWS)
def test_a_row_of_the_table(overlap: Overlap, opened: list[TickRow], arrival: Arrival) -> None:
    assert arrive(overlap, "ran", opened) == arrival
    triggered = arrive(overlap, "triggered", opened)
    wanted = arrival if arrival.what == "skip" else arrival._replace(reason="triggered")
    assert triggered == wanted


@pytest.mark.parametrize("overlap", OVERLAPS)
@pytest.mark.parametrize("reason", ["ran", "caught_up", "triggered", "backfilled"])
def test_a_tick_runs_if_none_does(overlap: Overlap, reason: Reason) -> None:
    assert arrive(overlap, reason, []) == Arrival("run", reason)


@pytest.mark.parametrize("overlap", OVERLAPS)
@pytest.mark.parametrize("reason", ["caught_up", "backfilled"])
@pytest.mark.parametrize("opened", [[RUNNING], [WAITING], [RUNNING, WAITING, LATER], [RUNNING, *MANY]])
def test_what_is_caught_up_or_backfilled_is_never_skipped(
    overlap: Overlap, reason: Reason, opened: list[TickRow]
) -> None:
    wanted = "run" if overlap == "allow_all" else "wait"
    assert arrive(overlap, reason, opened) == Arrival(wanted, reason)  # type: ignore[arg-type]


@pytest.mark.parametrize("overlap", OVERLAPS)
@pytest.mark.parametrize("older", [[CAUGHT_UP], [RUNNING, BACKFILLED], [RUNNING, CAUGHT_UP, BACKFILLED]])
def test_a_tick_that_is_due_stands_behind_those(overlap: Overlap, older: list[TickRow]) -> None:
    assert arrive(overlap, "ran", older) == (RUN if overlap == "allow_all" else WAIT)


@pytest.mark.parametrize("overlap", ["skip", "buffer_one"])
def test_the_second_one_behind_them_is_skipped(overlap: Overlap) -> None:
    behind = row(40, "waiting")
    assert arrive(overlap, "ran", [RUNNING, BACKFILLED, behind]) == skip(40)


def test_with_buffer_all_more_stand_behind_them_and_with_cancel_other_the_newest() -> None:
    behind = row(40, "waiting")
    assert arrive("buffer_all", "ran", [RUNNING, BACKFILLED, behind]) == WAIT
    assert arrive("buffer_all", "ran", [RUNNING, BACKFILLED, *MANY]).reason == "skipped_buffer_full"
    assert arrive("cancel_other", "ran", [RUNNING, BACKFILLED, behind]) == Arrival("wait", "ran", None, (behind,), ())


def test_the_table_is_whole() -> None:
    assert get_args(Overlap) == OVERLAPS
    assert {overlap for overlap, *_ in ROWS} == set(OVERLAPS)
    assert MOST_WAITING == 1000
