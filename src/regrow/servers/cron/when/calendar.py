"""The ticks of a cron expression in a time zone, on the nights when the clock changes as well.

    local time of a match              fixed                                     wildcard
    ---------------------              -----                                     --------
    exists once                        that instant                              that instant
    exists twice (clock went back)     the first one only                        both
    does not exist, gap < 3 h          the first instant after the gap, once     none
    does not exist, gap ≥ 3 h          none                                      none

A job is wildcard when its second, minute or hour begins with `*`, else fixed (Debian's rule). All times are whole
seconds since 1970.
"""

from __future__ import annotations

from typing import Final
from zoneinfo import ZoneInfo

from regrow.servers.cron.when.fields import DAY, Fields
from regrow.servers.cron.when.zones import LAST_YEAR, Stretch, stretch_at, year_start

GAP: Final = 3 * 3600  # a longer one is a lost day
FIRST: Final = year_start(2) - DAY
LAST: Final = year_start(LAST_YEAR) + 364 * DAY


def next_at(fields: Fields, zone: ZoneInfo, second: int) -> int | None:
    """Return the first tick at or after an instant; None if there is none before the year 9999 ends."""
    second = max(second, FIRST)
    while second <= LAST:
        part = stretch_at(zone, second)
        if second <= part.start and (tick := gap_tick(fields, part)) is not None:
            return tick
        low = max(second, part.start) + part.offset
        match = fields.after(low if fields.wildcard else max(low, part.floor))
        if match is None:
            return None
        if match < part.end + part.offset:
            return match - part.offset
        second = part.end
        if stretch_at(zone, part.end).offset >= part.offset:
            # No match is before this one, so no stretch and no gap before it has a tick. After a clock that went back,
            # local times come again that were too early for this search.
            second = max(second, stretch_at(zone, min(LAST, match - 2 * DAY)).start)
    return None


def last_at(fields: Fields, zone: ZoneInfo, second: int, after: int) -> int | None:
    """Return the last tick at or before an instant and later than `after`."""
    moment, after = min(second, LAST), max(after, FIRST)
    while moment > after:
        part = stretch_at(zone, moment)
        low = part.start + part.offset
        if not fields.wildcard:
            low = max(low, part.floor)
        match = fields.before(min(moment, part.end - 1) + part.offset, min(low, after + part.offset) - 2 * DAY)
        if match is not None and match >= low:
            found = match - part.offset
            return found if found > after else None
        if part.start > after and part.start <= moment and (tick := gap_tick(fields, part)) is not None:
            return tick
        moment = part.start - 1
        if part.offset >= part.before:  # else the stretch before has local times that were too late for this search
            latest = after + DAY if match is None else match + 2 * DAY
            moment = min(moment, max(stretch_at(zone, max(FIRST, latest)).end - 1, after))
    return None


def gap_tick(fields: Fields, part: Stretch) -> int | None:
    """Return the tick at the end of the gap that a stretch begins with, if a fixed job has a match in it."""
    size = part.offset - part.before
    if fields.wildcard or not 0 < size < GAP:
        return None
    match = fields.after(part.start + part.before)
    return part.start if match is not None and match < part.start + part.offset else None
