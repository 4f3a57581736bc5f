"""The pytest plugin: an `async def` test runs as a process, on a fresh node, in virtual time.

A test is run by this plugin if it asks for the `node` fixture (or one that does), is marked `@pytest.mark.regrow`, or
if `regrow_auto = true` stands in the project's pytest settings. The marker takes what a Node takes, such as
`seed=`, and `clock="real"`.
"""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from regrow.kernel.clock import Clock, VirtualClock
from regrow.kernel.exits import is_normal, safe_repr
from regrow.kernel.node import Node
from regrow.testing.expect import start_supervised as supervised

STUCK_SECONDS = 3.0


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the plugin's setting."""
    parser.addini("regrow_auto", "run every async test as a process", type="bool", default=False)


def pytest_configure(config: pytest.Config) -> None:
    """Say what the marker takes."""
    config.addinivalue_line("markers", 'regrow(clock="virtual", seed=None): run this async test as a process')


def is_ours(item: pytest.Item) -> bool:
    """Whether a test is run by this plugin."""
    if not isinstance(item, pytest.Function) or not inspect.iscoroutinefunction(item.obj):
        return False
    asked = "node" in item.fixturenames or item.get_closest_marker("regrow") is not None
    return asked or bool(item.config.getini("regrow_auto"))


@pytest.fixture
def node(request: pytest.FixtureRequest) -> Node:
    """The node that the test runs on; it is up while the test's function runs."""
    marker = request.node.get_closest_marker("regrow")
    options: dict[str, Any] = {} if marker is None else dict(marker.kwargs)
    clock = Clock() if options.pop("clock", "virtual") == "real" else VirtualClock()
    return Node(clock=clock, **options)


@pytest.fixture
def virtual_clock(node: Node) -> VirtualClock:
    """The test's clock: it jumps when all processes wait, and `advance(seconds)` moves it."""
    assert isinstance(node.clock, VirtualClock), 'this test is marked clock="real"'
    return node.clock


@pytest.fixture
def start_supervised(node: Node) -> Callable[..., Awaitable[Any]]:
    """Start a child that is stopped, in order, before the test ends: await it with a class, (class, arg) or spec."""
    assert node is not None
    return supervised


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Give every test of ours its node."""
    for item in items:
        if is_ours(item) and isinstance(item, pytest.Function) and "node" not in item.fixturenames:
            item.fixturenames.append("node")


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> bool | None:
    """Run an async test as a process."""
    if not is_ours(pyfuncitem):
        return None
    names = inspect.signature(pyfuncitem.obj).parameters
    arguments = {name: pyfuncitem.funcargs[name] for name in names if name in pyfuncitem.funcargs}
    chosen: Any = pyfuncitem.funcargs["node"]
    with asyncio.Runner() as runner:
        runner.run(run_as_process(chosen, pyfuncitem.obj, arguments))
    return True


async def run_as_process(node: Node, function: Callable[..., Awaitable[Any]], arguments: dict[str, Any]) -> None:
    """Run one async function as a process of a fresh node, and raise what it raises."""
    raised: list[BaseException] = []

    async def test() -> None:
        try:
            await function(**arguments)
        except BaseException as error:
            raised.append(error)
            if isinstance(error, asyncio.CancelledError):
                raise

    async with node:
        gone = node.ended(node.launch(test, (), node.init))
        if isinstance(node.clock, VirtualClock):
            node.clock.stuck = lambda: _stuck_later(node, gone)
        reason = await gone
    if raised and not isinstance(raised[0], asyncio.CancelledError):
        raise raised[0]
    if isinstance(reason, BaseException):
        raise reason
    if not is_normal(reason) or raised:
        pytest.fail(f"the test's process was ended with {safe_repr(reason)}", pytrace=False)


def _stuck_later(node: Node, gone: asyncio.Future[object]) -> None:
    """Everyone waits and no timer is set: unless a thread sends something, the test would hang."""
    queue = node.scheduler.queue

    def give_up() -> None:
        if not gone.done() and not queue and not node.scheduler.awaiting:
            waiting = ", ".join(repr(process) for process in node.processes.values())
            gone.set_exception(AssertionError(f"every process waits for a message and no timer is set: {waiting}"))

    node.loop.call_later(STUCK_SECONDS, give_up)


@pytest.fixture
def reports(caplog: pytest.LogCaptureFixture) -> list[Any]:
    """The reports that were logged while the test ran, oldest first."""
    caplog.set_level("DEBUG", logger="regrow")

    class Found(list[Any]):
        def __iter__(self) -> Any:
            return iter([record.msg for record in caplog.records if record.name.startswith("regrow")])

        def __len__(self) -> int:
            return len(list(iter(self)))

        def __getitem__(self, position: Any) -> Any:
            return list(iter(self))[position]

    return Found()
