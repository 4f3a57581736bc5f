"""What every contestant shares: when its jobs are due, and how late they began."""

from __future__ import annotations

import json
import math
import sys
import time
from datetime import UTC, datetime

CASES = ("at", "cron", "every")


class Due:
    """Jobs that are all due at the beginning of one second.

    Args:
        count: how many.
        lead: seconds that the contestant has to take them in.
    """

    def __init__(self, count: int, lead: float) -> None:
        self.count = count
        self.moment = float(math.ceil(time.time() + lead))
        self.late: list[float] = []

    @property
    def date(self) -> datetime:
        """The moment as a date."""
        return datetime.fromtimestamp(self.moment, UTC)

    @property
    def expression(self) -> str:
        """A cron expression, with the seconds first, that is due at this moment alone on its day."""
        date = self.date
        return f"{date.second} {date.minute} {date.hour} * * *"

    def note(self) -> None:
        """Note that a job has begun."""
        self.late.append(time.time() - self.moment)

    def report(self) -> None:
        """Print the median, the 99th percentile and the maximum, in milliseconds; refuse a job that began early or never."""
        found = sorted(self.late)
        if len(found) != self.count or found[0] < 0:
            sys.exit(f"{len(found)} of {self.count} jobs began, the first {found[:1]} s late")
        shown = [found[len(found) // 2], found[math.ceil(len(found) * 0.99) - 1], found[-1]]
        print(json.dumps([round(1000 * one, 1) for one in shown]))


def arguments() -> tuple[str, str, int]:
    """Return the kind, the case and the number of jobs from the command line."""
    kind, case, count = sys.argv[1:4]
    if case not in CASES:
        sys.exit(f"wanted one of {CASES}, got {case}")
    return kind, case, int(count)
