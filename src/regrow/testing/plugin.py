"""The pytest plugin: an `async def` test runs as a process, on a fresh node, in virtual time.

This plugin runs a test if the test uses the `node` fixture (directly or through another fixture), if it is marked
`@pytest.mark.regrow`, or if the project's pytest settings have `regrow_auto = true`. The marker takes the arguments of
Node, such as `seed=`, and `clock="real"`. The async fixtures of the test run in the same process, before and after it.

If pytest-asyncio handles the test (by `@pytest.mark.asyncio`, or `asyncio_mode = "auto"`), the test runs on
pytest-asyncio's event loop, which its loop factories make, beside its fixtures: there, too, as a process on a fresh node.
"""

from __future__ import annotations

import asyncio
import copy
import functools
import inspect
import logging
from collections.abc import Awaitable, Callable, Generator, Mapping
from typing import Any

import pytest

from regrow.kernel.clock import Clock
from regrow.kernel.node import Node
from regrow.kernel.process_record import Pid
from regrow.kernel.report import Report
from regrow.kernel.virtual_clock import VirtualClock
from regrow.ops import logs
from regrow.testing import supervised
from regrow.testing.capture import Reports, capture_reports
from regrow.testing.simulation.plugin import SimulatePlugin, add_options
from regrow.testing.supervised import StartSupervised
from regrow.testing.test_process import Outcome, TestProcess
from regrow.testing.trace_plugin import TracePlugin, add_trace_option


class TestRunner:
    """The process of a test, and an event loop for it unless pytest-asyncio has one."""

    def __init__(self, node: Node) -> None:
        self.process: TestProcess = TestProcess(node)
        self.runner: asyncio.Runner | None = None
        self.unfinished = 0  # fixtures whose second half has not run yet

    def outcome(self, function: Callable[..., Awaitable[Any]], arguments: Mapping[str, Any]) -> Outcome:
        """Run an async function in the test's process, on this runner's loop."""
        if self.runner is None:
            self.runner = asyncio.Runner()
        return self.runner.run(self.process.run(function, arguments))

    def run(self, function: Callable[..., Awaitable[Any]], arguments: Mapping[str, Any]) -> Any:
        """Run an async function in the test's process; return what it returns, raise what it raises."""
        __tracebackhide__ = True
        return self.outcome(function, arguments).result()

    def close(self) -> Outcome:
        """Stop the node and close the loop."""
        runner, self.runner = self.runner, None
        if runner is None:
            self.process.abandon()
            return Outcome()
        with runner:
            return runner.run(self.process.end())


RUNNER = pytest.StashKey[TestRunner]()


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the plugin's setting and its options."""
    parser.addini("regrow_auto", "run every async test as a process", type="bool", default=False)
    add_options(parser)
    add_trace_option(parser)


def pytest_configure(config: pytest.Config) -> None:
    """Describe the marker, and register the other parts of the plugin."""
    config.addinivalue_line("markers", 'regrow(clock="virtual", seed=None): run this async test as a process')
    config.pluginmanager.register(SimulatePlugin(config, runs_as_process), "regrow-simulate")
    config.pluginmanager.register(TracePlugin(config, runs_as_process), "regrow-trace")


class ReportFormatter(logging.Formatter):
    """A formatter that turns reports into text, and leaves the rest to another formatter."""

    def __init__(self, other: logging.Formatter) -> None:
        super().__init__()
        self.other = other

    def format(self, record: logging.LogRecord) -> str:
        """Format a copy of the record; the record itself keeps its report."""
        if isinstance(record.msg, Report):
            words = logs.written(record.msg)
            record = copy.copy(record)
            record.msg, record.exc_info, record.exc_text = words, None, None  # the text has the traceback
        return self.other.format(record)


def pytest_sessionstart(session: pytest.Session) -> None:
    """Show log records as `logs.configure` would; `caplog` keeps the records and the plain line of each."""
    plugin: Any = session.config.pluginmanager.getplugin("logging-plugin")
    for handler in () if plugin is None else (plugin.report_handler, plugin.log_cli_handler, plugin.log_file_handler):
        handler.setFormatter(ReportFormatter(handler.formatter))
    if plugin is not None:
        plugin.report_handler.addFilter(logs.WithoutDetails())


def runs_as_process(item: object) -> bool:
    """Whether this plugin runs a test as a process."""
    if not isinstance(item, pytest.Function) or not inspect.iscoroutinefunction(item.obj):
        return False
    wanted = "node" in item.fixturenames or item.get_closest_marker("regrow") is not None
    return wanted or bool(item.config.getini("regrow_auto"))


def on_loop_of_pytest_asyncio(item: object) -> bool:
    """Whether pytest-asyncio runs the test: it replaces the item by one of its class."""
    return any(kind.__name__ == "PytestAsyncioFunction" for kind in type(item).__mro__)


@pytest.fixture
def node(request: pytest.FixtureRequest) -> Generator[Node]:
    """The node that the test runs on; it runs while the test and its async fixtures run."""
    marker = request.node.get_closest_marker("regrow")
    options: dict[str, Any] = {} if marker is None else dict(marker.kwargs)
    clock = Clock() if options.pop("clock", "virtual") == "real" else VirtualClock()
    test = request.node.stash[RUNNER] = TestRunner(Node(clock=clock, **options))
    yield test.process.node
    test.close().result()


@pytest.fixture
def virtual_clock(node: Node) -> VirtualClock:
    """The test's clock: it jumps when all processes wait; `advance(seconds)` moves it, `run_until_idle()` does not."""
    assert isinstance(node.clock, VirtualClock), 'this test is marked clock="real"'
    return node.clock


@pytest.fixture
def start_supervised(node: Node, request: pytest.FixtureRequest) -> StartSupervised:
    """A function that starts a child from a class, (class, arg) or spec; children are stopped when the test ends."""
    process = request.node.stash[RUNNER].process
    assert process.node is node

    async def start(child: Any, /) -> Pid:
        await process.begin()  # a fixture of pytest-asyncio runs before the test
        return await supervised.start_supervised(child)

    return start


@pytest.fixture
def reports() -> Generator[Reports]:
    """The reports that regrow logs while the test runs, oldest first."""
    with capture_reports() as found:
        yield found


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Give every test that runs as a process its node."""
    for item in items:
        if runs_as_process(item) and isinstance(item, pytest.Function) and "node" not in item.fixturenames:
            item.fixturenames.append("node")


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> bool | None:
    """Run an async test as a process, on the loop of its runner."""
    __tracebackhide__ = True
    if not runs_as_process(pyfuncitem):
        return None
    test = pyfuncitem.stash[RUNNER]
    outcome = test.outcome(pyfuncitem.obj, arguments_of(pyfuncitem))
    if test.unfinished == 0:  # an error of the node's stop is then a failure of the test, not of its teardown
        outcome = outcome.before(test.close())
    outcome.result()
    return True


def arguments_of(item: pytest.Function) -> dict[str, Any]:
    """Return the values of the fixtures that the test's function has as parameters."""
    names = inspect.signature(item.obj).parameters
    return {name: item.funcargs[name] for name in names if name in item.funcargs}


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None, object, object]:
    """Let pytest-asyncio run, on its loop, a function that runs the test as a process."""
    __tracebackhide__ = True
    if not runs_as_process(item) or not on_loop_of_pytest_asyncio(item) or not isinstance(item, pytest.Function):
        return (yield)
    function = item.obj
    item.obj = as_process(function, item.stash[RUNNER].process)
    try:
        return (yield)
    finally:
        item.obj = function


def as_process(function: Callable[..., Awaitable[Any]], process: TestProcess) -> Callable[..., Awaitable[None]]:
    """Return an async function that runs `function` in the test's process, on the loop that awaits it."""

    @functools.wraps(function)
    async def in_process(**arguments: Any) -> None:
        __tracebackhide__ = True
        outcome = await process.run(function, arguments)
        outcome.before(await process.end()).result()

    return in_process


@pytest.hookimpl(wrapper=True)
def pytest_fixture_setup(
    fixturedef: pytest.FixtureDef[Any], request: pytest.FixtureRequest
) -> Generator[None, object, object]:
    """Run an async fixture in the process of the test that uses it, if the test runs as one."""
    __tracebackhide__ = True
    function = declared = fixturedef.func
    has_teardown = inspect.isasyncgenfunction(function)
    if not has_teardown and not inspect.iscoroutinefunction(function):
        return (yield)
    if fixturedef.scope != "function" or not runs_as_process(request.node) or on_loop_of_pytest_asyncio(request.node):
        return (yield)
    request.getfixturevalue("node")
    test = request.node.stash[RUNNER]
    if inspect.ismethod(function) and isinstance(request.instance, type(function.__self__)):
        function = function.__func__.__get__(request.instance)  # it was bound to another instance of the test's class

    def whole(**arguments: Any) -> Any:
        __tracebackhide__ = True
        return test.run(function, arguments)

    def first_half(**arguments: Any) -> Any:
        __tracebackhide__ = True
        generator: Any = function(**arguments)
        value = test.run(generator.__anext__, {})
        test.unfinished += 1
        request.addfinalizer(functools.partial(second_half, generator))
        return value

    def second_half(generator: Any) -> None:
        __tracebackhide__ = True
        test.unfinished -= 1
        if test.run(functools.partial(anext, generator, fixturedef), {}) is not fixturedef:
            pytest.fail(f"the fixture {fixturedef.argname} yields more than once", pytrace=False)

    fixturedef.func = first_half if has_teardown else whole  # type: ignore[misc]
    try:
        return (yield)
    finally:
        fixturedef.func = declared  # type: ignore[misc]
