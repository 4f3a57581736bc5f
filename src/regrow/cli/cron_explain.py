"""`regrow cron explain`: it needs no store, and reads dates for the other subcommands."""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

from regrow.cli.exit_codes import WRONG_USE
from regrow.cli.project import Problem
from regrow.cli.queue_text import dumps, plain
from regrow.servers.cron.when.errors import BadExpression, UnknownZone
from regrow.servers.cron.when.explain import explain as explained
from regrow.servers.cron.when.zones import zone_of


def explain(expression: str, tz: str, after: str | None, count: int, *, as_json: bool) -> None:
    """Print what a cron expression means.

    Raises:
        Problem: the expression, the zone or the date cannot be used; or cronsim is not installed.
    """
    try:
        zone = zone_of(tz, "--tz")
        start = None if after is None else moment_of(after, zone, "--after")
        found = explained(expression, tz=zone, after=start, count=count)
    except (BadExpression, UnknownZone) as error:
        raise Problem(plain(str(error)), WRONG_USE) from None
    except ModuleNotFoundError as error:
        raise Problem(f"{error.name} is not installed: pip install 'regrow[cron]'", WRONG_USE) from None
    if as_json:
        fires = [{"when": fire.when.isoformat(), "note": fire.note} for fire in found.fires]
        print(dumps({"expression": expression, "tz": zone.key, "words": found.words, "fires": fires}))
    else:
        print(found)


def moment_of(text: str, zone: ZoneInfo, what: str) -> datetime:
    """Return a date of the command line; one without an offset is in `zone`.

    Raises:
        Problem: it is no date.
    """
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        wanted = "2026-10-24, 2026-10-24T02:30 or 2026-10-24T02:30+02:00"
        raise Problem(f"{what}: wanted a date such as {wanted}, got {plain(text)!r}", WRONG_USE) from None
    return moment.replace(tzinfo=zone) if moment.utcoffset() is None else moment
