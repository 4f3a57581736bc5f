"""The part of the pytest plugin that runs a test in many schedules; `plugin.py` registers it.

    @simulate(runs=1000)     simulate this test
    --simulate 1000          simulate every test that runs as a process
    --seed 36                run those tests in the schedule of this seed
    --schedule 17:1,22:3     run those tests in this schedule, which a failure has printed

Sync fixtures are made once for all runs of a test. Async fixtures, and `node`, `virtual_clock`, `start_supervised`,
`reports` and `trace`, are made again for each run, in the test's process.
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


class AsyncFixture:
    """An async fixture, which each run of the test makes again."""

    def __init__(self, function: Callable[..., Any], arguments: dict[str, Any]) -> None:
        self.function = function
        self.arguments = arguments


class Fixtures:
    """The values of the async fixtures in one run."""

    def __init__(self) -> None:
        self.values: dict[AsyncFixture, Any] = {}
        self.generators: list[Any] = []

    async def all(self, arguments: dict[str, Any]) -> dict[str, Any]:
        """Return the arguments of a test, with the value of each async fixture."""
        return {name: await self.one(value) for name, value in arguments.items()}

    async def one(self, value: Any) -> Any:
        """Return a fixture's value; all that use the fixture in this run share it."""
        if not isinstance(value, AsyncFixture):
            return value
        if value not in self.values:
            result = value.function(**await self.all(value.arguments))
            if inspect.isasyncgen(result):
                self.generators.append(result)
                result = anext(result)
            self.values[value] = await result
        return self.values[value]

    async def close(self) -> None:
        """Run the second halves of the generators, the last one first."""
        while self.generators:
            async for _ in self.generators.pop():
                pytest.fail("a fixture yields more than once", pytrace=False)


class SimulatePlugin:
    """The hooks that simulate a test.

    Args:
        config: pytest's configuration.
        runs_as_process: returns whether the plugin runs a test as a process.
    """

    def __init__(self, config: pytest.Config, runs_as_process: Callable[[object], bool]) -> None:
        self.runs_as_process = runs_as_process
        self.runs: int | None = config.getoption("--simulate")
        self.seed: int | None = config.getoption("--seed")
        self.schedule: str | None = config.getoption("--schedule")
        if self.runs is not None and self.runs < 1:
            raise pytest.UsageError(f"--simulate: wanted the number of schedules, 1 or more; got {self.runs}")
        if self.schedule is not None:
            try:
                read(self.schedule)
            except ValueError as error:
                raise pytest.UsageError(f"--schedule: {error}") from None

    def plan(self, item: object) -> SimulationPlan | None:
        """Return the plan of a test's simulation; None if it is not simulated."""
        if not isinstance(item, pytest.Function) or not inspect.iscoroutinefunction(item.obj):
            return None
        plan = plan_of(item.obj)
        if plan is None:
            marker = item.get_closest_marker("regrow")
            real = marker is not None and marker.kwargs.get("clock") == "real"
            if real or not self.runs_as_process(item) or (self.runs, self.seed, self.schedule) == (None, None, None):
                return None
            plan = SimulationPlan()
        if self.runs is not None:
            plan = replace(plan, runs=self.runs)
        if self.seed is not None or self.schedule is not None:
            plan = replace(plan, seed=self.seed, schedule=self.schedule)
        return plan

    @pytest.hookimpl(tryfirst=True)
    def pytest_pyfunc_call(self, pyfuncitem: pytest.Function) -> bool | None:
        """Run a test in each of its schedules."""
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
            result = simulator.run()
        finally:
            if simulator.recording is not None:  # a failure shows the trace of the run that failed
                pyfuncitem.funcargs["trace"] = simulator.recording
        pyfuncitem.user_properties.append((PROPERTY, [result.runs, result.different]))
        return True

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_fixture_setup(
        self, fixturedef: pytest.FixtureDef[Any], request: pytest.FixtureRequest
    ) -> Generator[None, object, object]:
        """Replace an async fixture by an `AsyncFixture`, for the runs to make."""
        function = fixturedef.func
        is_async = inspect.isasyncgenfunction(function) or inspect.iscoroutinefunction(function)
        if not is_async or fixturedef.scope != "function" or self.plan(request.node) is None:
            return (yield)
        if request.instance is not None and inspect.ismethod(function):
            function = getattr(request.instance, function.__name__, function)

        def deferred(**arguments: Any) -> AsyncFixture:
            if "start_supervised" in arguments:
                arguments["start_supervised"] = start_supervised
            return AsyncFixture(function, arguments)

        before = fixturedef.func
        fixturedef.func = deferred  # type: ignore[misc]
        try:
            return (yield)
        finally:
            fixturedef.func = before  # type: ignore[misc]

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Print the number of schedules that were run."""
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
    """Clear the logs and the output of one run before the next."""
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
    """Add the command-line options of simulations."""
    group = parser.getgroup("regrow", "simulation of processes")
    group.addoption("--simulate", type=int, metavar="N", help="run every test of processes in N schedules")
    group.addoption("--seed", type=int, metavar="N", help="run them in the schedule of this seed alone")
    group.addoption("--schedule", metavar="LIST", help="run them in this schedule alone, as a failure prints it")
