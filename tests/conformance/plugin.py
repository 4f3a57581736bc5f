"""A pytest plugin that says which rows of the catalogue are proved: `make conformance` loads it.

A row is proved when a test that carries its id was collected, ran and passed, and none that carries it failed. A test
that was skipped proves nothing, and one that is expected to fail tells of a row that does not hold.
"""

from __future__ import annotations

import textwrap
from collections import Counter
from collections.abc import Iterable, Iterator

import pytest

from tests.conformance.catalogue import Row, applicable_rows, rejected_rows

# The name under which an item's ids travel in its reports: xdist sends these, and nothing else, to the controller.
PROPERTY = "otp"
STATES = ["proved", "adapted", "rejected", "failing", "missing"]
# What somebody has still to do something about.
OPEN = ["failing", "missing"]


class Tally:
    """What the tests that have run say of the rows."""

    def __init__(self, rows: dict[str, Row], rejected: Iterable[str]) -> None:
        self.rows = rows
        self.rejected = frozenset(rejected)
        self.passed: set[str] = set()
        self.failed: set[str] = set()

    def count(self, ids: Iterable[str], report: pytest.TestReport) -> None:
        """Take in the report of one phase of a test: its set-up, itself or its tear-down."""
        # A test that is expected to fail is reported as skipped, or as passed.
        if report.failed or hasattr(report, "wasxfail"):
            self.failed.update(ids)
        elif report.passed and report.when == "call":
            self.passed.update(ids)

    def state(self, row: Row) -> str:
        """In which column of the table a row counts."""
        if row.id in self.failed:
            return "failing"
        if row.id in self.rejected:
            return "rejected"
        if row.id not in self.passed:
            return "missing"
        return "adapted" if row.adapted else "proved"

    @property
    def unknown(self) -> list[str]:
        """The ids that tests carry although no row that applies has them."""
        return sorted((self.passed | self.failed) - self.rows.keys())

    @property
    def complete(self) -> bool:
        """Whether nothing is left to do."""
        return not self.unknown and all(self.state(row) not in OPEN for row in self.rows.values())

    def table(self) -> Iterator[str]:
        """How many rows are in which state, by area."""
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
        """The ids of the rows that are not settled, by area."""
        for state in OPEN:
            for area in self.areas():
                ids = [row.id for row in self.rows.values() if row.area == area and self.state(row) == state]
                if ids:
                    yield from paragraph(f"{state} in {area}:", ids)
        if self.unknown:
            yield from paragraph("in no row that applies:", self.unknown)

    def areas(self) -> list[str]:
        """The areas, in the catalogue's order."""
        return list(dict.fromkeys(row.area for row in self.rows.values()))


class Controller:
    """Counts on xdist's controller, or in the one process there is."""

    def __init__(self, tally: Tally) -> None:
        self.tally = tally

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Count what has run, here or in a worker."""
        self.tally.count([str(value) for name, value in report.user_properties if name == PROPERTY], report)

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """Fail for a row that is missing as for a test that fails."""
        if session.exitstatus == pytest.ExitCode.OK and not self.tally.complete:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

    # Last, so that the table stands below the tracebacks.
    @pytest.hookimpl(trylast=True)
    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Print the table, and below it what is left to do."""
        terminalreporter.section("conformance")
        for line in self.tally.table():
            terminalreporter.write_line(line)
        for line in self.tally.left_to_do():
            terminalreporter.write_line(line)


def pytest_configure(config: pytest.Config) -> None:
    """Count where the reports of all workers arrive."""
    if not hasattr(config, "workerinput"):
        config.pluginmanager.register(Controller(Tally(applicable_rows(), rejected_rows())), "conformance")


def pytest_itemcollected(item: pytest.Item) -> None:
    """Give a test's ids to its reports."""
    for marker in item.iter_markers("otp"):
        item.user_properties.extend((PROPERTY, row_id) for row_id in marker.args)


def line_of(area: str, values: Iterable[object]) -> str:
    """A line of the table."""
    return f"{area:<20}" + "".join(f"{value!s:>10}" for value in values)


def paragraph(title: str, ids: Iterable[str]) -> list[str]:
    """A title and its ids, in lines that a terminal holds; an id is not broken at its hyphen."""
    text = textwrap.fill(
        " ".join(ids), 118, initial_indent="  ", subsequent_indent="  ", break_on_hyphens=False, break_long_words=False
    )
    return ["", title, *text.splitlines()]
