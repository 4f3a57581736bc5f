"""Moments as integer microseconds since 1970, and as dates with a time zone."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, tzinfo
from functools import lru_cache
from typing import Final

EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
SECOND: Final = 1_000_000
_MICRO: Final = timedelta(microseconds=1)

FIRST: Final = (datetime.min.replace(tzinfo=UTC) - EPOCH) // _MICRO
LAST: Final = (datetime.max.replace(tzinfo=UTC) - EPOCH) // _MICRO


def micros(moment: datetime) -> int:
    """Return a date with a time zone as microseconds since 1970."""
    return (moment - EPOCH) // _MICRO


@lru_cache(maxsize=64)
def datetime_of(moment: int, zone: tzinfo = UTC) -> datetime:
    """Return microseconds since 1970 as a date in a zone; one outside of the calendar is its first or last."""
    utc = EPOCH + timedelta(microseconds=min(LAST, max(FIRST, moment)))
    try:
        return utc.astimezone(zone)
    except OverflowError:
        return utc


@lru_cache(maxsize=64)
def iso_of(moment: int) -> str:
    """Return microseconds since 1970 as text: 2026-11-01T05:30:00Z, with a fraction if there is one."""
    return datetime_of(moment).isoformat().replace("+00:00", "Z")
