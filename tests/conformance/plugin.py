"""A pytest plugin that reports which rows of the catalogue are proved; `make conformance` loads it.

A row is proved when a test that carries its id was collected, ran and passed, and none that carries it failed. A
skipped test proves nothing, and a test that is expected to fail marks a row that does not hold.
"""

from __future__ import annotations

import textwrap
from collections import Counter
from collections.abc import Iterable, Iterator

import pytest

from tests.conformance.catalogue import Row, applicable_rows, rejected_rows

# The property of a report that holds the item's ids: xdist sends only reports to the controller.
PROPERTY = "otp"
STATES = ["proved", "adapted", "rejected", "failing", "missing"]
# The states of rows that still need work.
OPEN = ["failing", "missing"]


class Tally:
    """The states of the rows, from the tests that have run."""

    def __init__(self, rows: dict[str, Row], rejected: Iterable[str]) -> None:
        self.rows = rows
        self.rejected = frozenset(rejected)
        self.passed: set[str] = set()
        self.failed: set[str] = set()

    def count(self, ids: Iterable[str], report: pytest.TestReport) -> None:
        """Count the report of one phase of a test: set-up, call or tear-down."""
        # A test that is expected to fail is reported as skipped, or as passed.
        if report.failed or hasattr(report, "wasxfail"):
            self.failed.update(ids)
        elif report.passed and report.when == "call":
            self.passed.update(ids)

    def state(self, row: Row) -> str:
        """Return the column of the table in which a row counts."""
        if row.id in self.failed:
            return "failing"
        if row.id in self.rejected:
            return "rejected"
        if row.id not in self.passed:
            return "missing"
        return "adapted" if row.adapted else "proved"

    @property
    def unknown(self) -> list[str]:
        """Return the ids of marks for which no row applies."""
        return sorted((self.passed | self.failed) - self.rows.keys())

    @property
    def complete(self) -> bool:
        """Whether every row is settled."""
        return not self.unknown and all(self.state(row) not in OPEN for row in self.rows.values())

    def table(self) -> Iterator[str]:
        """Return the table with the number of rows in each state, by area."""
        yield line_of("area", ["rows", *STATES])
        total = Counter[str]()
        for area in self.areas():
            found = Counter(self.state(row) for row in self.rows.values() if row.area == area)
            total += found
            yield line_of(area, [found.total(), *(found[state] for state in STATES)])
        yield line_of("all", [total.total(), *(total[state] for state in STATES)])
        settled = total.total() - sum(total[state] for state in OPEN)
        yield ""
        yield f"{settled} of {total.total()} rows are settled"

    def left_to_do(self) -> Iterator[str]:
        """Return the ids of the rows that are not settled, by area."""
        for state in OPEN:
            for area in self.areas():
                ids = [row.id for row in self.rows.values() if row.area == area and self.state(row) == state]
                if ids:
                    yield from paragraph(f"{state} in {area}:", ids)
        if self.unknown:
            yield from paragraph("in no row that applies:", self.unknown)

    def areas(self) -> list[str]:
        """Return the areas, in the catalogue's order."""
        return list(dict.fromkeys(row.area for row in self.rows.values()))


class Controller:
    """A plugin that counts on xdist's controller, or in the only process."""

    def __init__(self, tally: Tally) -> None:
        self.tally = tally

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Count a test that has run, here or in a worker."""
        self.tally.count([str(value) for name, value in report.user_properties if name == PROPERTY], report)

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """Fail if a row is missing, as for a failed test."""
        if session.exitstatus == pytest.ExitCode.OK and not self.tally.complete:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

    # It runs last, so that the table is below the tracebacks.
    @pytest.hookimpl(trylast=True)
    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Print the table, and below it the unsettled rows."""
        terminalreporter.section("conformance")
        for line in self.tally.table():
            terminalreporter.write_line(line)
        for line in self.tally.left_to_do():
            terminalreporter.write_line(line)


def pytest_configure(config: pytest.Config) -> None:
    """Register the plugin in the process to which all reports go."""
    if not hasattr(config, "workerinput"):
        config.pluginmanager.register(Controller(Tally(applicable_rows(), rejected_rows())), "conformance")


def pytest_itemcollected(item: pytest.Item) -> None:
    """Add the ids of a test to its reports."""
    for marker in item.iter_markers("otp"):
        item.user_properties.extend((PROPERTY, row_id) for row_id in marker.args)


def line_of(area: str, values: Iterable[object]) -> str:
    """Return a line of the table."""
    return f"{area:<20}" + "".join(f"{value!s:>10}" for value in values)


def paragraph(title: str, ids: Iterable[str]) -> list[str]:
    """Return a title and its ids, wrapped for a terminal; an id is not broken at its hyphen."""
    text = textwrap.fill(
        " ".join(ids), 118, initial_indent="  ", subsequent_indent="  ", break_on_hyphens=False, break_long_words=False
    )
    return ["", title, *text.splitlines()]
