"""The part of the pytest plugin that runs a test in many schedules; `plugin.py` registers it.

    @simulate(runs=1000)     this test
    --simulate 1000          every test that runs as a process
    --seed 36                those tests, in this one schedule
    --schedule 17:1,22:3     those tests, in this one schedule, as a failure printed it

Sync fixtures are made once for all runs of a test. Async ones, and `node`, `virtual_clock`, `start_supervised`,
`reports` and `trace`, are made anew for each run, in the test's own process.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Generator
from dataclasses import replace
from typing import Any

import pytest

from regrow.testing.capture import Reports
from regrow.testing.simulation.choices import read
from regrow.testing.simulation.runner import SimulationPlan, Simulator, plan_of
from regrow.testing.supervised import start_supervised

PROPERTY = "regrow.simulated"


class Later:
    """An async fixture, which each run makes for itself."""

    def __init__(self, function: Callable[..., Any], arguments: dict[str, Any]) -> None:
        self.function = function
        self.arguments = arguments


class Fixtures:
    """The async fixtures of one run."""

    def __init__(self) -> None:
        self.made: dict[Later, Any] = {}
        self.generators: list[Any] = []

    async def all(self, arguments: dict[str, Any]) -> dict[str, Any]:
        """The arguments, those made that are to be made."""
        return {name: await self.one(value) for name, value in arguments.items()}

    async def one(self, value: Any) -> Any:
        """A fixture's value, which it has for all that ask for it in this run."""
        if not isinstance(value, Later):
            return value
        if value not in self.made:
            result = value.function(**await self.all(value.arguments))
            if inspect.isasyncgen(result):
                self.generators.append(result)
                result = anext(result)
            self.made[value] = await result
        return self.made[value]

    async def close(self) -> None:
        """Let them end, the last one first."""
        while self.generators:
            async for _ in self.generators.pop():
                pytest.fail("a fixture yields more than once", pytrace=False)


class SimulatePlugin:
    """The hooks.

    Args:
        config: pytest's.
        is_ours: whether a test runs as a process.
    """

    def __init__(self, config: pytest.Config, is_ours: Callable[[object], bool]) -> None:
        self.is_ours = is_ours
        self.runs: int | None = config.getoption("--simulate")
        self.seed: int | None = config.getoption("--seed")
        self.schedule: str | None = config.getoption("--schedule")
        if self.runs is not None and self.runs < 1:
            raise pytest.UsageError(f"--simulate: wanted how many schedules, 1 or more; got {self.runs}")
        if self.schedule is not None:
            try:
                read(self.schedule)
            except ValueError as error:
                raise pytest.UsageError(f"--schedule: {error}") from None

    def plan(self, item: object) -> SimulationPlan | None:
        """How a test is simulated; None if it is not."""
        if not isinstance(item, pytest.Function) or not inspect.iscoroutinefunction(item.obj):
            return None
        plan = plan_of(item.obj)
        if plan is None:
            marker = item.get_closest_marker("regrow")
            real = marker is not None and marker.kwargs.get("clock") == "real"
            if real or not self.is_ours(item) or (self.runs, self.seed, self.schedule) == (None, None, None):
                return None
            plan = SimulationPlan()
        if self.runs is not None:
            plan = replace(plan, runs=self.runs)
        if self.seed is not None or self.schedule is not None:
            plan = replace(plan, seed=self.seed, schedule=self.schedule)
        return plan

    @pytest.hookimpl(tryfirst=True)
    def pytest_pyfunc_call(self, pyfuncitem: pytest.Function) -> bool | None:
        """Run a test in all its schedules."""
        __tracebackhide__ = True
        plan = self.plan(pyfuncitem)
        if plan is None:
            return None
        function = pyfuncitem.obj

        @functools.wraps(function)
        async def test(**arguments: Any) -> None:
            fixtures = Fixtures()
            try:
                await function(**await fixtures.all(arguments))
            finally:
                await fixtures.close()

        names = inspect.signature(function).parameters
        arguments = {name: pyfuncitem.funcargs[name] for name in names if name in pyfuncitem.funcargs}
        if "start_supervised" in arguments:
            arguments["start_supervised"] = start_supervised
        simulator = Simulator(test, plan, arguments, lambda: forget(pyfuncitem))
        try:
            told = simulator.run()
        finally:
            if simulator.recording is not None:  # a failure shows that of the run that has failed
                pyfuncitem.funcargs["trace"] = simulator.recording
        pyfuncitem.user_properties.append((PROPERTY, [told.runs, told.different]))
        return True

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_fixture_setup(
        self, fixturedef: pytest.FixtureDef[Any], request: pytest.FixtureRequest
    ) -> Generator[None, object, object]:
        """Keep an async fixture for the runs."""
        function = fixturedef.func
        is_async = inspect.isasyncgenfunction(function) or inspect.iscoroutinefunction(function)
        if not is_async or fixturedef.scope != "function" or self.plan(request.node) is None:
            return (yield)
        if request.instance is not None and inspect.ismethod(function):
            function = getattr(request.instance, function.__name__, function)

        def later(**arguments: Any) -> Later:
            if "start_supervised" in arguments:
                arguments["start_supervised"] = start_supervised
            return Later(function, arguments)

        before = fixturedef.func
        fixturedef.func = later  # type: ignore[misc]
        try:
            return (yield)
        finally:
            fixturedef.func = before  # type: ignore[misc]

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Say how many schedules were run."""
        found = [
            value
            for reports in terminalreporter.stats.values()
            for report in reports
            if getattr(report, "when", None) == "call"
            for name, value in report.user_properties
            if name == PROPERTY
        ]
        if found:
            runs, different = (sum(counts) for counts in zip(*found, strict=True))
            tests = f"{len(found)} test{'' if len(found) == 1 else 's'}"
            schedules = f"{runs} schedule{'' if runs == 1 else 's'}"
            terminalreporter.write_line(f"simulated: {tests} in {schedules}, {different} of them different")


def forget(item: pytest.Function) -> None:
    """What the run before has logged and printed is not the next one's."""
    for value in item.funcargs.values():
        if isinstance(value, Reports):
            value.clear()
    logging: Any = item.config.pluginmanager.getplugin("logging-plugin")
    if logging is not None:
        logging.caplog_handler.clear()
        logging.report_handler.reset()
    capturing: Any = item.config.pluginmanager.getplugin("capturemanager")
    if capturing is not None:
        capturing.read_global_capture()


def add_options(parser: pytest.Parser) -> None:
    """What may be asked for on the command line."""
    group = parser.getgroup("regrow", "simulation of processes")
    group.addoption("--simulate", type=int, metavar="N", help="run every test of processes in N schedules")
    group.addoption("--seed", type=int, metavar="N", help="run them in the schedule of this seed alone")
    group.addoption("--schedule", metavar="LIST", help="run them in this schedule alone, as a failure prints it")
