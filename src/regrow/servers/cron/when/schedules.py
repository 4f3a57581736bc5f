"""Schedules: values that say when a job is due.

    every(300)                              ticks at anchor + n·interval
    cron("30 2 * * *", tz="Europe/Berlin")  ticks at times of the local clock
    at(datetime(…))                         one tick
    reboot()                                one tick when the program starts

The functions below the classes work on integer microseconds since 1970; the scheduler and the ledger use them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final, TypeVar
from zoneinfo import ZoneInfo

from regrow.kernel.bounded_repr import safe_repr
from regrow.servers.cron.when import calendar
from regrow.servers.cron.when.fields import REBOOT, Fields, fields_of
from regrow.servers.cron.when.marks import mark
from regrow.servers.cron.when.moments import LAST, SECOND, datetime_of, micros
from regrow.servers.cron.when.zones import zone_of

F = TypeVar("F", bound=Callable[..., Any])

SHORTEST: Final = 1_000  # µs
LONGEST: Final = 100 * 366 * 86_400 * SECOND
UTC_ZONE: Final = "UTC"


class _Decorator:
    """A schedule is a decorator, too: it marks a function, which `collect` finds."""

    __slots__ = ()

    def __call__(self, function: F, /) -> F:
        """Mark a function with this schedule; return the same function.

        Raises:
            TypeError: it is no function.
        """
        return mark(function, self, {})


@dataclass(frozen=True, slots=True)
class Every(_Decorator):
    """Ticks at a constant interval: at `anchor + n·interval`, n ≥ 1.

    Attributes:
        interval: in microseconds.
        anchor: in microseconds since 1970; None for the moment at which the job was first registered.
    """

    interval: int
    anchor: int | None = None

    def after(self, moment: datetime) -> datetime | None:
        """Return the first tick later than a moment; without an anchor the ticks are counted from that moment.

        Raises:
            ValueError: the moment has no time zone.
        """
        return _after(self, moment)

    def __str__(self) -> str:
        return f"every {duration(self.interval)}"


@dataclass(frozen=True, slots=True)
class Crontab(_Decorator):
    """Ticks at times of a zone's clock.

    Attributes:
        expression: five fields, or six with the seconds first, or an alias.
        tz: the zone; None for that of the Cron.
    """

    expression: str
    tz: ZoneInfo | None = None

    @property
    def fields(self) -> Fields:
        """The fields of the parsed expression."""
        return fields_of(self.expression)

    def after(self, moment: datetime) -> datetime | None:
        """Return the first tick later than a moment, in the schedule's zone; None after the year 9999.

        Raises:
            ValueError: the moment has no time zone.
        """
        return _after(self, moment)

    def __str__(self) -> str:
        return self.expression if self.tz is None else f"{self.expression} {self.tz.key}"


@dataclass(frozen=True, slots=True, eq=False)
class At(_Decorator):
    """One tick.

    Two are equal if they are the same instant, in whatever zones. Dates alone would not do: two of one zone compare by
    wall time, so that the first 02:30 of a night when the clock goes back equals the second.

    Attributes:
        moment: a date with a time zone.
    """

    moment: datetime

    def __eq__(self, other: object) -> bool:
        return micros(self.moment) == micros(other.moment) if isinstance(other, At) else NotImplemented

    def __hash__(self) -> int:
        return hash((At, micros(self.moment)))

    def after(self, moment: datetime) -> datetime | None:
        """Return the tick if it is later than a moment.

        Raises:
            ValueError: the moment has no time zone.
        """
        return _after(self, moment)

    def __str__(self) -> str:
        return f"at {self.moment.isoformat()}"


@dataclass(frozen=True, slots=True)
class Reboot(_Decorator):
    """One tick when the program starts, and none by the clock."""

    def after(self, moment: datetime) -> datetime | None:
        """Return None.

        Raises:
            ValueError: the moment has no time zone.
        """
        return _after(self, moment)

    def __str__(self) -> str:
        return REBOOT


Schedule = Every | Crontab | At | Reboot


def every(interval: float | timedelta, *, anchor: datetime | None = None) -> Every:
    """Return a schedule with a constant interval.

    Args:
        interval: seconds, or a timedelta; a millisecond at least.
        anchor: where the ticks begin; None for the moment at which the job was first registered, which a store keeps.

    Raises:
        TypeError: the interval is no number of seconds, or the anchor is no datetime.
        ValueError: the interval is too short, too long or no finite number, or the anchor has no time zone.
    """
    given: Any = interval
    if isinstance(given, timedelta):
        length = given // timedelta(microseconds=1)
    elif isinstance(given, bool) or not isinstance(given, int | float):
        raise TypeError(f"every(interval): wanted seconds (a number) or a timedelta, got {safe_repr(given)}")
    elif given != given or abs(given) > LONGEST / SECOND:  # noqa: PLR0124 (NaN; `isnan` refuses a large int)
        length = LONGEST + 1
    else:
        length = round(given * SECOND)
    if length > LONGEST:
        raise ValueError(f"every(interval): wanted seconds, a hundred years at most; got {safe_repr(given)}")
    if length < SHORTEST:
        raise ValueError(f"every(interval): wanted 0.001 seconds or more, got {safe_repr(given)}")
    return Every(length, None if anchor is None else micros(aware(anchor, "every(anchor=)")))


def cron(expression: str, *, tz: str | ZoneInfo | None = None) -> Crontab | Reboot:
    """Return a schedule by a cron expression; "@reboot" is `reboot()`.

    Args:
        expression: minute, hour, day of month, month and day of week, with the seconds first if there are six fields;
            or @yearly, @annually, @monthly, @weekly, @daily, @midnight, @hourly, @reboot.
        tz: the zone of its times: a name such as "Europe/Berlin", or a ZoneInfo; None for that of the Cron.

    Raises:
        BadExpression: the expression cannot be used; the text says what to write.
        UnknownZone: this machine does not know the zone.
        TypeError: an argument has a wrong type.
        ModuleNotFoundError: cronsim is not installed.
    """
    given: Any = expression
    if not isinstance(given, str):
        raise TypeError(f"cron(expression): wanted text such as '30 2 * * *', got {safe_repr(given)}")
    zone = None if tz is None else zone_of(tz, "cron(tz=)")
    text = " ".join(given.split())
    if text == REBOOT:
        return Reboot()
    fields_of(text)
    return Crontab(text, zone)


def at(moment: datetime) -> At:
    """Return a schedule with one tick.

    Args:
        moment: a date with a time zone.

    Raises:
        TypeError: it is no datetime.
        ValueError: it has no time zone.
    """
    return At(aware(moment, "at(moment)"))


def reboot() -> Reboot:
    """Return the schedule of a job that runs once when the program starts."""
    return Reboot()


def aware(moment: object, what: str) -> datetime:
    """Return a date with a time zone.

    Raises:
        TypeError: it is no datetime.
        ValueError: it has no time zone; the error shows the same date with one.
    """
    if not isinstance(moment, datetime):
        raise TypeError(f"{what}: wanted a datetime with a time zone, got {safe_repr(moment)}")
    if moment.utcoffset() is None:
        shown = repr(moment.replace(tzinfo=None)).removeprefix("datetime.")[:-1]
        raise ValueError(
            f"{what}: wanted a datetime with a time zone, got {safe_repr(moment)}. "
            f"Say which one: {shown}, tzinfo=ZoneInfo('Europe/Berlin'))"
        )
    return moment


def _after(schedule: Schedule, moment: datetime) -> datetime | None:
    start = micros(aware(moment, "after(moment)"))
    tick = next_after(schedule, start, anchor=start, zone=_UTC)
    return None if tick is None else datetime_of(tick, zone_of_schedule(schedule))


# For the scheduler and the ledger


_UTC: Final = ZoneInfo(UTC_ZONE)


def moment_of(schedule: At) -> int:
    """Return the tick of an `at`."""
    return micros(schedule.moment)


def zone_of_schedule(schedule: Schedule, zone: ZoneInfo = _UTC) -> Any:
    """Return the zone in which the ticks of a schedule are shown; `zone` is that of the Cron."""
    match schedule:
        case Crontab():
            return schedule.tz or zone
        case At():
            return schedule.moment.tzinfo
        case _:
            return UTC


def next_after(schedule: Schedule, after: int, *, anchor: int, zone: ZoneInfo) -> int | None:
    """Return the first tick after a moment; None if there is none.

    Args:
        schedule: any.
        after: a moment.
        anchor: where the ticks of an interval without an own anchor begin.
        zone: that of an expression without one.
    """
    if isinstance(schedule, Crontab):
        tick = calendar.next_at(schedule.fields, schedule.tz or zone, after // SECOND + 1)
        return None if tick is None else tick * SECOND
    if isinstance(schedule, Every):
        start = anchor if schedule.anchor is None else schedule.anchor
        count = max(1, (after - start) // schedule.interval + 1)
        tick = start + count * schedule.interval
        return tick if tick <= LAST else None
    if isinstance(schedule, At):
        tick = micros(schedule.moment)
        return tick if tick > after else None
    return None


def previous_at_or_before(schedule: Schedule, until: int, *, after: int, anchor: int, zone: ZoneInfo) -> int | None:
    """Return the last tick of `after < t ≤ until`; None if there is none. See `next_after` for the arguments."""
    if until <= after:
        return None
    if isinstance(schedule, Crontab):
        tick = calendar.last_at(schedule.fields, schedule.tz or zone, until // SECOND, after // SECOND)
        return None if tick is None or tick * SECOND <= after else tick * SECOND
    if isinstance(schedule, Every):
        start = anchor if schedule.anchor is None else schedule.anchor
        count = (until - start) // schedule.interval
        tick = start + count * schedule.interval
        return tick if count >= 1 and tick > after else None
    if isinstance(schedule, At):
        tick = micros(schedule.moment)
        return tick if after < tick <= until else None
    return None


def ticks_between(
    schedule: Schedule, after: int, until: int, *, anchor: int, zone: ZoneInfo, limit: int
) -> Iterator[int]:
    """Return the ticks of `after < t ≤ until`, `limit` at most. See `next_after` for the arguments."""
    for _ in range(limit):
        tick = next_after(schedule, after, anchor=anchor, zone=zone)
        if tick is None or tick > until:
            return
        yield tick
        after = tick


def count_between(
    schedule: Schedule, after: int, until: int, *, anchor: int, zone: ZoneInfo, most: int = 10_000
) -> int:
    """Return the number of ticks of `after < t ≤ until`; `most` + 1 if there are more."""
    if isinstance(schedule, Every):
        start = anchor if schedule.anchor is None else schedule.anchor
        low = max(0, (after - start) // schedule.interval)
        return min(most + 1, max(0, (until - start) // schedule.interval - low))
    return sum(1 for _ in ticks_between(schedule, after, until, anchor=anchor, zone=zone, limit=most + 1))


# Text


def text_of(schedule: Schedule, zone: ZoneInfo) -> str:
    """Return the text of a schedule that the ledger keeps; `zone` is that of an expression without one."""
    match schedule:
        case Crontab():
            return f"cron {schedule.expression} {(schedule.tz or zone).key}"
        case Every(interval, None):
            return f"every {interval}"
        case Every(interval, anchor):
            return f"every {interval} from {anchor}"
        case At(moment):
            return f"at {datetime_of(micros(moment)).isoformat()}"
        case Reboot():
            return "reboot"


def schedule_of(text: str) -> Schedule:
    """Return the schedule of a text from the ledger.

    Raises:
        ValueError: another version of regrow wrote it.
    """
    kind, _, rest = text.partition(" ")
    try:
        if kind == "cron":
            expression, _, zone = rest.rpartition(" ")
            fields_of(expression)
            return Crontab(expression, zone_of(zone, "the ledger"))
        if kind == "every":
            return _every_of(rest)
        if kind == "at":
            return At(aware(datetime.fromisoformat(rest), "the ledger"))
        if text == "reboot":
            return Reboot()
    except ValueError as error:
        raise ValueError(f"the ledger has the schedule {text!r}, which cannot be read: {error}") from None
    raise ValueError(f"the ledger has the schedule {text!r}, which this version of regrow does not know")


def _every_of(text: str) -> Every:
    """Return the interval of a text from the ledger; one that `every` refuses is refused here, too."""
    interval, _, anchor = text.partition(" from ")
    length = int(interval)
    if not SHORTEST <= length <= LONGEST:
        raise ValueError(f"wanted {SHORTEST} microseconds or more, and a hundred years at most; got {length}")
    return Every(length, int(anchor) if anchor else None)


UNITS: Final = (("day", 86_400 * SECOND), ("h", 3600 * SECOND), ("min", 60 * SECOND))


def duration(length: int) -> str:
    """Return an interval in words: 5 min, 1 h 30 min, 0.25 s."""
    parts: list[str] = []
    rest = length
    for unit, size in UNITS:
        count, rest = divmod(rest, size)
        if count:
            parts.append(f"{count} {unit}{'s' if unit == 'day' and count > 1 else ''}")
    if rest or not parts:
        parts.append(f"{f'{rest / SECOND:.6f}'.rstrip('0').rstrip('.')} s")
    return " ".join(parts)
