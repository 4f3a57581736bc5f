"""`explain` and `next_fires`: what a schedule means, without a server."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from regrow.kernel.bounded_repr import safe_repr
from regrow.kernel.clock import Clock
from regrow.kernel.current_node import CURRENT
from regrow.servers.cron.when.moments import SECOND, datetime_of, micros
from regrow.servers.cron.when.schedules import (
    At,
    Crontab,
    Every,
    Reboot,
    Schedule,
    aware,
    cron,
    next_after,
    zone_of_schedule,
)
from regrow.servers.cron.when.words import words
from regrow.servers.cron.when.zones import stretch_at, zone_of

MOST_FIRES = 10_000


@dataclass(frozen=True, slots=True)
class Fire:
    """A tick of an explanation.

    Attributes:
        when: the tick, in the schedule's zone.
        note: what a change of the clock does to it, or "".
    """

    when: datetime
    note: str = ""


@dataclass(frozen=True, slots=True)
class Explanation:
    """A schedule in words, with its next ticks; its `str()` is what `regrow cron explain` prints.

    Attributes:
        words: the schedule in plain words.
        fires: its next ticks.
    """

    words: str
    fires: list[Fire]

    def __str__(self) -> str:
        ticks = [f"  {moment_text(fire.when)}{'   ' if fire.note else ''}{fire.note}" for fire in self.fires]
        return "\n".join([self.words, *(ticks or ["  no tick by the clock"])])


def moment_text(when: datetime) -> str:
    """Return a moment in text, with its seconds and their fraction only if they are not zero."""
    seconds = ":%S" if when.second or when.microsecond else ""
    fraction = f"{when:.%f}".rstrip("0") if when.microsecond else ""
    return f"{when:%a %Y-%m-%d %H:%M{seconds}}{fraction} {when:%Z}"


def next_fires(schedule: Schedule, *, after: datetime | None = None, count: int = 10) -> list[datetime]:
    """Return the next ticks of a schedule, in its zone (UTC for `every`).

    Args:
        schedule: what `every`, `cron`, `at` or `reboot` returns.
        after: a date with a time zone, which itself does not count; None for now.
        count: how many; there are fewer where no more come.

    Raises:
        TypeError: an argument has a wrong type.
        ValueError: the date has no time zone, or the count is out of its range.
    """
    checked(schedule, "next_fires")
    return ticks_of(schedule, start_of(after, "next_fires"), counted(count, "next_fires"), ZoneInfo("UTC"))


def explain(
    schedule: Schedule | str, *, tz: str | ZoneInfo | None = None, after: datetime | None = None, count: int = 5
) -> Explanation:
    """Return a schedule in words, with its next ticks and what changes of the clock do to them.

    Args:
        schedule: a schedule, or a cron expression.
        tz: the zone of an expression without one; None for UTC.
        after: a date with a time zone, which itself does not count; None for now.
        count: how many ticks.

    Raises:
        BadExpression: the expression cannot be used.
        UnknownZone: this machine does not know the zone.
        TypeError: an argument has a wrong type.
        ValueError: the date has no time zone, or the count is out of its range.
    """
    zone = ZoneInfo("UTC") if tz is None else zone_of(tz, "explain(tz=)")
    given = cron(schedule) if isinstance(schedule, str) else schedule
    checked(given, "explain")
    start = start_of(after, "explain")
    ticks = ticks_of(given, start, counted(count, "explain"), zone)
    return Explanation(words(given, zone), [Fire(tick, note_of(given, tick, zone)) for tick in ticks])


def checked(schedule: object, what: str) -> None:
    """Check that a value is a schedule.

    Raises:
        TypeError: it is none.
    """
    if not isinstance(schedule, Every | Crontab | At | Reboot):
        raise TypeError(f"{what}: wanted what every(…), cron(…), at(…) or reboot() returns, got {safe_repr(schedule)}")


def counted(count: object, what: str) -> int:
    """Return a number of ticks.

    Raises:
        TypeError: it is no int.
        ValueError: it is out of its range.
    """
    if isinstance(count, bool) or not isinstance(count, int):
        raise TypeError(f"{what}: count: wanted an int, got {safe_repr(count)}")
    if not 0 <= count <= MOST_FIRES:
        raise ValueError(f"{what}: count: wanted 0 to {MOST_FIRES:,}, got {count}")
    return count


def start_of(after: datetime | None, what: str) -> int:
    """Return the moment after which ticks are wanted: now, by the clock of the node if there is one."""
    if after is not None:
        return micros(aware(after, f"{what}(after=)"))
    node = CURRENT.node
    clock = Clock() if node is None else node.clock
    return round(clock.wall() * SECOND)


def ticks_of(schedule: Schedule, start: int, count: int, zone: ZoneInfo) -> list[datetime]:
    """Return the next ticks of a schedule."""
    found: list[datetime] = []
    moment, shown = start, zone_of_schedule(schedule, zone)
    while len(found) < count and (tick := next_after(schedule, moment, anchor=start, zone=zone)) is not None:
        found.append(datetime_of(tick, shown))
        moment = tick
    return found


def note_of(schedule: Schedule, tick: datetime, zone: ZoneInfo) -> str:
    """Return what a change of the clock does to a tick, or ""."""
    if not isinstance(schedule, Crontab):
        return ""
    fields, zone = schedule.fields, schedule.tz or zone
    second = micros(tick) // SECOND
    part = stretch_at(zone, second)
    after = second + part.offset  # the local time
    if part.offset > part.before and second == part.start and not fields.wildcard:
        match = fields.after(part.start + part.before)
        if match is not None and match < after:
            return f"clocks go forward: {clock_time(match)} does not exist, runs at {clock_time(after)}"
    following = stretch_at(zone, part.end)
    if following.offset < following.before and after >= part.end + following.offset:
        again = "both times" if fields.wildcard else "the first time"
        return f"clocks go back at {clock_time(part.end + part.offset)}: {clock_time(after)} comes twice, runs {again}"
    return ""


def clock_time(local: int) -> str:
    """Return a local time as hours and minutes."""
    hour, rest = divmod(local % 86_400, 3600)
    minute, second = divmod(rest, 60)
    return f"{hour:02}:{minute:02}" if not second else f"{hour:02}:{minute:02}:{second:02}"
