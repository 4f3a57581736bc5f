"""A cron expression as sets of numbers, and the search for its next and last match in local time.

cronsim parses, and knows which days match. Local time is counted in seconds since 1970-01-01T00:00 of the local
calendar; it has no zone here.
"""

from __future__ import annotations

import re
from datetime import UTC, date, datetime
from functools import lru_cache
from typing import TYPE_CHECKING, Final

from regrow.servers.cron.when.errors import BadExpression

if TYPE_CHECKING:
    from cronsim import CronSim

DAY: Final = 86_400
EPOCH_DAY: Final = date(1970, 1, 1).toordinal()
LAST_DAY: Final = date.max.toordinal() - EPOCH_DAY
SOME_DAY: Final = datetime(2024, 1, 1, tzinfo=UTC)  # cronsim wants a moment; nothing here iterates from it
YEARS: Final = 50  # after which a date counts as one that never comes; 29 February as a Monday takes 40

FIELDS: Final = ("second", "minute", "hour", "day of month", "month", "day of week")
ALIASES: Final = {
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
    "@monthly": "0 0 1 * *",
    "@weekly": "0 0 * * 0",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@hourly": "0 * * * *",
}
REBOOT: Final = "@reboot"
_RANGE: Final = re.compile(r"([A-Z0-9]+)-([A-Z0-9]+)(/\d+)?")
_NAMES: Final = {
    4: {
        name: number
        for number, name in enumerate(
            ["JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"], 1
        )
    },
    5: {name: number for number, name in enumerate(["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"])},
}
_LIMITS: Final = ((0, 59), (0, 59), (0, 23), (1, 31), (1, 12), (0, 7))


class Fields:
    """The fields of an expression.

    Args:
        sim: the parsed expression.
        texts: its six fields as text.

    Attributes:
        wildcard: whether its second, minute or hour begins with `*` (Debian's rule).
        either: whether a day matches by its day of month or by its day of week; else it needs both.
    """

    def __init__(self, sim: CronSim, texts: list[str]) -> None:
        self.sim = sim
        self.wildcard: bool = any(text.startswith("*") for text in texts[:3])
        self.either: bool = not sim.day_and
        self._next_second, self._last_second = _neighbours(sim.seconds, 60)
        self._next_minute, self._last_minute = _neighbours(sim.minutes, 60)
        self._next_hour, self._last_hour = _neighbours(sim.hours, 24)
        self._first: int = self._next_hour[0] * 3600 + self._next_minute[0] * 60 + self._next_second[0]
        self._final: int = self._last_hour[23] * 3600 + self._last_minute[59] * 60 + self._last_second[59]
        self._days: dict[int, bool] = {}  # whether a day matches, of the last ones that were asked for

    def after(self, local: int) -> int | None:
        """Return the first match at or after a local time."""
        day, time = divmod(local, DAY)
        if self.has_day(day) and (found := self._time_after(time)) is not None:
            return day * DAY + found
        found_day = self._day_from(day + 1)
        return None if found_day is None else found_day * DAY + self._first

    def before(self, local: int, least: int) -> int | None:
        """Return the last match at or before a local time, None if it is before `least`."""
        day, time = divmod(local, DAY)
        if self.has_day(day) and (found := self._time_before(time)) is not None:
            return day * DAY + found
        found_day = self._day_back(day - 1, least // DAY)
        return None if found_day is None else found_day * DAY + self._final

    def has_day(self, day: int) -> bool:
        """Whether a day matches; days are counted from 1970."""
        found = self._days.get(day)
        if found is None:
            if not 1 - EPOCH_DAY <= day <= LAST_DAY:
                return False
            if len(self._days) > 64:
                self._days.clear()
            when = date.fromordinal(day + EPOCH_DAY)
            found = self._days[day] = when.month in self.sim.months and self.sim.match_day(when)
        return found

    def _time_after(self, time: int) -> int | None:
        """Return the first matching time of day at or after a time of day, in seconds."""
        hour, rest = divmod(time, 3600)
        minute, second = divmod(rest, 60)
        if self._next_hour[hour] == hour:
            if self._next_minute[minute] == minute and (found := self._next_second[second]) >= 0:
                return hour * 3600 + minute * 60 + found
            if (later := self._next_minute[minute + 1]) >= 0:
                return hour * 3600 + later * 60 + self._next_second[0]
        if (later := self._next_hour[hour + 1]) >= 0:
            return later * 3600 + self._next_minute[0] * 60 + self._next_second[0]
        return None

    def _time_before(self, time: int) -> int | None:
        """Return the last matching time of day at or before a time of day, in seconds."""
        hour, rest = divmod(time, 3600)
        minute, second = divmod(rest, 60)
        if self._last_hour[hour] == hour:
            if self._last_minute[minute] == minute and (found := self._last_second[second]) >= 0:
                return hour * 3600 + minute * 60 + found
            if minute and (earlier := self._last_minute[minute - 1]) >= 0:
                return hour * 3600 + earlier * 60 + self._last_second[59]
        if hour and (earlier := self._last_hour[hour - 1]) >= 0:
            return earlier * 3600 + self._last_minute[59] * 60 + self._last_second[59]
        return None

    def _day_from(self, day: int) -> int | None:
        """Return the first matching day from a day on; a month that does not match is passed over."""
        day = max(day, 1 - EPOCH_DAY)
        until = min(LAST_DAY, day + YEARS * 366)
        months, match = self.sim.months, self.sim.match_day
        while day <= until:
            when = date.fromordinal(day + EPOCH_DAY)
            if when.month not in months:
                if (when.year, when.month) == (date.max.year, 12):
                    return None
                following = when.replace(year=when.year + when.month // 12, month=when.month % 12 + 1, day=1)
                day = following.toordinal() - EPOCH_DAY
            elif match(when):
                return day
            else:
                day += 1
        return None

    def _day_back(self, day: int, least: int) -> int | None:
        """Return the last matching day up to a day, and not before `least`."""
        day = min(day, LAST_DAY)
        least = max(least, 1 - EPOCH_DAY, day - YEARS * 366)
        months, match = self.sim.months, self.sim.match_day
        while day >= least:
            when = date.fromordinal(day + EPOCH_DAY)
            if when.month not in months:
                day = when.replace(day=1).toordinal() - 1 - EPOCH_DAY
            elif match(when):
                return day
            else:
                day -= 1
        return None


def _neighbours(numbers: set[int], size: int) -> tuple[list[int], list[int]]:
    """Return, for each number, the next one of a set at or after it, and the last at or before it; -1 if there is none."""
    after = [-1] * (size + 1)
    for number in range(size - 1, -1, -1):
        after[number] = number if number in numbers else after[number + 1]
    before = [-1] * size
    last = -1
    for number in range(size):
        last = number if number in numbers else last
        before[number] = last
    return after, before


@lru_cache(maxsize=512)
def fields_of(expression: str) -> Fields:
    """Return the fields of an expression, which is no `@reboot`.

    Raises:
        BadExpression: it cannot be used.
        ModuleNotFoundError: cronsim is not installed.
    """
    text = ALIASES.get(expression, expression)
    if text.startswith("@"):
        known = ", ".join([*ALIASES, REBOOT])
        advice = f"; write {text.lower()}" if text.lower() in {*ALIASES, REBOOT} else ""
        raise BadExpression(expression, "", f"wanted one of {known}{advice}")
    texts = text.upper().split()
    if len(texts) == 5:
        texts.insert(0, "0")
    if len(texts) != 6:
        raise BadExpression(
            expression,
            "",
            f"wanted five fields (minute, hour, day of month, month, day of week), or six with the seconds first; got "
            f"{len(texts)}",
        )
    for place, field in enumerate(texts):
        _check(expression, place, field)
    try:
        from cronsim import CronSim, CronSimError  # start-up: a program without cron expressions does not load it
    except ModuleNotFoundError as error:
        if error.name != "cronsim":
            raise
        raise ModuleNotFoundError(
            "cron expressions need cronsim. Install it: pip install 'regrow[cron]'", name="cronsim"
        ) from None

    for place in range(6):
        alone = ["0", "0", "0", "*", "*", "*"]
        alone[place] = texts[place]
        try:
            CronSim(" ".join(alone), SOME_DAY)
        except CronSimError:
            raise BadExpression(expression, FIELDS[place], _wanted(place, texts[place])) from None
    try:
        fields = Fields(CronSim(" ".join(texts), SOME_DAY), texts)
    except CronSimError:
        raise _never(expression) from None
    if fields.after(10_957 * DAY) is None:  # from the year 2000 on
        raise _never(expression)
    return fields


def _never(expression: str) -> BadExpression:
    return BadExpression(expression, "day of month", "such a date never comes. Write a day that its months have")


def _wanted(place: int, field: str) -> str:
    low, high = _LIMITS[place]
    names = {4: " or JAN to DEC", 5: " or SUN to SAT"}.get(place, "")
    return f"{FIELDS[place]} {field!r}: wanted *, numbers from {low} to {high}{names}, ranges as {low}-{high}, steps as */2"


def _check(expression: str, place: int, field: str) -> None:
    """Refuse what cronsim would take for something else, or refuse without advice."""
    if not re.fullmatch(r"[A-Z0-9*,/#-]+", field):
        raise BadExpression(expression, FIELDS[place], _wanted(place, field))
    if re.search(r"\d{6}", field):
        raise BadExpression(expression, FIELDS[place], _wanted(place, field))
    for term in field.split(","):
        found = _RANGE.fullmatch(term)
        if found is None:
            continue
        first, last = (_number(place, text) for text in found.groups()[:2])
        low, high = _LIMITS[place]
        if first is None or last is None or not (low <= first <= high and low <= last <= high):
            continue
        if first > last:
            problem = f"goes backwards and would never match; write {_around(place, found)}"
        elif first == last and found[3]:
            problem = f"is a range of one with a step; write {found[1]}"
        else:
            continue
        raise BadExpression(expression, FIELDS[place], f"{FIELDS[place]} {term!r} {problem}")


def _around(place: int, found: re.Match[str]) -> str:
    """Return what to write for a range that goes over the end of its field: 22-23,0-2 for 22-2."""
    (low, high), names = _LIMITS[place], {number: name for name, number in _NAMES.get(place, {}).items()}
    high = 6 if place == 5 else high
    first, last = (_number(place, text) or 0 for text in found.groups()[:2])
    if first > high:  # Sunday as 7
        return f"{low}-{last}{found[3] or ''}"
    shown = names if found[1] in _NAMES.get(place, {}) else {}
    if found[3] and (step := int(found[3][1:])) > 1:
        size = high - low + 1
        turns = range(first, last + size + 1, step)
        return ",".join(str(shown.get(one, one)) for one in sorted((turn - low) % size + low for turn in turns))
    pieces = [(first, high), (low, last)]
    return ",".join("-".join(str(shown.get(one, one)) for one in dict.fromkeys(piece)) for piece in pieces)


def _number(place: int, text: str) -> int | None:
    if text.isdecimal():
        return int(text)
    return _NAMES.get(place, {}).get(text)
