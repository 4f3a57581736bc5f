"""Schedules as values: equality, text, the text in the ledger, marks on functions, and the next ticks."""

from __future__ import annotations

import copy
import pickle
from dataclasses import FrozenInstanceError, fields
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from regrow.cron import EPOCH, At, Crontab, Every, Reboot, Schedule, at, cron, every, next_fires, reboot
from regrow.servers.cron.when.calendar import gap_tick
from regrow.servers.cron.when.marks import marks_of
from regrow.servers.cron.when.moments import LAST, datetime_of, iso_of, micros
from regrow.servers.cron.when.schedules import (
    count_between,
    next_after,
    previous_at_or_before,
    schedule_of,
    text_of,
    ticks_between,
)
from regrow.servers.cron.when.zones import Stretch

BERLIN, TOKYO, NEW_YORK, ZULU = (ZoneInfo(name) for name in ("Europe/Berlin", "Asia/Tokyo", "America/New_York", "UTC"))
DAY = datetime(2026, 10, 24, tzinfo=UTC)
SECOND = 1_000_000

# Two equal ones, another one, their text, and their text in a ledger of Berlin.
VALUES: list[tuple[Schedule, Schedule, Schedule, str, str]] = [
    (every(300), every(timedelta(minutes=5)), every(301), "every 5 min", "every 300000000"),
    (every(5, anchor=EPOCH), every(5.0, anchor=datetime_of(0, TOKYO)), every(5), "every 5 s", "every 5000000 from 0"),
    (
        every(0.001, anchor=datetime(1969, 12, 31, tzinfo=UTC)),
        Every(1000, -86_400 * SECOND),
        every(0.001),
        "every 0.001 s",
        "every 1000 from -86400000000",
    ),
    (cron("30 2 * * *"), cron(" 30  2 * *\t* "), cron("30 2 * * 1"), "30 2 * * *", "cron 30 2 * * * Europe/Berlin"),
    (
        cron("@daily", tz="Asia/Tokyo"),
        cron("@daily", tz=TOKYO),
        cron("@daily"),
        "@daily Asia/Tokyo",
        "cron @daily Asia/Tokyo",
    ),
    (
        cron("0 0 0 L * 5#2", tz="UTC"),
        Crontab("0 0 0 L * 5#2", ZULU),
        cron("0 0 0 L * 5#2", tz="Etc/UTC"),
        "0 0 0 L * 5#2 UTC",
        "cron 0 0 0 L * 5#2 UTC",
    ),
    (
        at(datetime(2027, 1, 4, 9, tzinfo=BERLIN)),
        at(datetime(2027, 1, 4, 8, tzinfo=UTC)),
        at(datetime(2027, 1, 4, 9, tzinfo=UTC)),
        "at 2027-01-04T09:00:00+01:00",
        "at 2027-01-04T08:00:00+00:00",
    ),
    (reboot(), cron("@reboot", tz="Asia/Tokyo"), every(1), "@reboot", "reboot"),
]


@pytest.mark.parametrize("row", VALUES, ids=lambda row: row[3])
def test_a_schedule_is_a_value(row: tuple[Schedule, Schedule, Schedule, str, str]) -> None:
    one, same, other, text, stored = row
    assert one == same
    assert hash(one) == hash(same)
    assert one != other
    assert len({one, same, other}) == 2
    assert str(one) == text
    assert text_of(one, BERLIN) == text_of(same, BERLIN) == stored
    assert text_of(other, BERLIN) != stored
    again = schedule_of(stored)
    assert text_of(again, TOKYO) == stored  # nothing in it depends on the zone of the reader
    assert type(again) is type(one)
    assert pickle.loads(pickle.dumps(one)) == one
    assert copy.deepcopy(one) == one
    for field in fields(one):
        with pytest.raises(FrozenInstanceError):
            setattr(one, field.name, None)


def test_moments_are_compared_as_instants() -> None:
    first, second = (at(datetime(2026, 10, 25, 2, 30, tzinfo=BERLIN, fold=fold)) for fold in (0, 1))
    assert first != second  # two dates of one zone would compare by wall time
    assert len({first, second}) == 2
    for one, hour in ((first, 0), (second, 1)):
        same = at(datetime(2026, 10, 25, hour, 30, tzinfo=UTC))
        assert one == same
        assert hash(one) == hash(same)
        assert schedule_of(text_of(one, BERLIN)) == one
    assert first != first.moment


@pytest.mark.parametrize("moment", [datetime.max.replace(tzinfo=NEW_YORK), datetime.min.replace(tzinfo=TOKYO)])
def test_a_moment_at_an_end_of_the_calendar_has_a_text(moment: datetime) -> None:
    stored = text_of(at(moment), BERLIN)
    assert text_of(schedule_of(stored), BERLIN) == stored
    assert next_fires(at(moment), after=datetime(2000, 1, 1, tzinfo=UTC)) == [] or moment.year > 1


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("cron * * * * * Mars/Base", "cannot be read: the ledger: this machine knows no time zone 'Mars/Base'"),
        ("cron 61 * * * * UTC", "cannot be read: '61"),
        ("cron UTC", "cannot be read"),
        ("every x", "cannot be read"),
        ("every 5 from", "cannot be read"),
        ("every 0", "cannot be read: wanted 1000 microseconds or more, and a hundred years at most; got 0"),
        ("every 999", "cannot be read: wanted 1000 microseconds"),
        ("every -300000000 from 0", "cannot be read: wanted 1000 microseconds"),
        ("every 3162240000000001", "cannot be read: wanted 1000 microseconds"),
        ("at 2027-01-04T08:00:00", "cannot be read"),
        ("at noon", "cannot be read"),
        ("reboot now", "does not know"),
        ("sunset 5", "does not know"),
        ("", "does not know"),
    ],
)
def test_a_text_of_the_ledger_that_cannot_be_read(text: str, problem: str) -> None:
    with pytest.raises(ValueError, match=problem) as caught:
        schedule_of(text)
    assert str(caught.value).startswith(f"the ledger has the schedule {text!r}, which ")


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.001, "0.001 s"),
        (0.25, "0.25 s"),
        (1, "1 s"),
        (1.000001, "1.000001 s"),
        (90, "1 min 30 s"),
        (3600, "1 h"),
        (5400, "1 h 30 min"),
        (86_400, "1 day"),
        (2 * 86_400 + 1.5, "2 days 1.5 s"),
        (12_345.678901, "3 h 25 min 45.678901 s"),
    ],
)
def test_the_words_of_an_interval(seconds: float, text: str) -> None:
    assert str(every(seconds)) == f"every {text}"


@pytest.mark.parametrize(("hours", "tick"), [(1, 0), (3 - 1 / 3600, 0), (3, None), (24, None)])
def test_a_gap_of_three_hours_is_a_lost_day(hours: float, tick: int | None) -> None:
    size = round(hours * 3600)
    part = Stretch(start=0, end=86_400, offset=size, before=0, floor=0)
    assert gap_tick(cron("30 0 * * *").fields, part) == tick  # type: ignore[union-attr]
    assert gap_tick(cron("30 */1 * * *").fields, part) is None  # type: ignore[union-attr]
    assert gap_tick(cron("30 5 * * *").fields, part) is None  # type: ignore[union-attr]


# Marks


@pytest.mark.parametrize("schedule", [every(5), cron("@daily"), at(DAY), reboot()], ids=str)
def test_a_schedule_marks_a_function(schedule: Any) -> None:
    def work(one: int = 1) -> int:
        return one

    assert schedule(work) is work
    assert [(mark.schedule, mark.policies) for mark in marks_of(work)] == [(schedule, {})]
    assert work(3) == 3


def test_marks_stand_in_the_order_of_the_source() -> None:
    @every(1)
    @every(2)
    @every(3)
    def work() -> None: ...

    assert [mark.schedule for mark in marks_of(work)] == [every(1), every(2), every(3)]


class Methods:
    def work(self) -> None: ...


@pytest.mark.parametrize("wrong", [5, None, "work", Methods, Methods().work, len], ids=range(6))
def test_only_functions_take_a_mark(wrong: Any) -> None:
    with pytest.raises(TypeError, match="a schedule decorates a function, "):
        every(5)(wrong)
    assert marks_of(wrong) == ()


def test_a_mark_of_a_partial_is_not_that_of_its_function() -> None:
    def work() -> None: ...

    other = every(5)(partial(work))
    assert len(marks_of(other)) == 1
    assert marks_of(work) == ()


# The next ticks


def test_the_ticks_of_an_interval() -> None:
    start = datetime(2024, 1, 1, 0, 0, 0, 500_000, tzinfo=UTC)
    found = next_fires(every(0.1), after=start, count=3)
    assert found == [start + timedelta(milliseconds=100 * n) for n in (1, 2, 3)]
    assert {one.tzinfo for one in found} == {UTC}
    aligned = every(3600, anchor=EPOCH)
    assert next_fires(aligned, after=start, count=1) == [datetime(2024, 1, 1, 1, tzinfo=UTC)]
    assert aligned.after(datetime(2024, 1, 1, 1, tzinfo=UTC)) == datetime(2024, 1, 1, 2, tzinfo=UTC)
    ahead = every(60, anchor=datetime(2030, 1, 1, tzinfo=UTC))
    assert ahead.after(start) == datetime(2030, 1, 1, 0, 1, tzinfo=UTC)


def test_the_ticks_of_an_interval_backwards_and_counted() -> None:
    schedule = every(10)
    between: dict[str, Any] = {"anchor": 1000 * SECOND, "zone": ZULU}
    ticks = list(ticks_between(schedule, 0, 1100 * SECOND, limit=99, **between))
    assert ticks == [(1000 + 10 * n) * SECOND for n in range(1, 11)]
    for after in (0, 1000, 1009, 1010, 1011):
        for until in (999, 1000, 1009, 1010, 1055, 1100):
            wanted = [tick for tick in ticks if after * SECOND < tick <= until * SECOND]
            last = previous_at_or_before(schedule, until * SECOND, after=after * SECOND, **between)
            assert last == (wanted[-1] if wanted else None)
            assert count_between(schedule, after * SECOND, until * SECOND, **between) == len(wanted)
            assert count_between(schedule, after * SECOND, until * SECOND, most=3, **between) == min(4, len(wanted))
    assert list(ticks_between(schedule, 0, 1100 * SECOND, limit=3, **between)) == ticks[:3]


def test_the_count_of_a_week_of_seconds_is_quick() -> None:
    count = count_between(every(0.001), 0, LAST, anchor=0, zone=ZULU)
    assert count == 10_001


def test_a_moment_has_one_tick() -> None:
    moment = datetime(2026, 10, 25, 2, 30, tzinfo=BERLIN, fold=1)
    schedule = at(moment)
    tick = micros(moment)
    (found,) = next_fires(schedule, after=DAY)
    assert (found.isoformat(), micros(found)) == ("2026-10-25T02:30:00+01:00", tick)
    assert schedule.after(datetime_of(tick)) is None
    assert schedule.after(datetime_of(tick - 1)) is not None
    for after, until, wanted in [(tick - 1, tick, tick), (tick, tick + 1, None), (tick - 2, tick - 1, None)]:
        assert previous_at_or_before(schedule, until, after=after, anchor=0, zone=ZULU) == wanted


def test_a_start_has_no_tick_by_the_clock() -> None:
    assert next_fires(reboot()) == []
    assert Reboot().after(DAY) is None
    assert previous_at_or_before(reboot(), LAST, after=0, anchor=0, zone=ZULU) is None


def test_the_ticks_of_an_expression_are_in_its_zone() -> None:
    (tick,) = next_fires(cron("30 2 * * *", tz="Asia/Tokyo"), after=DAY, count=1)
    assert tick.isoformat() == "2026-10-25T02:30:00+09:00"
    assert tick.tzinfo is TOKYO
    (tick,) = next_fires(cron("30 2 * * *"), after=DAY, count=1)
    assert tick.isoformat() == "2026-10-24T02:30:00+00:00"


@pytest.mark.parametrize("zone", [ZULU, TOKYO, NEW_YORK], ids=str)
def test_no_ticks_come_after_the_year_9999(zone: ZoneInfo) -> None:
    after = datetime(9996, 6, 1, tzinfo=UTC)
    found = next_fires(cron("0 12 24 12 *", tz=zone), after=after)
    assert [one.year for one in found] == [9996, 9997, 9998, 9999]
    assert len(next_fires(every(timedelta(days=365)), after=after)) == 3
    for schedule in (cron("* * * * *", tz=zone), every(1), every(60, anchor=EPOCH)):
        assert schedule.after(datetime.max.replace(tzinfo=UTC)) is None
    for schedule in (cron("* * * * *", tz=zone), every(1)):
        assert schedule.after(datetime.min.replace(tzinfo=UTC)) is not None
    assert cron("* * * * *", tz=zone).after(datetime.max.replace(tzinfo=NEW_YORK)) is None


@pytest.mark.parametrize("moment", [LAST, LAST + 1, -(10**20), 10**20])
def test_the_search_stays_in_the_calendar(moment: int) -> None:
    for schedule in (cron("* * * * * *"), cron("0 0 29 2 *"), every(1, anchor=EPOCH)):
        found = next_after(schedule, moment, anchor=0, zone=ZULU)
        assert found is None or found > moment
        last = previous_at_or_before(schedule, moment, after=moment - 10**9, anchor=0, zone=ZULU)
        assert last is None or moment - 10**9 < last <= moment


@pytest.mark.parametrize(
    ("schedule", "options", "error", "text"),
    [
        ("* * * * *", {}, TypeError, "wanted what every(…), cron(…), at(…) or reboot() returns, got '* * * * *'"),
        (every(1), {"count": True}, TypeError, "count: wanted an int, got True"),
        (every(1), {"count": 1.0}, TypeError, "count: wanted an int, got 1.0"),
        (every(1), {"count": -1}, ValueError, "count: wanted 0 to 10,000, got -1"),
        (every(1), {"count": 10_001}, ValueError, "got 10001"),
        (every(1), {"after": DAY.replace(tzinfo=None)}, ValueError, "after=): wanted a datetime with a time zone"),
        (every(1), {"after": 5}, TypeError, "after=): wanted a datetime with a time zone, got 5"),
    ],
)
def test_wrong_arguments(schedule: Any, options: Any, error: type[Exception], text: str) -> None:
    with pytest.raises(error) as caught:
        next_fires(schedule, **options)
    assert text in str(caught.value)
    assert str(caught.value).startswith("next_fires")


def test_without_a_moment_the_ticks_are_those_from_now_on() -> None:
    before = datetime.now(UTC)
    (tick,) = next_fires(every(60), count=1)
    assert before <= tick - timedelta(seconds=60) <= datetime.now(UTC) + timedelta(milliseconds=1)
    assert next_fires(every(60), count=0) == []


def test_moments_as_text() -> None:
    assert iso_of(micros(datetime(2026, 11, 1, 5, 30, tzinfo=UTC))) == "2026-11-01T05:30:00Z"
    assert iso_of(1) == "1970-01-01T00:00:00.000001Z"
    assert At(datetime_of(0, BERLIN)).after(datetime_of(-1)) == EPOCH
