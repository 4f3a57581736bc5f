"""The rule of cron in a time zone, by brute force: every instant of some days is looked at, one after another.

It shares no code with regrow, and uses neither cronsim nor bisection: it is slow, and simple enough to be read.
"""

from __future__ import annotations

from calendar import monthrange
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

MONTHS = ["", "JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"]
DAYS = ["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"]
LIMITS = [(0, 59), (0, 59), (0, 23), (1, 31), (1, 12), (0, 7)]
GAP = timedelta(hours=3)
BEFORE = {60: timedelta(hours=30), 1: timedelta(hours=2)}  # from when on local times that were there are known, by step


def number(text: str) -> int:
    """Return a number, or that of a month or of a day of the week."""
    if text.isdecimal():
        return int(text)
    return MONTHS.index(text) if text in MONTHS else DAYS.index(text)


def numbers(field: str, place: int) -> set[int]:
    """Return the numbers of a field."""
    low, high = LIMITS[place]
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
    return found


def month_days(field: str) -> Callable[[date], bool]:
    """Return whether a day of the month matches a field, in which L is the last and LW the last from Monday to Friday."""
    terms = field.split(",")
    plain = numbers(",".join(term for term in terms if term not in {"L", "LW"}) or "99", 3)

    def matches(day: date) -> bool:
        last = day.replace(day=monthrange(day.year, day.month)[1])
        work = max(last - timedelta(days=n) for n in range(3) if (last - timedelta(days=n)).isoweekday() < 6)
        return day.day in plain or ("L" in terms and day == last) or ("LW" in terms and day == work)

    return matches


def week_days(field: str) -> Callable[[date], bool]:
    """Return whether a day of the week matches a field, in which 5L is the last Friday and 5#2 the second."""
    terms = field.split(",")
    special = [term for term in terms if "#" in term or term.endswith("L")]
    plain: set[int] = {one % 7 for one in numbers(",".join(term for term in terms if term not in special) or "98", 5)}
    if not set(terms) - set(special):
        plain = set[int]()

    def matches(day: date) -> bool:
        weekday = day.isoweekday() % 7
        for term in special:
            which, _, nth = term.partition("#")
            if number(which.removesuffix("L")) % 7 != weekday:
                continue
            if (nth and int(nth) == (day.day + 6) // 7) or (not nth and (day + timedelta(days=7)).month != day.month):
                return True
        return weekday in plain

    return matches


class Rule:
    """An expression of five fields, or of six with the seconds first."""

    def __init__(self, expression: str) -> None:
        texts = expression.upper().split()
        texts = ["0", *texts] if len(texts) == 5 else texts
        self.seconds, self.minutes, self.hours = (numbers(texts[place], place) for place in range(3))
        self.months = numbers(texts[4], 4)
        self.days = month_days(texts[3]), week_days(texts[5])
        self.wildcard = any(text.startswith("*") for text in texts[:3])
        self.both = texts[3].startswith("*") or texts[5].startswith("*")
        self.known: dict[date, bool] = {}

    def day(self, day: date) -> bool:
        """Whether a day matches."""
        if day not in self.known:
            one, other = (matches(day) for matches in self.days)
            self.known[day] = day.month in self.months and ((one and other) if self.both else (one or other))
        return self.known[day]

    def matches(self, local: datetime) -> bool:
        """Whether a local time matches, apart from its second."""
        return local.minute in self.minutes and local.hour in self.hours and self.day(local.date())


class Days:
    """Some days of a zone: each instant with its local time, and the local times that do not exist.

    Args:
        zone: the zone.
        start: the first instant, a whole minute of UTC.
        end: the first instant after them.
        step: 60 if all local times change by whole minutes, else 1.
    """

    def __init__(self, zone: ZoneInfo, start: datetime, end: datetime, step: int = 60) -> None:
        self.start, self.end, self.step = round(start.timestamp()), round(end.timestamp()), step
        self.instants: list[tuple[int, datetime, bool]] = []  # with: whether it is the first of that local time
        self.gaps: list[tuple[int, list[datetime]]] = []
        seen: set[datetime] = set()
        length = timedelta(seconds=step)
        moment = start - BEFORE[step]
        last = local_of(moment - length, zone)
        while moment < end:
            local = local_of(moment, zone)
            size = local - last - length
            if timedelta(0) < size < GAP:
                missing = [last + length * n for n in range(1, size // length + 1)]
                self.gaps.append((round(moment.timestamp()), missing))
            self.instants.append((round(moment.timestamp()), local, local not in seen))
            seen.add(local)
            last = local
            moment += length

    def ticks(self, rule: Rule) -> list[int]:
        """Return the ticks of these days, as Unix seconds."""
        found: set[int] = set()
        for moment, local, first in self.instants:
            if (first or rule.wildcard) and rule.matches(local):
                found.update(moment + second - local.second for second in self.seconds(rule, local))
        for moment, missing in self.gaps if not rule.wildcard else ():
            if any(rule.matches(local) and self.seconds(rule, local) for local in missing):
                found.add(moment)
        return sorted(one for one in found if self.start <= one < self.end)

    def seconds(self, rule: Rule, local: datetime) -> set[int]:
        """Return the seconds at which a local time matches, of those that it stands for."""
        return rule.seconds if self.step == 60 else rule.seconds & {local.second}


def local_of(moment: datetime, zone: ZoneInfo) -> datetime:
    """Return an instant as the zone's clock shows it."""
    return moment.astimezone(zone).replace(tzinfo=None)


def utc(year: int, month: int, day: int) -> datetime:
    """Return a date in UTC."""
    return datetime(year, month, day, tzinfo=UTC)
