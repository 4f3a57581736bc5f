"""Each row of what Debian's daemon does, and random expressions on nights when the clock changes."""

from __future__ import annotations

import hashlib
import json
import os
from datetime import datetime, timedelta
from functools import cache
from pathlib import Path
from random import Random
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from regrow.servers.cron.when.errors import BadExpression
from regrow.servers.cron.when.moments import datetime_of, micros
from regrow.servers.cron.when.schedules import (
    Crontab,
    count_between,
    cron,
    previous_at_or_before,
    ticks_between,
)
from tests.servers.cron.when import rule

DATA = Path(__file__).parents[3] / "oracle" / "cron"
CASES = int(os.environ.get("REGROW_CRON_CASES", "300"))  # random ones


@cache
def data(name: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads((DATA / f"{name}.json").read_text())
    return found


def forwards(schedule: Any, zone: ZoneInfo, start: int, end: int) -> list[int]:
    """Return the ticks of `start ≤ t < end`, one after another."""
    return list(ticks_between(schedule, start - 1, end - 1, anchor=0, zone=zone, limit=10**6))


def backwards(schedule: Any, zone: ZoneInfo, start: int, end: int) -> list[int]:
    """Return the ticks of `start ≤ t < end`, found from the end."""
    found: list[int] = []
    until = end - 1
    while (tick := previous_at_or_before(schedule, until, after=start - 1, anchor=0, zone=zone)) is not None:
        found.append(tick)
        until = tick - 1
    return found[::-1]


@pytest.mark.parametrize("night", data("nights"), ids=lambda night: f"{night['zone']} {night['change_utc'][:10]}")
def test_the_nights_of_the_daemon(night: dict[str, Any]) -> None:
    zone = ZoneInfo(night["zone"])
    start, end = (micros(datetime.fromisoformat(night[name])) for name in ("from", "until"))
    for case in night["cases"]:
        schedule = cron(case["cron"], tz=zone)
        assert isinstance(schedule, Crontab)
        assert schedule.fields.wildcard is (case["kind"] == "wildcard")
        found = forwards(schedule, zone, start, end)
        assert [datetime_of(tick, zone).isoformat(timespec="minutes") for tick in found] == case["fires"], case["cron"]
        assert backwards(schedule, zone, start, end) == found, case["cron"]
        assert count_between(schedule, start - 1, end - 1, anchor=0, zone=zone) == len(found)
        with_seconds = cron(f"0 {case['cron']}", tz=zone)
        assert forwards(with_seconds, zone, start, end) == found, f"0 {case['cron']}"


@pytest.mark.parametrize("row", data("year"), ids=lambda row: f"{row['zone']} {row['cron']}")
def test_a_year_of_the_daemon(row: dict[str, Any]) -> None:
    zone = ZoneInfo(row["zone"])
    start, end = (micros(datetime(row["year"] + more, 1, 1, tzinfo=zone)) for more in (0, 1))
    found = forwards(cron(row["cron"], tz=zone), zone, start, end)
    lines = [f"{datetime_of(tick, zone).isoformat(timespec='minutes')}\n" for tick in found]
    assert (len(lines), lines[0].strip(), lines[-1].strip()) == (row["count"], row["first"], row["last"])
    assert hashlib.sha256("".join(lines).encode()).hexdigest() == row["sha256"]


@pytest.mark.parametrize("row", data("odd"), ids=lambda row: row["cron"])
def test_odd_expressions(row: dict[str, Any]) -> None:
    if row["regrow"] == "accepted":
        cron(row["cron"])
        return
    with pytest.raises(BadExpression) as caught:
        cron(row["cron"])
    assert row["cron"] in str(caught.value)


# Random expressions

CHANGES = [
    ("Europe/Berlin", rule.utc(2024, 3, 31)),
    ("Europe/Berlin", rule.utc(2024, 10, 27)),
    ("America/New_York", rule.utc(2024, 3, 10)),
    ("America/New_York", rule.utc(2024, 11, 3)),
    ("Australia/Lord_Howe", rule.utc(2024, 4, 6)),
    ("Australia/Lord_Howe", rule.utc(2024, 10, 5)),
    ("Pacific/Chatham", rule.utc(2024, 4, 6)),
    ("Pacific/Chatham", rule.utc(2024, 9, 28)),
    ("Pacific/Apia", rule.utc(2011, 12, 30)),
    ("Pacific/Fakaofo", rule.utc(2011, 12, 30)),
    ("Africa/Cairo", rule.utc(2024, 4, 25)),
    ("Africa/Cairo", rule.utc(2024, 10, 31)),
    ("Asia/Beirut", rule.utc(2024, 3, 30)),
    ("Antarctica/Troll", rule.utc(2024, 3, 31)),
    ("Antarctica/Troll", rule.utc(2024, 10, 27)),
    ("Africa/Casablanca", rule.utc(2024, 3, 10)),
    ("America/Caracas", rule.utc(2007, 12, 9)),
    ("America/Caracas", rule.utc(2016, 5, 1)),
    ("Asia/Pyongyang", rule.utc(2015, 8, 14)),
    ("Asia/Pyongyang", rule.utc(2018, 5, 4)),
    ("Pacific/Kiritimati", rule.utc(1994, 12, 31)),
    ("America/St_Johns", rule.utc(2006, 10, 29)),
    ("Asia/Kathmandu", rule.utc(2024, 6, 1)),
    ("Europe/Dublin", rule.utc(2024, 10, 27)),
]


def number(random: Random, low: int, high: int) -> str:
    """Return a field that begins with a number."""
    one, other = sorted(random.sample(range(low, high + 1), 2))
    return random.choice([str(one), f"{one},{other}", f"{one}-{other}", f"{one}-{other}/{random.randint(1, 5)}"])


def expression(random: Random) -> str:
    """Return an expression whose ticks are often near the changes of the clock."""
    minute = random.choice(
        ["*", f"*/{random.randint(2, 40)}", number(random, 0, 59), str(random.choice([0, 15, 30, 45]))]
    )
    hour = random.choice(["*", f"*/{random.randint(2, 8)}", number(random, 0, 5), number(random, 0, 23)])
    day = random.choice(["*"] * 4 + [number(random, 1, 31), "*/2"])
    month = random.choice(["*"] * 5 + [number(random, 1, 12)])
    weekday = random.choice(["*"] * 4 + [number(random, 0, 7), "*/2", "MON-FRI"])
    return f"{minute} {hour} {day} {month} {weekday}"


@pytest.mark.parametrize("place", range(len(CHANGES)), ids=lambda place: f"{CHANGES[place][0]} {CHANGES[place][1]:%F}")
def test_random_expressions_as_by_brute_force(place: int) -> None:
    name, day = CHANGES[place]
    zone, random = ZoneInfo(name), Random(place)
    start, end = day - timedelta(hours=14), day + timedelta(hours=38)
    count, refused = max(1, CASES // len(CHANGES)), 0
    for _ in range(count):
        text = expression(random)
        try:
            schedule = cron(text, tz=zone)
        except BadExpression:  # a date that never comes, or a range of one with a step
            refused += 1
            continue
        wanted = [tick * 1_000_000 for tick in rule.ticks(rule.Rule(text), zone, start, end)]
        assert forwards(schedule, zone, micros(start), micros(end)) == wanted, text
        assert backwards(schedule, zone, micros(start), micros(end)) == wanted, text
    assert refused <= count / 4
