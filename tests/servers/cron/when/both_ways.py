"""The ticks of a schedule, found forwards and found backwards."""

from __future__ import annotations

from typing import Any
from zoneinfo import ZoneInfo

from regrow.servers.cron.when.schedules import previous_at_or_before, ticks_between


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
