"""Random expressions, compared with the rule by brute force. REGROW_CRON_CASES is how many."""

from __future__ import annotations

import os
from bisect import bisect_right
from datetime import datetime, timedelta
from random import Random
from typing import NamedTuple
from zoneinfo import ZoneInfo

import pytest

from regrow.servers.cron.when.errors import BadExpression
from regrow.servers.cron.when.moments import micros
from regrow.servers.cron.when.schedules import cron, next_after, previous_at_or_before
from tests.servers.cron.when.both_ways import backwards, forwards
from tests.servers.cron.when.rule import Days, Rule, utc

CASES = int(os.environ.get("REGROW_CRON_CASES", "400"))
SECOND = 1_000_000


class Night(NamedTuple):
    """A day on which a zone's clock changes."""

    zone: str
    day: datetime
    step: int = 60  # seconds; 1 where the change is no whole number of minutes

    def __str__(self) -> str:
        return f"{self.zone} {self.day:%F}"


NIGHTS = [
    Night("Europe/Berlin", utc(2024, 3, 31)),
    Night("Europe/Berlin", utc(2024, 10, 27)),
    Night("America/New_York", utc(2024, 3, 10)),
    Night("America/New_York", utc(2024, 11, 3)),
    Night("Australia/Lord_Howe", utc(2024, 4, 6)),
    Night("Australia/Lord_Howe", utc(2024, 10, 5)),
    Night("Pacific/Chatham", utc(2024, 4, 6)),
    Night("Pacific/Chatham", utc(2024, 9, 28)),
    Night("Pacific/Apia", utc(2011, 12, 30)),
    Night("Pacific/Fakaofo", utc(2011, 12, 30)),
    Night("Pacific/Enderbury", utc(1994, 12, 31)),
    Night("Pacific/Kiritimati", utc(1994, 12, 31)),
    Night("Pacific/Kwajalein", utc(1969, 9, 30)),  # back by 23 hours
    Night("Pacific/Kwajalein", utc(1993, 8, 21)),  # a day is left out
    Night("Africa/Cairo", utc(2024, 4, 25)),
    Night("Africa/Cairo", utc(2024, 10, 31)),
    Night("Asia/Beirut", utc(2024, 3, 30)),
    Night("Asia/Beirut", utc(2024, 10, 26)),
    Night("Antarctica/Troll", utc(2024, 3, 31)),
    Night("Antarctica/Troll", utc(2024, 10, 27)),
    Night("Africa/Casablanca", utc(2024, 3, 10)),
    Night("Africa/Casablanca", utc(2024, 4, 14)),
    Night("America/Caracas", utc(2007, 12, 9)),
    Night("America/Caracas", utc(2016, 5, 1)),
    Night("Asia/Pyongyang", utc(2015, 8, 14)),
    Night("Asia/Pyongyang", utc(2018, 5, 4)),
    Night("America/St_Johns", utc(2006, 10, 29)),
    Night("Asia/Kathmandu", utc(1985, 12, 31)),
    Night("Europe/Dublin", utc(2024, 10, 27)),
    Night("America/Nuuk", utc(2023, 3, 26)),
    Night("Europe/Amsterdam", utc(1937, 7, 1), 1),  # by 28 seconds
    Night("UTC", utc(2024, 2, 29)),
]


def number(random: Random, low: int, high: int) -> str:
    """Return a field that begins with a number."""
    one, other = sorted(random.sample(range(low, high + 1), 2))
    step = random.randint(1, 5)
    return random.choice([str(one), f"{one},{other}", f"{one}-{other}", f"{one}-{other}/{step}", f"{one}/{step}"])


def expression(random: Random) -> str:
    """Return an expression whose ticks are often near the changes of the clock."""
    times = ["*", f"*/{random.randint(2, 40)}", number(random, 0, 59), str(random.choice([0, 15, 30, 45]))]
    hours = ["*", f"*/{random.randint(2, 8)}", number(random, 0, 5), number(random, 0, 23), "22-23,0-2"]
    days = [*["*"] * 6, number(random, 1, 31), "*/2", "L", "LW", "1,LW", "29-31"]
    months = [*["*"] * 6, number(random, 1, 12), "MAR,oct", "JAN-JUN/2"]
    weekdays = [
        *["*"] * 6,
        number(random, 0, 7),
        "*/2",
        "MON-FRI",
        "sat,0",
        f"{random.randint(0, 7)}L",
        "SUN#5",
        "5#2,1",
    ]
    choices = [times, hours, days, months, weekdays]
    if random.random() < 0.25:
        choices.insert(0, ["*/20", "30", "0,59", "7-12/3"])
    return " ".join(random.choice(fields) for fields in choices)


@pytest.mark.parametrize("night", NIGHTS, ids=str)
def test_random_expressions_have_the_ticks_of_the_rule(night: Night) -> None:
    zone, random = ZoneInfo(night.zone), Random(str(night))
    before, after = (14, 38) if night.step == 60 else (2, 4)
    start, end = night.day - timedelta(hours=before), night.day + timedelta(hours=after)
    days = Days(zone, start, end, night.step)
    accepted = ticks = 0
    count = max(2, CASES // len(NIGHTS))
    for _ in range(count):
        text = expression(random)
        try:
            schedule = cron(text, tz=zone)
        except BadExpression:  # a date that never comes
            continue
        wanted = [tick * SECOND for tick in days.ticks(Rule(text))]
        assert forwards(schedule, zone, micros(start), micros(end)) == wanted, text
        assert backwards(schedule, zone, micros(start), micros(end)) == wanted, text
        accepted += 1
        ticks += len(wanted)
    assert accepted > count * 3 / 4
    assert ticks > count / 2


SPARSE = [
    "30 2 29 2 *",
    "0 0 13 * 5",
    "30 1 L 10 *",
    "45 2 * 10 0L",
    "15 2 * 3 0L",
    "45 */5 * 10 SUN#4",
    "0 3 31 */5 *",
    "59 59 23 31 12 *",
]


@pytest.mark.parametrize(
    "name", ["Europe/Berlin", "Australia/Lord_Howe", "Pacific/Apia", "America/Caracas", "Africa/Cairo"]
)
@pytest.mark.parametrize("text", SPARSE)
def test_a_tick_is_found_from_every_moment_before_it_and_after_it(name: str, text: str) -> None:
    zone, random = ZoneInfo(name), Random(f"{name} {text}")
    schedule = cron(text, tz=zone)
    start, end = micros(utc(2006, 1, 1)), micros(utc(2025, 1, 1))
    ticks = forwards(schedule, zone, start, end)
    assert len(ticks) > 3
    near = [tick + random.choice([-1, 0, 1, -SECOND, 1500 * SECOND, 3600 * SECOND]) for tick in ticks[1:-1]]
    for moment in [*near, *(random.randrange(ticks[0], ticks[-1]) for _ in range(30))]:
        place = bisect_right(ticks, moment)
        assert next_after(schedule, moment, anchor=0, zone=zone) == ticks[place]
        assert previous_at_or_before(schedule, moment, after=start, anchor=0, zone=zone) == ticks[place - 1]
