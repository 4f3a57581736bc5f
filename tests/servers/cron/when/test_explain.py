"""Schedules in plain words, with what changes of the clock do to their next ticks."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from regrow.cron import EPOCH, BadExpression, Explanation, Fire, UnknownZone, at, cron, every, explain, reboot

BERLIN = ZoneInfo("Europe/Berlin")


@pytest.mark.parametrize(
    ("expression", "words"),
    [
        ("30 2 * * *", "At 02:30 every day, UTC"),
        ("0 30 2 * * *", "At 02:30 every day, UTC"),
        ("@weekly", "At 00:00 on Sunday, UTC"),
        ("@hourly", "At the start of every hour, UTC"),
        ("*/5 * * * *", "Every fifth minute of every hour, UTC"),
        ("0 0 13 * 5", "At 00:00 on the 13th day of month or on Friday, UTC"),
        ("0 0 1,15 * MON-FRI", "At 00:00 on the first and the 15th day of month or on Monday through Friday, UTC"),
        ("0 0 LW * 5L", "At 00:00 on the last weekday of the month or on the last Friday of the month, UTC"),
        ("0 0 */2 * 1", "At 00:00 on every second day of month if it's on Monday, UTC"),
        ("0 0 * * 5#2", "At 00:00 on the second Friday of the month, UTC"),
        ("0 0 * * 1,5", "At 00:00 on Monday and Friday, UTC"),
        ("@reboot", "when the program starts"),
    ],
)
def test_the_words_of_an_expression(expression: str, words: str) -> None:
    assert explain(expression, after=EPOCH).words == words


@pytest.mark.parametrize(
    ("schedule", "words"),
    [
        (every(300), "every 5 min"),
        (every(300, anchor=EPOCH), "every 5 min, aligned to 1970 UTC"),
        (every(300, anchor=datetime(2024, 1, 1, tzinfo=UTC)), "every 5 min"),
        (at(datetime(2027, 1, 4, 9, tzinfo=BERLIN)), "once, Mon 2027-01-04 09:00:00 CET"),
        (reboot(), "when the program starts"),
        (cron("30 2 * * *", tz=BERLIN), "At 02:30 every day, Europe/Berlin"),
        (cron("30 2 * * *"), "At 02:30 every day, Asia/Tokyo"),
    ],
)
def test_the_words_of_a_schedule(schedule: Any, words: str) -> None:
    assert explain(schedule, tz="Asia/Tokyo", after=EPOCH).words == words


# Expression, zone, the day before the first tick, and the text.
TEXTS = [
    (
        "30 2 * * *",
        "Europe/Berlin",
        "2026-10-24",
        """\
At 02:30 every day, Europe/Berlin
  Sat 2026-10-24 02:30 CEST
  Sun 2026-10-25 02:30 CEST   clocks go back at 03:00: 02:30 comes twice, runs the first time
  Mon 2026-10-26 02:30 CET""",
    ),
    (
        "30 2 * * *",
        "Europe/Berlin",
        "2026-03-28",
        """\
At 02:30 every day, Europe/Berlin
  Sat 2026-03-28 02:30 CET
  Sun 2026-03-29 03:00 CEST   clocks go forward: 02:30 does not exist, runs at 03:00
  Mon 2026-03-30 02:30 CEST""",
    ),
    (
        "15 */1 * * *",
        "Europe/Berlin",
        "2026-10-25T01:00",
        """\
At minute 15 of every hour, Europe/Berlin
  Sun 2026-10-25 01:15 CEST
  Sun 2026-10-25 02:15 CEST   clocks go back at 03:00: 02:15 comes twice, runs both times
  Sun 2026-10-25 02:15 CET""",
    ),
    (
        "30 * * * *",
        "Europe/Berlin",
        "2026-03-29T01:00",
        """\
At minute 30 of every hour, Europe/Berlin
  Sun 2026-03-29 01:30 CET
  Sun 2026-03-29 03:30 CEST
  Sun 2026-03-29 04:30 CEST""",
    ),
    (
        "*/30 * * * *",
        "Europe/Berlin",
        "2026-03-29T01:00",
        """\
Every 30th minute of every hour, Europe/Berlin
  Sun 2026-03-29 01:30 CET
  Sun 2026-03-29 03:00 CEST
  Sun 2026-03-29 03:30 CEST""",
    ),
    (
        "0 3 * * *",
        "Europe/Berlin",
        "2026-03-28T12:00",
        """\
At 03:00 every day, Europe/Berlin
  Sun 2026-03-29 03:00 CEST
  Mon 2026-03-30 03:00 CEST
  Tue 2026-03-31 03:00 CEST""",
    ),
    (
        "45 1 * * *",
        "Australia/Lord_Howe",
        "2026-04-04T12:00",
        """\
At 01:45 every day, Australia/Lord_Howe
  Sun 2026-04-05 01:45 +11   clocks go back at 02:00: 01:45 comes twice, runs the first time
  Mon 2026-04-06 01:45 +1030
  Tue 2026-04-07 01:45 +1030""",
    ),
    (
        "30 2 * * *",
        "Pacific/Apia",
        "2011-12-29",
        """\
At 02:30 every day, Pacific/Apia
  Thu 2011-12-29 02:30 -10
  Sat 2011-12-31 02:30 +14
  Sun 2012-01-01 02:30 +14""",
    ),
    (
        "*/20 0 0 1 1 *",
        "UTC",
        "2025-12-31",
        """\
Every 20th second at minute 0 past hour 0 on January 1, UTC
  Thu 2026-01-01 00:00 UTC
  Thu 2026-01-01 00:00:20 UTC
  Thu 2026-01-01 00:00:40 UTC""",
    ),
]


@pytest.mark.parametrize(("expression", "zone", "after", "text"), TEXTS)
def test_an_explanation_as_text(expression: str, zone: str, after: str, text: str) -> None:
    start = datetime.fromisoformat(after).replace(tzinfo=ZoneInfo(zone))
    found = explain(expression, tz=zone, after=start, count=3)
    assert str(found) == text
    assert found == explain(cron(expression, tz=zone), after=start, count=3)
    assert [fire.when.tzinfo for fire in found.fires] == [ZoneInfo(zone)] * 3


def test_the_fraction_of_a_second_is_shown() -> None:
    assert str(explain(every(0.25), after=EPOCH, count=4)).splitlines()[1:] == [
        "  Thu 1970-01-01 00:00:00.25 UTC",
        "  Thu 1970-01-01 00:00:00.5 UTC",
        "  Thu 1970-01-01 00:00:00.75 UTC",
        "  Thu 1970-01-01 00:00:01 UTC",
    ]


def test_an_explanation_without_ticks() -> None:
    assert str(explain(reboot())) == "when the program starts\n  no tick by the clock"
    past = explain(at(datetime(2020, 1, 1, tzinfo=UTC)), after=datetime(2024, 1, 1, tzinfo=UTC))
    assert past == Explanation("once, Wed 2020-01-01 00:00:00 UTC", [])


def test_an_explanation_is_a_value() -> None:
    found = explain("@daily", after=EPOCH, count=1)
    assert found == Explanation("At 00:00 every day, UTC", [Fire(datetime(1970, 1, 2, tzinfo=UTC))])
    assert found.fires[0].note == ""
    assert len(explain("@daily").fires) == 5


@pytest.mark.parametrize(
    ("schedule", "options", "error", "text"),
    [
        (5, {}, TypeError, "explain: wanted what every"),
        ("* * *", {}, BadExpression, "wanted five fields"),
        ("* * * * *", {"tz": "Mars/Base"}, UnknownZone, "explain(tz=): this machine knows no time zone"),
        ("* * * * *", {"tz": 5}, TypeError, "explain(tz=): wanted the name of a time zone"),
        (
            "* * * * *",
            {"after": EPOCH.replace(tzinfo=None)},
            ValueError,
            "explain(after=): wanted a datetime with a time zone",
        ),
        ("* * * * *", {"count": "5"}, TypeError, "explain: count: wanted an int, got '5'"),
    ],
)
def test_wrong_arguments(schedule: Any, options: Any, error: type[Exception], text: str) -> None:
    with pytest.raises(error) as caught:
        explain(schedule, **options)
    assert str(caught.value).count(text) == 1
