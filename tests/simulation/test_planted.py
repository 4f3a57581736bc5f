"""Small servers, each with a mistake that an ordinary test does not see: a simulation finds all of them, soon."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from regrow import Node, VirtualClock
from regrow.testing import run_as_process
from regrow.testing.simulated import explore
from tests.simulation.planted import check_then_act, deadlock, lost_name, lost_update, monitor_leak, paid_twice

Scenario = Callable[[], Coroutine[Any, Any, None]]

LATE: dict[Scenario, float] = {
    paid_twice.scenario: 0.2
}  # seconds by which the machine may be late, where that is what it takes

PLANTED = [
    pytest.param(module.scenario, id=module.__name__.rpartition(".")[2])
    for module in (check_then_act, deadlock, lost_name, lost_update, monitor_leak, paid_twice)
]


def found(scenario: Scenario, **options: Any) -> tuple[BaseException, str]:
    """The failure that a simulation of a scenario finds, and what it tells."""
    with pytest.raises(AssertionError) as caught:
        explore(scenario, slack=LATE.get(scenario, 0.0), **options)
    return caught.value, "\n".join(caught.value.__notes__)


def trace_in(told: str) -> list[str]:
    return told.partition("trace of the shortest")[2].splitlines()[1:]


@pytest.mark.parametrize("scenario", PLANTED)
@pytest.mark.parametrize("hand_over", [True, None])
def test_an_ordinary_test_sees_nothing(scenario: Scenario, hand_over: bool | None) -> None:
    with asyncio.Runner() as runner:
        runner.run(run_as_process(Node(clock=VirtualClock(), hand_over=hand_over), scenario, {}))


@pytest.mark.parametrize("scenario", PLANTED)
def test_a_simulation_finds_it_within_ten_seconds(scenario: Scenario) -> None:
    begun = time.process_time()
    error, told = found(scenario)
    assert time.process_time() - begun < 10.0
    assert type(error) is AssertionError, "it is what the scenario itself asks for"
    assert "→" in told, "the trace shows what came out of order"


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


@pytest.mark.parametrize("scenario", PLANTED)
def test_few_decisions_are_left(scenario: Scenario) -> None:
    _, told = found(scenario)
    schedule = re.findall(r"--schedule (\S+)", told)[0]
    assert len(schedule.split(",")) <= 4
