"""A pytest plugin that shows what the processes of a failing test did.

A test asks for the fixture `trace`; the option `--trace-processes` gives it to every test.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from typing import Final

import pytest

from regrow.kernel.node import Node
from regrow.kernel.process_record import Pid
from regrow.kernel.trace import listen, unlisten
from regrow.ops import tracing
from regrow.ops.tracing import Recording

TEST: Final = 2  # the number of the test's process, the first that is started on its node
SIZE: Final = 500  # events: a longer list below a failing test is not read


def add_trace_option(parser: pytest.Parser) -> None:
    """Add the command-line option of this plugin."""
    text = "record what the processes of every test do, and show it when one fails"
    parser.getgroup("regrow").addoption("--trace-processes", action="store_true", help=text)


class TracePlugin:
    """The fixture and the hooks that record and show traces.

    Args:
        config: pytest's configuration.
        runs_as_process: returns whether the plugin runs a test as a process.
    """

    def __init__(self, config: pytest.Config, runs_as_process: Callable[[object], bool]) -> None:
        self.runs_as_process = runs_as_process
        self.always: bool = bool(config.getoption("--trace-processes"))

    @pytest.fixture
    def trace(self, node: Node) -> Generator[Recording]:
        """Record what the processes of the test's node do until the test ends; a failure shows the recording."""
        recording = tracing.trace(node=node, size=SIZE)

        def stop_when_test_ends(point: str, who: object, _whom: object, _what: object) -> None:
            if point == "exit" and isinstance(who, Pid) and who.number == TEST:
                recording.stop()

        with recording:
            listen(node, stop_when_test_ends)
            yield recording
        unlisten(node, stop_when_test_ends)

    @pytest.hookimpl(trylast=True)
    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        """Give every test that runs as a process a trace if `--trace-processes` was given."""
        for item in items if self.always else ():
            if isinstance(item, pytest.Function) and self.runs_as_process(item) and "trace" not in item.fixturenames:
                item.fixturenames.append("trace")

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(self, item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        """Show the recording below the failure."""
        report = yield
        recording = item.funcargs.get("trace") if isinstance(item, pytest.Function) else None
        if report.failed and isinstance(recording, Recording):
            report.sections.append(("what the processes did", recording.table()))
            report.sections.append(("what the processes did, as a Mermaid sequence diagram", recording.mermaid()))
        return report
