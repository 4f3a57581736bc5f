"""The errors of schedules: where the mistake stands, what was wanted, and what to write."""

from __future__ import annotations

import pickle
import re
import sys
from datetime import UTC, date, datetime, timedelta, timezone
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from regrow.cron import EPOCH, BadExpression, UnknownZone, at, cron, every
from regrow.servers.cron.when.fields import FIELDS, fields_of

NAIVE = datetime(2027, 1, 4, 9, tzinfo=UTC).replace(tzinfo=None)


@pytest.mark.parametrize(
    ("interval", "error", "text"),
    [
        (True, TypeError, "wanted seconds (a number) or a timedelta, got True"),
        ("5", TypeError, "got '5'"),
        (None, TypeError, "got None"),
        (0, ValueError, "wanted 0.001 seconds or more, got 0"),
        (0.0009, ValueError, "got 0.0009"),
        (-5, ValueError, "got -5"),
        (timedelta(0), ValueError, "got datetime.timedelta(0)"),
        (timedelta(days=-1), ValueError, "wanted 0.001 seconds or more"),
        (float("nan"), ValueError, "a hundred years at most; got nan"),
        (float("inf"), ValueError, "a hundred years at most; got inf"),
        (float("-inf"), ValueError, "got -inf"),
        (10**400, ValueError, "a hundred years at most; got 1000"),
        (timedelta.max, ValueError, "a hundred years at most; got datetime.timedelta"),
    ],
)
def test_an_interval_that_is_none(interval: Any, error: type[Exception], text: str) -> None:
    with pytest.raises(error, match=re.escape(text)) as caught:
        every(interval)
    assert str(caught.value).startswith("every(interval): ")


@pytest.mark.parametrize("interval", [0.001, 100 * 366 * 86_400, timedelta(milliseconds=1), 1, 0.25])
def test_the_shortest_and_the_longest_interval(interval: Any) -> None:
    assert every(interval).interval >= 1000


def test_moments_need_a_zone() -> None:
    advice = "datetime(2027, 1, 4, 9, 0, tzinfo=ZoneInfo('Europe/Berlin'))"
    with pytest.raises(ValueError, match=re.escape(advice)) as caught:
        at(NAIVE)
    assert str(caught.value).startswith("at(moment): wanted a datetime with a time zone, got datetime.datetime(2027")
    assert eval(advice, {"datetime": datetime, "ZoneInfo": ZoneInfo}).replace(tzinfo=None) == NAIVE
    with pytest.raises(ValueError, match=r"every\(anchor=\): .*tzinfo="):
        every(5, anchor=NAIVE)
    with pytest.raises(ValueError, match=r"after\(moment\): .*tzinfo="):
        every(5).after(NAIVE)
    for wrong in (5, "2027-01-04", date(2027, 1, 4), None):
        with pytest.raises(TypeError, match="wanted a datetime with a time zone, got "):
            at(wrong)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match=r"every\(anchor=\): wanted a datetime"):
        every(5, anchor=5)  # type: ignore[arg-type]
    assert every(5, anchor=EPOCH).anchor == 0


@pytest.mark.parametrize("zone", ["Mars/Base", "", "Europe", "../UTC", "/etc/passwd", "a\0b", "\ud800", "europe\n"])
def test_a_zone_that_there_is_not(zone: str) -> None:
    with pytest.raises(UnknownZone, match=r"cron\(tz=\): this machine knows no time zone .*Wanted a name such as"):
        cron("* * * * *", tz=zone)


@pytest.mark.parametrize("zone", [5, b"UTC", UTC, timezone(timedelta(hours=1)), ["UTC"]])
def test_a_zone_of_another_type(zone: Any) -> None:
    with pytest.raises(TypeError, match=r"cron\(tz=\): wanted the name of a time zone or a ZoneInfo, got "):
        cron("* * * * *", tz=zone)


def test_a_wrong_zone_of_reboot_is_found_as_well() -> None:
    with pytest.raises(UnknownZone):
        cron("@reboot", tz="Mars/Base")


@pytest.mark.parametrize("expression", [5, None, b"* * * * *", ["*"]])
def test_an_expression_that_is_no_text(expression: Any) -> None:
    with pytest.raises(TypeError, match=r"cron\(expression\): wanted text such as '30 2 \* \* \*', got "):
        cron(expression)


@pytest.mark.parametrize(
    ("expression", "field", "text"),
    [
        (
            "",
            "",
            "wanted five fields (minute, hour, day of month, month, day of week), or six with the seconds first; got 0",
        ),
        ("* * * *", "", "got 4"),
        ("* * * * * * *", "", "got 7"),
        ("@every 5m", "", "wanted one of @yearly, @annually, @monthly, @weekly, @daily, @midnight, @hourly, @reboot"),
        ("@DAILY", "", "; write @daily"),
        ("@Reboot", "", "; write @reboot"),
        ("60 * * * *", "minute", "minute '60': wanted *, numbers from 0 to 59, ranges as 0-59, steps as */2"),
        ("* 24 * * *", "hour", "numbers from 0 to 23"),
        ("* * 0 * *", "day of month", "numbers from 1 to 31"),
        ("* * * 13 *", "month", "numbers from 1 to 12 or JAN to DEC"),
        ("* * * * mo", "day of week", "day of week 'MO': wanted *, numbers from 0 to 7 or SUN to SAT"),
        ("61 * * * * *", "second", "second '61': wanted"),
        ("*/0 * * * *", "minute", "minute '*/0'"),
        ("٣ * * * *", "minute", "wanted *"),
        ("* * ? * *", "day of month", "wanted *"),
        ("0 0 30 2 *", "day of month", "such a date never comes. Write a day that its months have"),
        ("0 0 31 4,6,9,11 *", "day of month", "such a date never comes"),
        ("3-3/2 * * * *", "minute", "minute '3-3/2' is a range of one with a step; write 3"),
        ("70-5 * * * *", "minute", "numbers from 0 to 59"),
        (f"{'9' * 5000} * * * *", "minute", "numbers from 0 to 59"),
    ],
)
def test_an_expression_that_cannot_be_used(expression: str, field: str, text: str) -> None:
    with pytest.raises(BadExpression, match=re.escape(text)) as caught:
        cron(expression)
    error = caught.value
    assert (error.expression, error.field) == (expression, field)
    assert str(error) == f"{expression!r}: {error.problem}"
    copy = pickle.loads(pickle.dumps(error))
    assert (type(copy), str(copy), copy.field) == (BadExpression, str(error), error.field)


def test_a_library_that_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "cronsim", None)
    fields_of.cache_clear()
    with pytest.raises(ModuleNotFoundError, match=re.escape("pip install 'regrow[cron]'")) as caught:
        cron("30 2 * * *")
    assert caught.value.name == "cronsim"
    with pytest.raises(BadExpression):
        cron("22-2 * * * *")
    assert every(5).after(EPOCH) is not None


# A range that goes over the end of its field, what to write, and the numbers that it means.
BACKWARDS = [
    ("* 22-2 * * *", "hour", "22-23,0-2", {22, 23, 0, 1, 2}),
    ("* 23-0 * * *", "hour", "23,0", {23, 0}),
    ("* 23-4/2 * * *", "hour", "1,3,23", {23, 1, 3}),
    ("58-3/1 * * * *", "minute", "58-59,0-3", {58, 59, 0, 1, 2, 3}),
    ("1,50-4/5 * * * *", "minute", "0,50,55", {50, 55, 0}),
    ("30-10 * * * * *", "second", "30-59,0-10", {*range(30, 60), *range(11)}),
    ("0 0 30-2 * *", "day of month", "30-31,1-2", {30, 31, 1, 2}),
    ("0 0 1 dec-feb *", "month", "DEC,JAN-FEB", {12, 1, 2}),
    ("0 0 1 11-2/2 *", "month", "1,11", {11, 1}),
    ("0 0 * * FRI-MON", "day of week", "FRI-SAT,SUN-MON", {5, 6, 0, 1}),
    ("0 0 * * sat-sun", "day of week", "SAT,SUN", {6, 0}),
    ("0 0 * * SAT-WED/2", "day of week", "MON,WED,SAT", {6, 1, 3}),
    ("0 0 * * 5-1", "day of week", "5-6,0-1", {5, 6, 0, 1}),
    ("0 0 * * 7-2", "day of week", "0-2", {0, 1, 2}),
]


@pytest.mark.parametrize(("expression", "field", "write", "numbers"), BACKWARDS, ids=[row[0] for row in BACKWARDS])
def test_a_range_that_goes_backwards(expression: str, field: str, write: str, numbers: set[int]) -> None:
    with pytest.raises(BadExpression, match="goes backwards and would never match; write ") as caught:
        cron(expression)
    error = caught.value
    assert error.field == field
    assert error.problem.endswith(f"; write {write}")
    texts = ["*"] * 6
    texts[FIELDS.index(field)] = write
    sim = fields_of(" ".join(texts)).sim
    sets = [sim.seconds, sim.minutes, sim.hours, sim.days, sim.months, {day % 7 for day in _ints(sim.weekdays)}]
    assert sets[FIELDS.index(field)] == numbers


def _ints(days: Any) -> list[int]:
    return [day for day in days if isinstance(day, int)]


@pytest.mark.parametrize("text", ["22-2", "FRI-MON"])
def test_the_errors_of_an_expression_name_what_was_given(text: str) -> None:
    with pytest.raises(BadExpression, match=re.escape(text)):
        cron(f"  0  {text}   * *  {text} ")
