"""Small servers, each with a mistake that an ordinary test does not find and a simulation finds soon."""

from __future__ import annotations

import asyncio
import importlib
import pkgutil
import re
import time
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from regrow import Node, VirtualClock
from regrow.testing import run_as_process
from regrow.testing.simulation.runner import explore
from tests.once import once

Scenario = Callable[[], Coroutine[Any, Any, None]]

PACKAGE = "tests.simulation.planted"
MODULES = {
    info.name: importlib.import_module(f"{PACKAGE}.{info.name}")
    for info in pkgutil.iter_modules(importlib.import_module(PACKAGE).__path__)
}
PLANTED = [pytest.param(module.scenario, id=name) for name, module in MODULES.items()]
TWINS = [pytest.param(module.correct, id=name) for name, module in MODULES.items() if hasattr(module, "correct")]


def found(scenario: Scenario, **options: Any) -> tuple[BaseException, str]:
    """Return the failure that a simulation of a scenario finds, and its note."""
    with pytest.raises(AssertionError) as caught:
        explore(scenario, **options)
    return caught.value, "\n".join(caught.value.__notes__)


def trace_in(note: str) -> list[str]:
    return note.partition("trace of the shortest")[2].splitlines()[1:]


def test_there_are_enough_mistakes() -> None:
    assert len(MODULES) >= 22
    assert len(TWINS) >= 16


@pytest.mark.parametrize("scenario", PLANTED + TWINS)
@pytest.mark.parametrize("hand_over", [True, None])
def test_an_ordinary_test_passes(scenario: Scenario, hand_over: bool | None) -> None:
    with asyncio.Runner() as runner:
        runner.run(run_as_process(Node(clock=VirtualClock(), hand_over=hand_over), scenario, {}))


@once
@pytest.mark.parametrize("scenario", PLANTED)
def test_a_plain_simulation_finds_the_mistake_within_ten_seconds(scenario: Scenario) -> None:
    begun = time.process_time()
    error, note = found(scenario)
    assert time.process_time() - begun < 10.0
    assert type(error) is AssertionError, "the error is the scenario's assertion"
    assert "→" in note, "the trace marks decisions out of order"


@once
@pytest.mark.parametrize("twin", TWINS)
def test_the_correct_variant_never_fails(twin: Scenario) -> None:
    note = explore(twin, 1000)
    assert note.runs == 1000
    assert note.different > 10, "there were decisions"


@once
@pytest.mark.parametrize("scenario", PLANTED)
def test_the_seed_and_the_schedule_replay_the_failure(scenario: Scenario) -> None:
    error, note = found(scenario)
    seed = int(re.findall(r"again: +--seed (\d+)", note)[0])
    schedule = re.findall(r"--schedule (\S+)", note)[0]
    again, note_again = found(scenario, seed=seed)
    assert str(again) == str(error)
    assert trace_in(note_again) == trace_in(note)
    shortest, note_shortest = found(scenario, seed=seed, schedule=schedule)
    assert str(shortest) == str(error)
    assert trace_in(note_shortest) == trace_in(note)


@once
@pytest.mark.parametrize("scenario", PLANTED)
def test_the_shortest_schedule_has_few_decisions(scenario: Scenario) -> None:
    _, note = found(scenario)
    schedule = re.findall(r"--schedule (\S+)", note)[0]
    takes_two_late_processes = scenario is MODULES["no_fencing"].scenario
    assert len(schedule.split(",")) <= (6 if takes_two_late_processes else 4)
