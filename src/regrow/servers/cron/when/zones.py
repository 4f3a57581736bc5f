"""Time zones: their names, and the stretches of time in which a zone's offset does not change.

A stretch begins at a change of the clock, or at the beginning of a year (UTC), and ends at the next. Changes are found
by comparing offsets a day apart, then by bisection.
"""

from __future__ import annotations

from bisect import bisect_right
from datetime import UTC, date, datetime, timedelta, tzinfo
from functools import lru_cache
from typing import Any, Final, NamedTuple
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from regrow.kernel.bounded_repr import safe_repr
from regrow.servers.cron.when.errors import UnknownZone
from regrow.servers.cron.when.moments import EPOCH, datetime_of

DAY: Final = 86_400
FIRST_YEAR: Final = 1
LAST_YEAR: Final = 9999
EPOCH_DAY: Final = date(1970, 1, 1).toordinal()
LAST_DAY: Final = date.max.toordinal()


class Stretch(NamedTuple):
    """A stretch of constant offset; all are seconds, `start`, `end` and `floor` since 1970.

    Attributes:
        start: its first instant.
        end: the first instant after it.
        offset: local time minus UTC.
        before: the offset before it.
        floor: the local time up to which every local time has been there before.
    """

    start: int
    end: int
    offset: int
    before: int
    floor: int


def zone_of(zone: Any, what: str) -> ZoneInfo:
    """Return a time zone.

    Args:
        zone: a name, such as "Europe/Berlin", or a ZoneInfo.
        what: names the argument in an error.

    Raises:
        UnknownZone: this machine does not know the name.
        TypeError: it is neither.
    """
    if isinstance(zone, ZoneInfo):
        if zone.key is None:  # pyright: ignore[reportUnnecessaryComparison] (it has none if a file made it)
            raise TypeError(f"{what}: wanted a ZoneInfo with a name; one that was read from a file has none")
        return zone
    if isinstance(zone, str):
        try:
            return ZoneInfo(zone)
        except (ZoneInfoNotFoundError, ValueError, OSError):
            raise UnknownZone(
                f"{what}: this machine knows no time zone {safe_repr(zone)}. Wanted a name such as 'Europe/Berlin'; "
                "on a system without a database of time zones, pip install tzdata"
            ) from None
    advice = ". The zone UTC is 'UTC'" if isinstance(zone, tzinfo) else ""
    raise TypeError(f"{what}: wanted the name of a time zone or a ZoneInfo, got {safe_repr(zone)}{advice}")


def offset_at(zone: ZoneInfo, second: int) -> int:
    """Return the offset of a zone at an instant, in seconds."""
    try:
        offset = (EPOCH + timedelta(seconds=second)).astimezone(zone).utcoffset()
    except OverflowError:  # at the ends of the calendar
        offset = datetime_of_second(second, zone).utcoffset()
    return 0 if offset is None else round(offset.total_seconds())


def datetime_of_second(second: int, zone: tzinfo) -> datetime:
    """Return an instant as a date in a zone."""
    return datetime_of.__wrapped__(second * 1_000_000, zone)


def year_start(year: int) -> int:
    """Return the first second of a year, by UTC."""
    return round((datetime(year, 1, 1, tzinfo=UTC) - datetime(1970, 1, 1, tzinfo=UTC)).total_seconds())


@lru_cache(maxsize=1024)
def changes(zone: ZoneInfo, year: int) -> tuple[tuple[int, int, int], ...]:
    """Return the changes of a zone's clock in a year: instant, offset before, offset after."""
    start = year_start(year)
    end = year_start(year + 1) if year < LAST_YEAR else start + 365 * DAY
    found: list[tuple[int, int, int]] = []
    before = offset_at(zone, start - 1) if year > FIRST_YEAR else offset_at(zone, start)
    low = start - 1
    while low < end - 1:
        high = min(low + DAY, end - 1)
        after = offset_at(zone, high)
        if after != before:
            instant = _bisected(zone, low, high, before)
            after = offset_at(zone, instant)
            found.append((instant, before, after))
            low, before = instant, after
        else:
            low = high
    return tuple(found)


def _bisected(zone: ZoneInfo, low: int, high: int, before: int) -> int:
    """Return the first instant after `low` at which the offset is another."""
    while high - low > 1:
        middle = (low + high) // 2
        if offset_at(zone, middle) == before:
            low = middle
        else:
            high = middle
    return high


@lru_cache(maxsize=1024)
def stretches(zone: ZoneInfo, year: int) -> tuple[Stretch, ...]:
    """Return the stretches of a year, in order."""
    start = year_start(year)
    end = year_start(year + 1) if year < LAST_YEAR else start + 365 * DAY
    last = changes(zone, year - 1)[-1:] if year > FIRST_YEAR else ()
    floor = max((instant + before for instant, before, _ in last), default=-(1 << 62))
    own = changes(zone, year)
    offset = offset_at(zone, start)
    before = own[0][1] if own and own[0][0] == start else offset
    edges = [(start, before, offset), *(change for change in own if change[0] != start)]
    found: list[Stretch] = []
    for place, (instant, old, new) in enumerate(edges):
        until = edges[place + 1][0] if place + 1 < len(edges) else end
        if old != new:
            floor = max(floor, instant + old)
        found.append(Stretch(instant, until, new, old, floor))
    return tuple(found)


def stretch_at(zone: ZoneInfo, second: int) -> Stretch:
    """Return the stretch with an instant in it."""
    day = EPOCH_DAY + second // DAY
    year = date.fromordinal(min(LAST_DAY, max(1, day))).year
    parts = stretches(zone, year)
    return parts[max(0, bisect_right(parts, second, key=lambda part: part.start) - 1)]
