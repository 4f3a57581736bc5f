"""Small servers, each with a mistake that an ordinary test does not see: a simulation finds all of them, soon."""

from __future__ import annotations

import asyncio
import importlib
import os
import pkgutil
import re
import time
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from regrow import Node, VirtualClock
from regrow.testing import run_as_process
from regrow.testing.simulation.runner import explore

Scenario = Callable[[], Coroutine[Any, Any, None]]

PACKAGE = "tests.simulation.planted"
MODULES = {
    info.name: importlib.import_module(f"{PACKAGE}.{info.name}")
    for info in pkgutil.iter_modules(importlib.import_module(PACKAGE).__path__)
}
PLANTED = [pytest.param(module.scenario, id=name) for name, module in MODULES.items()]
TWINS = [pytest.param(module.correct, id=name) for name, module in MODULES.items() if hasattr(module, "correct")]

# Long, and the same on each loop.
brings_its_own_loop = pytest.mark.skipif(
    os.environ.get("REGROW_TEST_LOOP") == "uvloop", reason="a simulation runs on an event loop of its own"
)


def found(scenario: Scenario, **options: Any) -> tuple[BaseException, str]:
    """The failure that a simulation of a scenario finds, and what it tells."""
    with pytest.raises(AssertionError) as caught:
        explore(scenario, **options)
    return caught.value, "\n".join(caught.value.__notes__)


def trace_in(told: str) -> list[str]:
    return told.partition("trace of the shortest")[2].splitlines()[1:]


def test_there_are_enough_of_them() -> None:
    assert len(MODULES) >= 22
    assert len(TWINS) >= 16


@pytest.mark.parametrize("scenario", PLANTED + TWINS)
@pytest.mark.parametrize("hand_over", [True, None])
def test_an_ordinary_test_sees_nothing(scenario: Scenario, hand_over: bool | None) -> None:
    with asyncio.Runner() as runner:
        runner.run(run_as_process(Node(clock=VirtualClock(), hand_over=hand_over), scenario, {}))


@brings_its_own_loop
@pytest.mark.parametrize("scenario", PLANTED)
def test_a_plain_simulation_finds_it_within_ten_seconds(scenario: Scenario) -> None:
    begun = time.process_time()
    error, told = found(scenario)
    assert time.process_time() - begun < 10.0
    assert type(error) is AssertionError, "it is what the scenario itself asks for"
    assert "→" in told, "the trace shows what came out of order"


@brings_its_own_loop
@pytest.mark.parametrize("twin", TWINS)
def test_its_correct_twin_is_never_flagged(twin: Scenario) -> None:
    told = explore(twin, 1000)
    assert told.runs == 1000
    assert told.different > 10, "there was something to decide"


@brings_its_own_loop
@pytest.mark.parametrize("scenario", PLANTED)
def test_its_seed_and_its_schedule_replay_it(scenario: Scenario) -> None:
    error, told = found(scenario)
    seed = int(re.findall(r"again: +--seed (\d+)", told)[0])
    schedule = re.findall(r"--schedule (\S+)", told)[0]
    again, told_again = found(scenario, seed=seed)
    assert str(again) == str(error)
    assert trace_in(told_again) == trace_in(told)
    shortest, told_shortest = found(scenario, seed=seed, schedule=schedule)
    assert str(shortest) == str(error)
    assert trace_in(told_shortest) == trace_in(told)


@brings_its_own_loop
@pytest.mark.parametrize("scenario", PLANTED)
def test_few_decisions_are_left(scenario: Scenario) -> None:
    _, told = found(scenario)
    schedule = re.findall(r"--schedule (\S+)", told)[0]
    takes_two_late_processes = scenario is MODULES["no_fencing"].scenario
    assert len(schedule.split(",")) <= (6 if takes_two_late_processes else 4)
