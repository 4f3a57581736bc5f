"""`Tick`: its key, its words, and how it is made of a row of the ledger."""

from __future__ import annotations

import pickle
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from regrow.cron import NotInRun, Tick, current
from regrow.servers.cron.rows import REASONS, TickRow
from regrow.servers.cron.tick import late_words, moment_words, run_for, span, tick_of
from regrow.servers.cron.when.moments import micros

NEW_YORK = ZoneInfo("America/New_York")
MOMENT = datetime(2026, 11, 1, 5, 30, tzinfo=UTC)
WEDNESDAY = datetime(2026, 10, 21, 2, 30, tzinfo=UTC)


def tick(reason: Any = "ran", **changes: Any) -> Tick:
    """Return a tick."""
    return replace(Tick("report", MOMENT, MOMENT, reason), **changes)


def test_the_key_names_the_job_and_the_instant() -> None:
    assert tick().key == "report@2026-11-01T05:30:00Z"
    assert tick(scheduled_for=MOMENT + timedelta(microseconds=5)).key == "report@2026-11-01T05:30:00.000005Z"
    first = datetime(2026, 11, 1, 1, 30, tzinfo=NEW_YORK)
    assert first == first.replace(fold=1)  # Python compares the dates of one zone by their wall time
    assert tick(scheduled_for=first).key == "report@2026-11-01T05:30:00Z"
    assert tick(scheduled_for=first.replace(fold=1)).key == "report@2026-11-01T06:30:00Z"


def test_the_repr() -> None:
    assert repr(tick(outcome="failed")) == "<Tick report@2026-11-01T05:30:00Z: ran, failed>"
    assert repr(tick("missed")) == "<Tick report@2026-11-01T05:30:00Z: missed, did not run>"


def test_a_tick_is_a_value() -> None:
    assert tick() == tick()
    assert hash(tick()) == hash(tick())
    assert pickle.loads(pickle.dumps(tick())) == tick()
    with pytest.raises(AttributeError):
        tick().job = "other"  # type: ignore[misc]


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (tick(), "ran"),
        (tick(late=0.99), "ran"),
        (tick(late=4.2), "ran, late by 4.2 s"),
        (tick("caught_up"), "caught up"),
        (tick("caught_up", late=0.5), "caught up, late by 0.5 s"),
        (tick("caught_up", late=11_400.0), "caught up, late by 3h 10m"),
        (tick("triggered", late=5.0), "triggered"),
        (tick("backfilled", late=500_000.0), "backfilled"),
        (tick("skipped_overlap", because=WEDNESDAY), "skipped: overlap with Wed 02:30"),
        (tick("skipped_overlap", because=WEDNESDAY + timedelta(seconds=5)), "skipped: overlap with Wed 02:30:05"),
        (tick("skipped_buffer_full", because=WEDNESDAY), "skipped: too many wait"),
        (tick("skipped_paused"), "skipped: paused"),
        (
            tick("skipped_paused", ticks=2, until=WEDNESDAY),
            "skipped: paused (2 ticks until Wed 2026-10-21 02:30)",
        ),
        (tick("coalesced", because=WEDNESDAY), "coalesced into Wed 02:30"),
        (
            tick("coalesced", because=WEDNESDAY, ticks=1234, until=WEDNESDAY),
            "coalesced into Wed 02:30 (1,234 ticks until Wed 2026-10-21 02:30)",
        ),
        (tick("missed"), "missed: not running"),
        (tick("missed", ticks=-1, until=WEDNESDAY), "missed: not running (10,000+ ticks until Wed 2026-10-21 02:30)"),
    ],
)
def test_the_words(given: Tick, words: str) -> None:
    assert given.words == words


def test_each_reason_has_words() -> None:
    assert all(tick(reason, because=MOMENT).words for reason in REASONS)


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0.0, "0.0 s"),
        (4.24, "4.2 s"),
        (59.94, "59.9 s"),
        (59.97, "1m"),
        (60, "1m"),
        (61, "1m 1s"),
        (192, "3m 12s"),
        (3599.6, "1h"),
        (3600, "1h"),
        (32_580, "9h 3m"),
        (86_400, "1d"),
        (5 * 86_400 + 3 * 3600, "5d 3h"),
    ],
)
def test_durations_in_words(seconds: float, words: str) -> None:
    assert span(seconds) == words
    assert late_words(seconds, 1.0) == ("" if seconds < 1 else f", late by {words}")


def test_moments_in_words() -> None:
    assert moment_words(WEDNESDAY) == "Wed 02:30"


def test_a_row_of_the_ledger_as_a_tick() -> None:
    at = micros(MOMENT)
    row = TickRow(
        "report",
        at,
        at + 2_000_000,
        "caught_up",
        "failed",
        2,
        "web-1/4711",
        3,
        1,
        at + 5_500_000,
        at + 6_000_000,
        "ValueError: no rows",
        at - 1,
        -1,
        at + 1,
        "00-1",
    )
    found = tick_of(row, NEW_YORK)
    assert found == Tick(
        "report",
        MOMENT.astimezone(NEW_YORK),
        (MOMENT + timedelta(seconds=2)).astimezone(NEW_YORK),
        "caught_up",
        "failed",
        (MOMENT + timedelta(seconds=5.5)).astimezone(NEW_YORK),
        (MOMENT + timedelta(seconds=6)).astimezone(NEW_YORK),
        3.5,
        2,
        "ValueError: no rows",
        "web-1/4711",
        (MOMENT - timedelta(microseconds=1)).astimezone(NEW_YORK),
        -1,
        (MOMENT + timedelta(microseconds=1)).astimezone(NEW_YORK),
        "00-1",
    )
    assert (found.scheduled_for.tzinfo, found.key) == (NEW_YORK, "report@2026-11-01T05:30:00Z")


def test_a_row_that_did_not_run() -> None:
    at = micros(MOMENT)
    found = tick_of(TickRow("report", at, at, "missed"), UTC)
    assert found == tick("missed")
    assert (found.started_at, found.late, found.owner, found.until) == (None, 0.0, "", None)


def test_a_start_before_it_was_due_is_not_late() -> None:
    at = micros(MOMENT)
    assert tick_of(TickRow("report", at, at, "ran", "running", started_at=at - 5), UTC).late == 0.0


def test_outside_of_a_run_there_is_no_tick() -> None:
    with pytest.raises(NotInRun, match="this code does not run for a tick of a cron job"):
        current()
    run_for(tick())
    try:
        assert current() == tick()
    finally:
        run_for(None)
    with pytest.raises(NotInRun):
        current()
