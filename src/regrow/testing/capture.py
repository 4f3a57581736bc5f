"""The reports that are logged while a test runs, as data.

    with capture_reports() as reports       everything that regrow logs within the block
    reports.only("GenServer terminating")   the one report of this kind, with its parts: `.name`, `.reason`, `.state` …
    reports.of("started")                   all of a kind
    reports.text()                          all of them as text

Under pytest the fixture `reports` provides them.
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
    """The log records of a block, oldest first: a `Report`, or the text of a record that carries none."""

    def of(self, kind: str) -> list[Report]:
        """Return the reports of one kind, such as "GenServer terminating" or "caused shutdown"."""
        return [report for report in self if isinstance(report, Report) and report.kind == kind]

    def only(self, kind: str) -> Report:
        """Return the one report of a kind.

        Raises:
            AssertionError: there is none, or more than one; the message shows what was logged.
        """
        found = self.of(kind)
        if len(found) != 1:
            raise AssertionError(f"wanted one report {kind!r}, got {len(found)}. Logged were:\n{self.text()}")
        return found[0]

    def text(self) -> str:
        """Return all records as text, as the log prints them."""
        lines = [words(one) if isinstance(one, Report) else brief(one) for one in self]
        return "\n".join(lines) if lines else "nothing"


class Collector(logging.Handler):
    """A log handler that collects records."""

    def __init__(self, found: Reports) -> None:
        super().__init__()
        self.found = found

    def emit(self, record: logging.LogRecord) -> None:
        """Append the report of a record, or its text if it has none."""
        self.found.append(record.msg if isinstance(record.msg, Report) else record.getMessage())


@contextmanager
def capture_reports(level: int = logging.DEBUG) -> Generator[Reports]:
    """Collect what regrow logs within the block, at `level` and above. Other handlers receive it as usual."""
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
