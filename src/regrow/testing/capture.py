"""The reports that are logged while a test runs, as data: who ended, and why.

    with capture_reports() as reports       all that regrow logs within the block
    reports.only("GenServer terminating")   the one report of this kind, with its parts: `.name`, `.reason`, `.state` …
    reports.of("started")                   all of a kind
    reports.text()                          everything in words

Under pytest the fixture `reports` has them.
"""

from __future__ import annotations

import logging
from collections.abc import Generator
from contextlib import contextmanager
from typing import Any

from regrow.kernel.report import Report
from regrow.ops.logs import words
from regrow.testing.describe import brief


class Reports(list[Any]):
    """What was logged, oldest first: `Report` objects, and the texts of records that are none."""

    def of(self, kind: str) -> list[Report]:
        """The reports of one kind, such as "GenServer terminating" or "caused shutdown"."""
        return [report for report in self if isinstance(report, Report) and report.kind == kind]

    def only(self, kind: str) -> Report:
        """The one report of a kind.

        Raises:
            AssertionError: there is none, or there are several; it shows what was logged.
        """
        found = self.of(kind)
        if len(found) != 1:
            raise AssertionError(f"wanted one report {kind!r}, got {len(found)}. Logged were:\n{self.text()}")
        return found[0]

    def text(self) -> str:
        """All of it in words, as the log has it."""
        told = [words(one) if isinstance(one, Report) else brief(one) for one in self]
        return "\n".join(told) if told else "nothing"


class Collector(logging.Handler):
    """Keeps what is logged."""

    def __init__(self, found: Reports) -> None:
        super().__init__()
        self.found = found

    def emit(self, record: logging.LogRecord) -> None:
        """Keep one record: its report, or its text."""
        self.found.append(record.msg if isinstance(record.msg, Report) else record.getMessage())


@contextmanager
def capture_reports(level: int = logging.DEBUG) -> Generator[Reports]:
    """Collect what regrow logs within the block, from a level on. It goes where it went before, too."""
    logger = logging.getLogger("regrow")
    found = Reports()
    collector = Collector(found)
    before = logger.level
    logger.addHandler(collector)
    logger.setLevel(level)
    try:
        yield found
    finally:
        logger.setLevel(before)
        logger.removeHandler(collector)
