"""The rule of cron in a time zone, by brute force: each local minute is looked at, and each instant of it.

It shares no code with regrow, and uses neither cronsim nor bisection: it is slow, and simple enough to be read.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

MONTHS = {
    name: number
    for number, name in enumerate(
        ["JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"], 1
    )
}
DAYS = {name: number for number, name in enumerate(["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"])}
LIMITS = [(0, 59), (0, 23), (1, 31), (1, 12), (0, 7)]
MINUTE = timedelta(minutes=1)
GAP = timedelta(hours=3)


def numbers(field: str, place: int) -> set[int]:
    """Return the numbers of a field."""
    low, high = LIMITS[place]
    names = {3: MONTHS, 4: DAYS}.get(place, {})

    def number(text: str) -> int:
        return names[text] if text in names else int(text)

    found: set[int] = set()
    for term in field.split(","):
        body, _, step = term.partition("/")
        if body == "*":
            first, last = low, high
        elif "-" in body:
            first, last = (number(part) for part in body.split("-"))
        else:
            first = number(body)
            last = high if step else first
        found.update(range(first, last + 1, int(step or 1)))
    if place == 4 and found & {0, 7}:
        found |= {0, 7}
    return found


class Rule:
    """An expression of five fields."""

    def __init__(self, expression: str) -> None:
        texts = expression.split()
        self.sets = [numbers(text, place) for place, text in enumerate(texts)]
        self.wildcard = texts[0].startswith("*") or texts[1].startswith("*")
        self.both = texts[2].startswith("*") or texts[4].startswith("*")

    def matches(self, local: datetime) -> bool:
        """Whether a local minute matches."""
        minutes, hours, days, months, weekdays = self.sets
        if local.minute not in minutes or local.hour not in hours or local.month not in months:
            return False
        day, weekday = local.day in days, local.isoweekday() % 7 in weekdays
        return (day and weekday) if self.both else (day or weekday)


def ticks(rule: Rule, zone: ZoneInfo, start: datetime, end: datetime) -> list[int]:
    """Return the ticks of `start ≤ t < end` as Unix seconds; both are whole minutes, in UTC."""
    found: set[int] = set()
    seen: set[datetime] = set()  # local minutes that have been there: a fixed job runs at the first of two
    moment = start - timedelta(hours=30)
    last = local_of(moment - MINUTE, zone)
    while moment < end:
        local = local_of(moment, zone)
        gap = local - last - MINUTE
        if gap > timedelta(0) and not rule.wildcard and gap < GAP:
            missing = [last + MINUTE * n for n in range(1, round(gap / MINUTE) + 1)]
            if any(rule.matches(one) for one in missing):
                found.add(round(moment.timestamp()))
        if rule.matches(local) and (rule.wildcard or local not in seen):
            found.add(round(moment.timestamp()))
        seen.add(local)
        last = local
        moment += MINUTE
    first, until = start.timestamp(), end.timestamp()
    return sorted(one for one in found if first <= one < until)


def local_of(moment: datetime, zone: ZoneInfo) -> datetime:
    """Return an instant as the zone's clock shows it."""
    return moment.astimezone(zone).replace(tzinfo=None)


def utc(year: int, month: int, day: int) -> datetime:
    """Return a date in UTC."""
    return datetime(year, month, day, tzinfo=UTC)
