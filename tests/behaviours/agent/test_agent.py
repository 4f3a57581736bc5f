"""Agents: a state, and functions that run on it."""

from __future__ import annotations

from typing import Any

import pytest

from regrow import (
    AlreadyStarted,
    CalleeExit,
    CallTimeout,
    NoProcess,
    StartError,
    Supervisor,
    call,
    child_spec,
    process,
    system,
)
from regrow.behaviours.agent.agent import Agent
from regrow.testing import expect_down, expect_idle

pytestmark = pytest.mark.regrow


def same(state: Any) -> Any:
    return state


def plus(state: int, more: int) -> int:
    return state + more


def constantly(value: object) -> Any:
    def function(_state: Any) -> object:
        return value

    return function


def joined(state: dict[str, int], more: dict[str, int]) -> dict[str, int]:
    return state | more


def popped(state: dict[str, int], key: str) -> tuple[int, dict[str, int]]:
    return state.pop(key), state


def doubled(state: int) -> int:
    return state * 2


def raises(_state: Any = None) -> Any:
    raise RuntimeError("oops")


async def one_second_later(state: Any) -> Any:
    await process.sleep(1.0)
    return ("late", state)


@pytest.mark.otp("TK-100")
async def test_an_agent_can_be_supervised() -> None:
    sup = await Supervisor.start_link([(Agent, lambda: "state")])
    (row,) = await Supervisor.which_children(sup)
    assert row.id is Agent
    assert await Agent.get(row.pid, same) == "state"


@pytest.mark.otp("TK-100")
async def test_child_spec() -> None:
    class Counter(Agent, id="counter", restart="temporary", shutdown=1.0):
        pass

    spec = Agent.child_spec(same)
    assert (spec.id, spec.start, spec.args, spec.restart) == (Agent, Agent.start_link, (same,), "permanent")
    spec = Counter.child_spec(same)
    assert (spec.id, spec.start, spec.restart, spec.shutdown) == ("counter", Counter.start_link, "temporary", 1.0)
    assert child_spec((Agent, same), id="other").id == "other"


@pytest.mark.otp("TK-102")
async def test_an_agent_gets_updates_and_casts() -> None:
    """Extra arguments come after the state."""
    agent = await Agent.start_link(dict, [("a", 1)], name="agent")
    assert process.whereis("agent") is agent
    assert process.info(agent, "initial_call") is dict
    assert await Agent.get("agent", same) == {"a": 1}
    await Agent.update("agent", joined, {"b": 2})
    assert await Agent.get("agent", dict[str, int].get, "b") == 2
    assert await Agent.get_and_update("agent", popped, "a") == 1
    Agent.cast("agent", joined, {"c": 3})
    assert await Agent.get("agent", sorted) == ["b", "c"]
    await Agent.stop("agent")
    assert process.whereis("agent") is None
    assert not process.alive(agent)


async def test_an_agent_awaits_async_functions() -> None:
    agent = await Agent.start_link(one_second_later, 0)
    assert await Agent.get(agent, one_second_later) == ("late", ("late", 0))
    await Agent.update(agent, one_second_later)
    assert await Agent.get(agent, same) == ("late", ("late", 0))


async def test_the_function_runs_in_the_agent() -> None:
    agent = await Agent.start_link(int)
    assert await Agent.get(agent, lambda _: process.current()) is agent


@pytest.mark.otp("TK-104")
async def test_code_change() -> None:
    """Adapted: a function, or (function, *args), changes the state, in place of a module's callback."""
    agent = await Agent.start_link(int)
    await system.suspend(agent)
    assert await system.change_code(agent, Agent, None, (plus, 7)) == "ok"
    assert await system.change_code(agent, Agent, None, doubled) == "ok"
    answer, error = await system.change_code(agent, Agent, None, raises)
    await system.resume(agent)
    assert answer == "error"
    assert isinstance(error, RuntimeError)
    assert await Agent.get(agent, same) == 14


@pytest.mark.otp("TK-105")
async def test_a_start_function_that_raises_fails_the_start() -> None:
    process.trap_exit(True)
    for start in (Agent.start_link, Agent.start):
        before = process.processes()
        with pytest.raises(StartError) as caught:
            await start(raises, name="agent")
        assert isinstance(caught.value.reason, RuntimeError)
        await expect_idle()
        assert process.whereis("agent") is None
        assert process.processes() == before


async def test_an_agent_takes_the_options_of_a_server() -> None:
    for start in (Agent.start_link, Agent.start):
        agent = await start(dict, hibernate_after=0.1, debug=["log"])
        await process.sleep(1.0)
        assert await Agent.get(agent, same) == {}
        with pytest.raises(ValueError, match="hibernate_after"):
            await start(dict, hibernate_after=-1.0)


async def test_a_start_that_is_too_slow_and_a_taken_name_fail() -> None:
    with pytest.raises(StartError) as caught:
        await Agent.start(one_second_later, 0, timeout=0.5)
    assert caught.value.reason == "timeout"
    await Agent.start_link(int, name="agent")
    with pytest.raises(AlreadyStarted):
        await Agent.start_link(int, name="agent")


@pytest.mark.otp("TK-107")
@pytest.mark.parametrize("value", [7, (1,), (1, 2, 3), "pop", [1, 2]])
async def test_get_and_update_wants_a_pair(value: object) -> None:
    agent = await Agent.start(int)
    ref = process.monitor(agent)
    with pytest.raises(CalleeExit) as caught:
        await Agent.get_and_update(agent, constantly(value))
    assert caught.value.reason[0] == ("bad_return_value", value)
    await expect_down(ref, ("bad_return_value", value))


@pytest.mark.otp("TK-108")
async def test_a_slow_function_times_out() -> None:
    agent = await Agent.start_link(int)
    with pytest.raises(CallTimeout):
        await Agent.get(agent, one_second_later, timeout=0.1)
    with pytest.raises(CallTimeout):
        await Agent.update(agent, one_second_later, timeout=0.1)
    assert await Agent.get(agent, same) == ("late", 0)


async def test_a_function_that_raises_ends_the_agent() -> None:
    agent = await Agent.start(int)
    with pytest.raises(CalleeExit) as caught:
        await Agent.get(agent, raises)
    assert isinstance(caught.value.reason[0], RuntimeError)
    place: Any = caught.value.reason[1]
    assert place[:2] == ("GenServer", "call")
    assert not process.alive(agent)
    with pytest.raises(NoProcess):
        await Agent.get(agent, same)
    Agent.cast(agent, same)


async def test_messages_are_ignored(reports: list[Any]) -> None:
    agent = await Agent.start_link(int)
    process.send(agent, "what")
    assert await Agent.get(agent, same) == 0
    assert list(reports) == []


async def test_an_argument_that_is_no_function_is_refused_in_the_caller() -> None:
    agent = await Agent.start_link(int)
    wrong: Any = 7
    for function in (Agent.get, Agent.update, Agent.get_and_update):
        with pytest.raises(TypeError, match="wanted a function"):
            await function(agent, wrong)
    with pytest.raises(TypeError):
        Agent.cast(agent, wrong)
    with pytest.raises(TypeError):
        await Agent.start_link(wrong)
    assert await Agent.get(agent, plus, 3) == 3


async def test_an_unknown_request_ends_the_agent() -> None:
    agent = await Agent.start(int)
    with pytest.raises(CalleeExit):
        await call(agent, "what")
