"""The callbacks of a server, times every way of failing: it ends once, each waiter is notified, and nothing is left."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from regrow import (
    CallExit,
    ChildSpec,
    Continue,
    From,
    GenServer,
    NoReply,
    Ok,
    Reply,
    StartError,
    Stop,
    Supervisor,
    call,
    cast,
    gen_server,
    process,
    send,
)
from tests.matrix.cells import reasons_of, run_cell
from tests.matrix.ways import RAISED, RETURNED, Way

ALL = [*RAISED, *RETURNED]


class Plan:
    """The callback in which a server fails, the way, and how often it does."""

    def __init__(self, place: str, way: Way, times: int = 1) -> None:
        self.place = place
        self.way = way
        self.times = times
        self.begun = 0

    def at(self, place: str, usual: Any) -> Any:
        """Fail, if the plan says so."""
        if place != self.place or self.times == 0:
            return usual
        self.times -= 1
        return self.way.fail()


class Plain(GenServer[Plan]):
    """A server whose callbacks are functions."""

    def init(self, plan: Any) -> Any:
        plan.begun += 1
        return plan.at("init", Ok(plan))

    def handle_call(self, request: Any, _from: From, plan: Plan) -> Any:
        return plan.at("handle_call", Reply(request, plan))

    def handle_cast(self, request: Any, plan: Plan) -> Any:
        if request == "stop":
            return Stop("boom", plan)
        return plan.at("handle_cast", NoReply(plan, Continue("go")))

    def handle_info(self, _message: Any, plan: Plan) -> Any:
        return plan.at("handle_info", NoReply(plan))

    def handle_continue(self, _arg: Any, plan: Plan) -> Any:
        return plan.at("handle_continue", NoReply(plan))

    def terminate(self, _reason: object, plan: Plan) -> Any:
        return plan.at("terminate", None)


class Async(GenServer[Plan]):
    """A server whose callbacks are coroutines."""

    async def init(self, plan: Any) -> Any:
        plan.begun += 1
        return plan.at("init", Ok(plan))

    async def handle_call(self, request: Any, _from: From, plan: Plan) -> Any:
        await process.sleep(0.01)
        return plan.at("handle_call", Reply(request, plan))

    async def handle_cast(self, request: Any, plan: Plan) -> Any:
        if request == "stop":
            return Stop("boom", plan)
        return plan.at("handle_cast", NoReply(plan, Continue("go")))

    async def handle_info(self, _message: Any, plan: Plan) -> Any:
        return plan.at("handle_info", NoReply(plan))

    async def handle_continue(self, _arg: Any, plan: Plan) -> Any:
        return plan.at("handle_continue", NoReply(plan))

    async def terminate(self, _reason: object, plan: Plan) -> Any:
        return plan.at("terminate", None)


class Blocking(Plain):
    """A server whose callbacks run in a thread."""


def started(kind: Any, plan: Plan) -> Any:
    """Start a server, linked."""
    return kind.start_link(plan, name="subject", blocking=kind is Blocking)


TRIGGERS: dict[str, Callable[[Any], Any]] = {
    "handle_call": lambda server: call(server, "go"),
    "handle_cast": lambda server: cast(server, "go"),
    "handle_info": lambda server: send(server, "go"),
    "handle_continue": lambda server: cast(server, "go"),
    "terminate": lambda server: gen_server.stop(server, "normal"),
}
KINDS = [Plain, Async, Blocking]


def named(value: Any) -> str:
    return str(getattr(value, "name", None) or getattr(value, "__name__", value))


@pytest.mark.parametrize("way", ALL, ids=named)
@pytest.mark.parametrize("place", TRIGGERS)
@pytest.mark.parametrize("kind", KINDS, ids=named)
def test_a_server_whose_callback_fails_ends_once(kind: Any, place: str, way: Way) -> None:
    if kind is Async and way.name == "a coroutine":
        pytest.skip("an async def that returns a coroutine: it is the returned value, and is not awaited")

    async def scenario() -> None:
        server = await started(kind, Plan(place, way))
        process.monitor(server)
        caught: Any = None
        try:
            result = TRIGGERS[place](server)
            if place in ("handle_call", "terminate"):
                await result
        except CallExit as error:
            caught = error
        links, monitors = await reasons_of(server)
        assert not process.alive(server)
        assert process.whereis("subject") is None
        assert (len(links), len(monitors)) == (1, 1)
        if place == "terminate" and way in RETURNED:
            return
        assert way.is_reason(links[0])
        assert way.is_reason(monitors[0])
        if place == "handle_call":
            assert caught is not None
            assert way.is_reason(caught.reason[0])

    if place == "terminate" and way in RETURNED:  # the result of terminate is ignored
        expected: list[type] = []
    else:
        expected = way.leaves
    assert run_cell(scenario) == expected


@pytest.mark.parametrize("way", ALL, ids=named)
@pytest.mark.parametrize("kind", KINDS, ids=named)
def test_a_start_whose_init_fails_leaves_nothing(kind: Any, way: Way) -> None:
    if kind is Async and way.name == "a coroutine":
        pytest.skip("an async def that returns a coroutine: it is the returned value, and is not awaited")

    async def scenario() -> None:
        with pytest.raises(StartError) as caught:
            await started(kind, Plan("init", way))
        assert way.is_reason(caught.value.reason)
        assert process.whereis("subject") is None
        again = await started(kind, Plan("nowhere", way))
        await gen_server.stop(again)

    assert run_cell(scenario) in (way.leaves, [])


@pytest.mark.parametrize("way", ALL, ids=named)
@pytest.mark.parametrize("place", ["handle_call", "handle_cast", "handle_info", "handle_continue"])
@pytest.mark.parametrize("kind", KINDS, ids=named)
def test_the_supervisor_restarts_a_failed_server_once(kind: Any, place: str, way: Way) -> None:
    if kind is Async and way.name == "a coroutine":
        pytest.skip("an async def that returns a coroutine: it is the returned value, and is not awaited")

    async def scenario() -> None:
        plan = Plan(place, way)

        async def start() -> Any:
            return await started(kind, plan)

        supervisor = await Supervisor.start_link([ChildSpec("subject", (start, ()))])
        before = process.whereis("subject")
        try:
            result = TRIGGERS[place]("subject")
            if place == "handle_call":
                await result
        except CallExit:
            pass
        await process.sleep(1.0)
        assert plan.begun == 2
        after = process.whereis("subject")
        assert after is not None
        assert after is not before
        assert await call("subject", "hello") == "hello"
        await Supervisor.stop(supervisor)

    assert run_cell(scenario) == way.leaves
