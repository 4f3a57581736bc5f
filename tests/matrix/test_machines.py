"""The callbacks of a state machine, times every way of failing: it ends once, and nothing is left of it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from regrow import (
    CallExit,
    GenStatem,
    KeepState,
    NextState,
    Ok,
    ReplyAction,
    StartError,
    StateTimeout,
    gen_statem,
    process,
    send,
)
from tests.matrix.cells import reasons_of, run_cell
from tests.matrix.ways import RAISED, Way


class Plan:
    """The callback in which a machine fails, once, and the way in which it fails."""

    def __init__(self, place: str, way: Way) -> None:
        self.place = place
        self.way = way

    def at(self, place: str, usual: Any) -> Any:
        """Fail, if the plan says so."""
        if place != self.place:
            return usual
        self.place = ""
        return self.way.fail()


class ByFunction(GenStatem[Any, Any]):
    """A machine with one function for all states, and enter events."""

    def callback_mode(self) -> Any:
        return ["handle_event_function", "state_enter"]

    def init(self, plan: Any) -> Any:
        return plan.at("init", Ok("off", plan))

    def handle_event(self, kind: Any, content: Any, state: Any, plan: Plan) -> Any:
        match kind:
            case "enter":
                return plan.at(f"enter {state}", KeepState(plan))
            case ("call", from_):
                return plan.at("call", KeepState(plan, [ReplyAction(from_, content)]))
            case "cast":
                return plan.at("cast", NextState("on", plan, [StateTimeout(1.0, "over")]))
            case "state_timeout":
                return plan.at("state_timeout", NextState("off", plan))
            case _:
                return plan.at("info", KeepState(plan))

    def terminate(self, _reason: object, _state: Any, plan: Plan) -> Any:
        return plan.at("terminate", None)


class AsyncByFunction(ByFunction):
    """A `ByFunction` whose callbacks are coroutines."""

    async def init(self, plan: Any) -> Any:
        return plan.at("init", Ok("off", plan))

    async def handle_event(self, kind: Any, content: Any, state: Any, plan: Plan) -> Any:
        await process.sleep(0.0)
        return ByFunction.handle_event(self, kind, content, state, plan)

    async def terminate(self, _reason: object, _state: Any, plan: Plan) -> Any:
        return plan.at("terminate", None)


TRIGGERS: dict[str, Callable[[Any], Any]] = {
    "call": lambda machine: gen_statem.call(machine, "go"),
    "cast": lambda machine: gen_statem.cast(machine, "go"),
    "info": lambda machine: send(machine, "go"),
    "enter on": lambda machine: gen_statem.cast(machine, "go"),
    "state_timeout": lambda machine: gen_statem.cast(machine, "go"),
    "terminate": lambda machine: gen_statem.stop(machine, "normal"),
}
KINDS = [ByFunction, AsyncByFunction]


def named(value: Any) -> str:
    return str(getattr(value, "name", None) or getattr(value, "__name__", value))


@pytest.mark.parametrize("way", RAISED, ids=named)
@pytest.mark.parametrize("place", TRIGGERS)
@pytest.mark.parametrize("kind", KINDS, ids=named)
def test_a_machine_whose_callback_fails_ends_once(kind: Any, place: str, way: Way) -> None:
    async def scenario() -> None:
        machine = await kind.start_link(Plan(place, way), name="subject")
        process.monitor(machine)
        caught: Any = None
        try:
            result = TRIGGERS[place](machine)
            if place in ("call", "terminate"):
                await result
        except CallExit as error:
            caught = error
        links, monitors = await reasons_of(machine)
        assert process.whereis("subject") is None
        assert [way.is_reason(one) for one in links] == [True]
        assert [way.is_reason(one) for one in monitors] == [True]
        if place == "call":
            assert caught is not None
            assert way.is_reason(caught.reason[0])

    assert run_cell(scenario) == way.leaves


@pytest.mark.parametrize("way", RAISED, ids=named)
@pytest.mark.parametrize("kind", KINDS, ids=named)
def test_a_start_whose_init_fails_leaves_nothing(kind: Any, way: Way) -> None:
    async def scenario() -> None:
        with pytest.raises(StartError) as caught:
            await kind.start_link(Plan("init", way), name="subject")
        assert way.is_reason(caught.value.reason)
        assert process.whereis("subject") is None

    assert run_cell(scenario) in (way.leaves, [])


@pytest.mark.parametrize("way", RAISED, ids=named)
@pytest.mark.parametrize("place", ["callback_mode", "enter off"])
def test_a_machine_that_fails_after_its_init_ends(place: str, way: Way) -> None:
    """Its starter gets one result: it has been answered, or it gets the failure."""

    class Subject(ByFunction):
        def callback_mode(self) -> Any:
            return plan.at("callback_mode", ["handle_event_function", "state_enter"])

    plan = Plan(place, way)

    async def scenario() -> None:
        reasons: list[Any] = []
        try:
            machine = await Subject.start_link(plan, name="subject")
        except StartError as error:
            reasons.append(error.reason)
        else:
            reasons, _ = await reasons_of(machine)
        assert [way.is_reason(one) for one in reasons] == [True]
        assert process.whereis("subject") is None

    assert run_cell(scenario) == way.leaves
