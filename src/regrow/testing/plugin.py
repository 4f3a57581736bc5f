"""The pytest plugin: an `async def` test runs as a process, on a fresh node, in virtual time.

A test is run by this plugin if it asks for the `node` fixture (or one that does), is marked `@pytest.mark.regrow`, or
if `regrow_auto = true` stands in the project's pytest settings. The marker takes what a Node takes, such as
`seed=`, and `clock="real"`. Its async fixtures run in the same process, before it and after it.

With pytest-asyncio installed, a test that is its own (by `@pytest.mark.asyncio`, or `asyncio_mode = "auto"`) runs on
its event loop, made by its loop factories, beside its fixtures: there, too, as a process on a fresh node.
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

from regrow.kernel.clock import Clock, VirtualClock
from regrow.kernel.node import Node
from regrow.kernel.pid import Pid
from regrow.kernel.report import Report
from regrow.ops import logs
from regrow.testing import supervised
from regrow.testing.capture import Reports, capture_reports
from regrow.testing.simulation.plugin import SimulatePlugin, add_options
from regrow.testing.supervised import StartSupervised
from regrow.testing.test_process import Outcome, TestProcess
from regrow.testing.trace_plugin import TracePlugin, add_trace_option


class Hall:
    """Where a test plays: its stage, and an event loop of our own unless pytest-asyncio has one."""

    def __init__(self, node: Node) -> None:
        self.stage: TestProcess = TestProcess(node)
        self.runner: asyncio.Runner | None = None
        self.unfinished = 0  # fixtures whose second half is still to come

    def outcome(self, function: Callable[..., Awaitable[Any]], arguments: Mapping[str, Any]) -> Outcome:
        """Run an async function in the test's process, on our own loop."""
        if self.runner is None:
            self.runner = asyncio.Runner()
        return self.runner.run(self.stage.run(function, arguments))

    def run(self, function: Callable[..., Awaitable[Any]], arguments: Mapping[str, Any]) -> Any:
        """The same; gives what it returns, raises what it raises."""
        __tracebackhide__ = True
        return self.outcome(function, arguments).result()

    def close(self) -> Outcome:
        """Stop the node and close the loop."""
        runner, self.runner = self.runner, None
        if runner is None:
            self.stage.abandon()
            return Outcome()
        with runner:
            return runner.run(self.stage.end())


HALL = pytest.StashKey[Hall]()


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the plugin's setting."""
    parser.addini("regrow_auto", "run every async test as a process", type="bool", default=False)
    add_options(parser)
    add_trace_option(parser)


def pytest_configure(config: pytest.Config) -> None:
    """Say what the marker takes."""
    config.addinivalue_line("markers", 'regrow(clock="virtual", seed=None): run this async test as a process')
    config.pluginmanager.register(SimulatePlugin(config, is_ours), "regrow-simulate")
    config.pluginmanager.register(TracePlugin(config, is_ours), "regrow-trace")


class InWords(logging.Formatter):
    """Puts reports into words, and lets another formatter do the rest."""

    def __init__(self, other: logging.Formatter) -> None:
        super().__init__()
        self.other = other

    def format(self, record: logging.LogRecord) -> str:
        """One record; what it carries is not changed."""
        if isinstance(record.msg, Report):
            words = logs.written(record.msg)
            record = copy.copy(record)
            record.msg, record.exc_info, record.exc_text = words, None, None  # the words have the lines
        return self.other.format(record)


def pytest_sessionstart(session: pytest.Session) -> None:
    """Show what is logged as `logs.configure` would; `caplog` keeps the records and the plain line of each."""
    plugin: Any = session.config.pluginmanager.getplugin("logging-plugin")
    for handler in () if plugin is None else (plugin.report_handler, plugin.log_cli_handler, plugin.log_file_handler):
        handler.setFormatter(InWords(handler.formatter))
    if plugin is not None:
        plugin.report_handler.addFilter(logs.WithoutDetails())


def is_ours(item: object) -> bool:
    """Whether a test is run by this plugin."""
    if not isinstance(item, pytest.Function) or not inspect.iscoroutinefunction(item.obj):
        return False
    asked = "node" in item.fixturenames or item.get_closest_marker("regrow") is not None
    return asked or bool(item.config.getini("regrow_auto"))


def on_a_loop_of_theirs(item: object) -> bool:
    """Whether pytest-asyncio runs the test: it has made an item of its own of it."""
    return any(kind.__name__ == "PytestAsyncioFunction" for kind in type(item).__mro__)


@pytest.fixture
def node(request: pytest.FixtureRequest) -> Generator[Node]:
    """The node that the test runs on; it is up while the test and its async fixtures run."""
    marker = request.node.get_closest_marker("regrow")
    options: dict[str, Any] = {} if marker is None else dict(marker.kwargs)
    clock = Clock() if options.pop("clock", "virtual") == "real" else VirtualClock()
    hall = request.node.stash[HALL] = Hall(Node(clock=clock, **options))
    yield hall.stage.node
    hall.close().result()


@pytest.fixture
def virtual_clock(node: Node) -> VirtualClock:
    """The test's clock: it jumps when all processes wait; `advance(seconds)` moves it, `run_until_idle()` does not."""
    assert isinstance(node.clock, VirtualClock), 'this test is marked clock="real"'
    return node.clock


@pytest.fixture
def start_supervised(node: Node, request: pytest.FixtureRequest) -> StartSupervised:
    """Start a child that is stopped, in order, before the test ends: await it with a class, (class, arg) or spec."""
    stage = request.node.stash[HALL].stage
    assert stage.node is node

    async def start(child: Any, /) -> Pid:
        await stage.begin()  # a fixture of pytest-asyncio's comes before the test
        return await supervised.start_supervised(child)

    return start


@pytest.fixture
def reports() -> Generator[Reports]:
    """The reports that regrow logs while the test runs, oldest first."""
    with capture_reports() as found:
        yield found


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Give every test of ours its node."""
    for item in items:
        if is_ours(item) and isinstance(item, pytest.Function) and "node" not in item.fixturenames:
            item.fixturenames.append("node")


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> bool | None:
    """Run an async test as a process, on our own loop."""
    __tracebackhide__ = True
    if not is_ours(pyfuncitem):
        return None
    hall = pyfuncitem.stash[HALL]
    outcome = hall.outcome(pyfuncitem.obj, arguments_of(pyfuncitem))
    if hall.unfinished == 0:  # what the stop raises is the test's failure, and not its teardown's
        outcome = outcome.before(hall.close())
    outcome.result()
    return True


def arguments_of(item: pytest.Function) -> dict[str, Any]:
    """The fixtures that the test's function has as parameters."""
    names = inspect.signature(item.obj).parameters
    return {name: item.funcargs[name] for name in names if name in item.funcargs}


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None, object, object]:
    """Let pytest-asyncio run, on its loop, a function that runs the test as a process."""
    __tracebackhide__ = True
    if not is_ours(item) or not on_a_loop_of_theirs(item) or not isinstance(item, pytest.Function):
        return (yield)
    function = item.obj
    item.obj = as_process(function, item.stash[HALL].stage)
    try:
        return (yield)
    finally:
        item.obj = function


def as_process(function: Callable[..., Awaitable[Any]], stage: TestProcess) -> Callable[..., Awaitable[None]]:
    """A function that runs another as a process, on the event loop on which it is awaited."""

    @functools.wraps(function)
    async def on_stage(**arguments: Any) -> None:
        __tracebackhide__ = True
        outcome = await stage.run(function, arguments)
        outcome.before(await stage.end()).result()

    return on_stage


@pytest.hookimpl(wrapper=True)
def pytest_fixture_setup(
    fixturedef: pytest.FixtureDef[Any], request: pytest.FixtureRequest
) -> Generator[None, object, object]:
    """Run an async fixture of a test of ours in the test's process."""
    __tracebackhide__ = True
    function = declared = fixturedef.func
    halves = inspect.isasyncgenfunction(function)
    if not halves and not inspect.iscoroutinefunction(function):
        return (yield)
    if fixturedef.scope != "function" or not is_ours(request.node) or on_a_loop_of_theirs(request.node):
        return (yield)
    request.getfixturevalue("node")
    hall = request.node.stash[HALL]
    if inspect.ismethod(function) and isinstance(request.instance, type(function.__self__)):
        function = function.__func__.__get__(request.instance)  # it was bound to another instance of the test's class

    def whole(**arguments: Any) -> Any:
        __tracebackhide__ = True
        return hall.run(function, arguments)

    def first_half(**arguments: Any) -> Any:
        __tracebackhide__ = True
        generator: Any = function(**arguments)
        value = hall.run(generator.__anext__, {})
        hall.unfinished += 1
        request.addfinalizer(functools.partial(second_half, generator))
        return value

    def second_half(generator: Any) -> None:
        __tracebackhide__ = True
        hall.unfinished -= 1
        if hall.run(functools.partial(anext, generator, fixturedef), {}) is not fixturedef:
            pytest.fail(f"the fixture {fixturedef.argname} yields more than once", pytrace=False)

    fixturedef.func = first_half if halves else whole  # type: ignore[misc]
    try:
        return (yield)
    finally:
        fixturedef.func = declared  # type: ignore[misc]
