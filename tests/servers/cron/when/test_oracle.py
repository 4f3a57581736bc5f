"""Each row of what Debian's daemon does."""

from __future__ import annotations

import hashlib
import json
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from regrow.servers.cron.when.errors import BadExpression
from regrow.servers.cron.when.moments import datetime_of, micros
from regrow.servers.cron.when.schedules import Crontab, count_between, cron
from tests.servers.cron.when.both_ways import backwards, forwards

DATA = Path(__file__).parents[3] / "oracle" / "cron"


@cache
def data(name: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads((DATA / f"{name}.json").read_text())
    return found


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
