"""Schedules in plain words."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from regrow.servers.cron.when.fields import ALIASES
from regrow.servers.cron.when.schedules import At, Crontab, Every, Reboot, Schedule, duration


def words(schedule: Schedule, zone: ZoneInfo) -> str:
    """Return a schedule in plain words; `zone` is that of an expression without one."""
    match schedule:
        case Every(interval, anchor):
            return f"every {duration(interval)}" if anchor != 0 else f"every {duration(interval)}, aligned to 1970 UTC"
        case At(moment):
            return f"once, {moment:%a %Y-%m-%d %H:%M:%S %Z}"
        case Reboot():
            return "when the program starts"
        case Crontab():
            return f"{expression_words(schedule)}, {(schedule.tz or zone).key}"


def expression_words(schedule: Crontab) -> str:
    """Return an expression in cronsim's words, with "or" where either day suffices."""
    from cronsim import CronSim  # start-up: a program that explains nothing does not load it

    text = ALIASES.get(schedule.expression, schedule.expression)
    found = CronSim(text, datetime(2024, 1, 1, tzinfo=UTC)).explain()
    return found.replace(" and on ", " or on ") if schedule.fields.either else found
