"""What the processes of a failing test did: the fixture `trace`, and the option that gives it to every test."""

from __future__ import annotations

from collections.abc import Callable, Generator
from typing import Final

import pytest

from regrow.kernel.node import Node
from regrow.kernel.pid import Pid
from regrow.kernel.trace import listen, unlisten
from regrow.ops import tracing
from regrow.ops.tracing import Recording

TEST: Final = 2  # the number of the test's process: the first that its node was asked for
SIZE: Final = 500  # events: more than this nobody reads below a failing test


def add_trace_option(parser: pytest.Parser) -> None:
    """What may be asked for on the command line."""
    text = "record what the processes of every test do, and show it when one fails"
    parser.getgroup("regrow").addoption("--trace-processes", action="store_true", help=text)


class TracePlugin:
    """The hooks.

    Args:
        config: pytest's.
        is_ours: whether a test runs as a process.
    """

    def __init__(self, config: pytest.Config, is_ours: Callable[[object], bool]) -> None:
        self.is_ours = is_ours
        self.always: bool = bool(config.getoption("--trace-processes"))

    @pytest.fixture
    def trace(self, node: Node) -> Generator[Recording]:
        """What the processes of the test's node do, until the test is over; shown when it fails."""
        recording = tracing.trace(node=node, size=SIZE)

        def until_it_is_over(point: str, who: object, _whom: object, _what: object) -> None:
            if point == "exit" and isinstance(who, Pid) and who.number == TEST:
                recording.stop()

        with recording:
            listen(node, until_it_is_over)
            yield recording
        unlisten(node, until_it_is_over)

    @pytest.hookimpl(trylast=True)
    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        """Give every test of ours a trace, if that is asked for."""
        for item in items if self.always else ():
            if isinstance(item, pytest.Function) and self.is_ours(item) and "trace" not in item.fixturenames:
                item.fixturenames.append("trace")

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(self, item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        """Show it below the failure."""
        report = yield
        recording = item.funcargs.get("trace") if isinstance(item, pytest.Function) else None
        if report.failed and isinstance(recording, Recording):
            report.sections.append(("what the processes did", recording.table()))
            report.sections.append(("the same as a Mermaid sequence diagram", recording.mermaid()))
        return report
