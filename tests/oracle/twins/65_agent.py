"""Agent."""

from __future__ import annotations

import operator
from typing import Any

from regrow import process
from regrow.behaviours.agent.agent import Agent
from regrow.kernel.exits import CallExit
from tests.oracle.twin import Twin, exit_reason_of, result, say, settle, try_say

twin = Twin("65_agent")


def same(state: Any) -> Any:
    return state


def raises(*_state: Any) -> Any:
    raise RuntimeError("boom")


def plus_one(state: int) -> int:
    return state + 1


async def without_arguments(asking: Any, *, place: bool = True) -> Any:
    """The exit of a call without server and request."""
    try:
        return await asking
    except CallExit as error:
        reason: Any
        where: Any
        reason, where = error.reason
        return ("EXIT", (reason, (*where[:2], round(where[2][2] * 1000))) if place else reason)


@twin.block("get, update, get_and_update, cast")
async def workflow() -> None:
    agent = await Agent.start_link(int)
    say("get", await Agent.get(agent, same))
    await try_say("update", lambda: Agent.update(agent, plus_one))
    say("get_and_update", await Agent.get_and_update(agent, lambda state: (state, state + 10)))
    await try_say("cast", lambda: Agent.cast(agent, operator.mul, 2))
    say("get", await Agent.get(agent, same))
    say("mfa", await Agent.get(agent, operator.add, 5))
    say("the function runs in the agent", await Agent.get(agent, lambda _: process.current()) is agent)


@twin.block("a function that raises ends the agent, and the linked caller")
async def raising() -> None:
    async def caller() -> None:
        await Agent.get(await Agent.start_link(int), lambda _: raises())

    say("caller", await exit_reason_of(caller))
    agent = await Agent.start(int)
    say("unlinked: the caller's exit", await without_arguments(Agent.get(agent, lambda _: raises())))
    say("alive", process.alive(agent))


@twin.block("get_and_update with a wrong return")
async def wrong_return() -> None:
    agent = await Agent.start(int)
    say("get_and_update", await without_arguments(Agent.get_and_update(agent, same), place=False))


@twin.block("start: an init that raises")
async def init_raises() -> None:
    async def for_ever() -> None:
        await settle(1_000_000)

    def boom() -> None:
        raises()

    say("start", await result(Agent.start(boom)))
    say("start, timeout", await result(Agent.start(for_ever, timeout=0.02)))


@twin.block("timeout")
async def timeout() -> None:
    async def slow(_state: int) -> None:
        await settle(80)

    agent = await Agent.start_link(int)
    say("get", await without_arguments(Agent.get(agent, slow, timeout=0.02)))
    say("goes on", await Agent.get(agent, same))


@twin.block("names and stop")
async def names_and_stop() -> None:
    await Agent.start_link(int, name="Ag")
    say("again", await result(Agent.start_link(int, name="Ag")))
    await try_say("stop", lambda: Agent.stop("Ag"))
    await try_say("get", lambda: Agent.get("Ag", same))


twin.differs(
    "names and stop",
    "get: {:EXIT, {:noproc, {GenServer, :call, [Ag, {:get, <fun>}, 5000]}}}",
    "get: {:EXIT, {:noproc, {GenServer, :call, [Ag, {:get, <fun>, {}}, 5000]}}}",
    because="the arguments of a function travel beside it",
)


@twin.block("a message to an agent is ignored")
async def a_message() -> None:
    agent = await Agent.start_link(int)
    process.send(agent, "what")
    say("get", await Agent.get(agent, same))
