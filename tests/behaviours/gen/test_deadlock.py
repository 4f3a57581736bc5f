"""Deadlocks: a cycle of calls fails in the last caller."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from typing import Any

import pytest

from regrow import (
    CalleeExit,
    Deadlock,
    From,
    GenServer,
    GenStatem,
    KeepStateAndData,
    NextState,
    Ok,
    Pid,
    Reply,
    ReplyAction,
    StartError,
    Supervisor,
    call,
    cast,
    gen_server,
    gen_statem,
    process,
    send,
    system,
)
from regrow.behaviours.gen_statem.gen_statem import CallbackMode
from regrow.kernel.deadlock import ADVICE
from tests.behaviours.gen.deadlocks import HAND_OVER, Doer, answer, asking, does, on_a_node


async def deadlock_of(work: Awaitable[Any]) -> Deadlock:
    """Return the Deadlock at the root of an exception, which ended all servers in between."""
    with pytest.raises((Deadlock, CalleeExit)) as caught:
        await work
    error: Any = caught.value
    pids, place = innermost(error.reason)
    return Deadlock((("deadlock", pids), place))


def innermost(reason: Any) -> Any:
    """Return the pids and the reason of the deadlock at the root of a chain of ends."""
    while reason[0][0] != "deadlock":
        reason = reason[0]
    return reason[0][1], reason[1]


@HAND_OVER
@pytest.mark.parametrize("length", [2, 3, 40])
@pytest.mark.parametrize("timeout", [5.0, None])
def test_a_cycle_of_calls_fails_in_the_last_caller(hand_over: bool, length: int, timeout: float | None) -> None:
    """Any number of servers, with and without a timeout, handed over or queued: the same error, no time passes."""

    async def scenario() -> None:
        pids = [await Doer.start(None) for _ in range(length)]
        before = process.monotonic()
        error: Any = await deadlock_of(call(pids[0], asking(*pids[1:], pids[0], timeout=timeout), None))
        assert process.monotonic() == before
        assert error.reason[0] == ("deadlock", [pids[-1], *pids[:-1]])
        assert error.reason[1][:2] == ("GenServer", "call")
        assert error.reason[1][2] == [pids[0], answer, timeout]
        assert not any(process.alive(pid) for pid in pids)

    on_a_node(hand_over, scenario)


@pytest.mark.parametrize("seed", range(12))
def test_a_cycle_is_found_in_every_order(seed: int) -> None:
    """Whatever runs first, and whichever calls are handed over: the error is raised in the last caller."""

    async def scenario() -> None:
        first, second, third = [await Doer.start(None) for _ in range(3)]
        error: Any = await deadlock_of(call(first, asking(second, third, first)))
        assert error.reason[0] == ("deadlock", [third, first, second])

    on_a_node(None, scenario, seed)


@HAND_OVER
def test_a_caller_that_catches_the_deadlock_continues(hand_over: bool) -> None:
    """All other callers then get their replies, and no server ever sees the failed request."""

    async def scenario() -> None:
        first = await Doer.start([])
        second = await Doer.start(None)
        seen: list[object] = []

        async def noted(_from: object) -> None:
            seen.append("asked")

        async def caught(_from: object) -> Any:
            with pytest.raises(Deadlock):
                await call(first, noted)
            return "without it"

        assert await call(first, does(lambda: call(second, caught))) == "without it"
        assert await call(first, answer) == "answered"
        assert seen == []
        assert process.info(first, "message_queue_len") == 0

    on_a_node(hand_over, scenario)


@HAND_OVER
def test_the_error_spells_out_the_cycle(hand_over: bool) -> None:
    """The error lists each caller, the process it called and the request, and says what to do."""

    class Shop(GenServer[Any]):
        async def handle_call(self, request: Any, _from: From, state: Any, /) -> Any:
            match request:
                case "order":
                    return Reply(await call("stock", ("reserve", 7)), state)
                case _:
                    try:
                        await call("cart", ("price", 3))
                    except Deadlock as error:
                        return Reply(str(error), state)

    async def scenario() -> None:
        cart = await Shop.start(None, name="cart")
        stock = await Shop.start(None, name="stock")
        assert (await call(cart, "order")).splitlines() == [
            f"{stock!r} 'stock' asked {cart!r} 'cart' ('price', 3), which waits for it already, and would for ever:",
            f"  {cart!r} 'cart' waits until {stock!r} 'stock' has answered ('reserve', 7)",
            f"  {ADVICE}",
        ]

    on_a_node(hand_over, scenario)


@HAND_OVER
def test_a_cycle_may_close_later(hand_over: bool) -> None:
    """The servers may wait for anything before they call: the cycle closes with the last call, whenever it comes."""

    async def scenario() -> None:
        first = await Doer.start(None)
        second = await Doer.start(None)

        async def later(_from: object) -> Any:
            await asyncio.sleep(0)
            await process.sleep(1.0)
            return await call(first, answer)

        error: Any = await deadlock_of(call(first, does(lambda: call(second, later, 60))))
        assert error.reason[0] == ("deadlock", [second, first])
        assert process.monotonic() >= 1.0

    on_a_node(hand_over, scenario)


@HAND_OVER
def test_a_request_in_a_mailbox_is_part_of_a_cycle(hand_over: bool) -> None:
    """A server calls a process whose own request is still in the server's mailbox."""

    async def scenario() -> None:
        me = process.current()
        first = await Doer.start(None)
        second = await Doer.start(None)

        async def busy() -> None:
            await process.sleep(1.0)
            try:
                await call(second, answer)
            except Deadlock as error:
                send(me, error)

        async def asks() -> None:
            await call(first, answer)

        cast(first, busy)
        cast(second, asks)
        error: Any = await process.receive(Deadlock)
        assert error.reason[0] == ("deadlock", [first, second])

    on_a_node(hand_over, scenario)


@HAND_OVER
def test_a_process_that_is_no_server_is_part_of_a_cycle(hand_over: bool) -> None:
    """A plain process calls a server which calls it: it reads no messages while it waits."""

    async def scenario() -> None:
        server = await Doer.start(None)
        error: Any = await deadlock_of(call(server, asking(process.current())))
        assert error.reason[0] == ("deadlock", [server, process.current()])

    on_a_node(hand_over, scenario)


@HAND_OVER
def test_a_child_that_calls_its_starter_is_a_deadlock(hand_over: bool) -> None:
    """An init that calls its starter, or its supervisor, gets the error."""

    class Child(GenServer[None]):
        async def init(self, parent: Any, /) -> Any:
            return Ok(await call(parent, "which_children"))

    async def scenario() -> None:
        with pytest.raises(StartError) as caught:
            await Child.start(process.current())
        reason: Any = caught.value.reason
        assert reason[0][0] == "deadlock"
        assert reason[0][1][1] is process.current()
        supervisor = await Supervisor.start_link([])
        with pytest.raises(StartError) as caught:
            await Supervisor.start_child(supervisor, (Child, supervisor))
        reason = caught.value.reason
        assert reason[0][0] == "deadlock"
        assert reason[0][1][1] is supervisor

    on_a_node(hand_over, scenario)


@HAND_OVER
def test_a_state_machine_is_part_of_a_cycle(hand_over: bool) -> None:
    """A machine calls a server which calls it back: both kinds of request are followed."""

    class Machine(GenStatem[Any, Any]):
        def callback_mode(self) -> CallbackMode:
            return "handle_event_function"

        def init(self, server: Any, /) -> Any:
            return NextState("ready", server)

        async def handle_event(self, type_: Any, content: Any, _state: Any, server: Any, /) -> Any:
            return KeepStateAndData([ReplyAction(type_[1], await call(server, content))])

    async def scenario() -> None:
        server = await Doer.start(None)
        machine: Pid = await Machine.start(server)
        error: Any = await deadlock_of(gen_statem.call(machine, does(lambda: gen_statem.call(machine, "back"))))
        assert error.reason[0] == ("deadlock", [server, machine])
        assert error.reason[1][:2] == ("gen_statem", "call")

    on_a_node(hand_over, scenario)


@HAND_OVER
def test_stops_and_system_requests_are_part_of_a_cycle(hand_over: bool) -> None:
    """A process that waits for a server's end or its state waits as a caller does."""

    async def scenario() -> None:
        first = await Doer.start(None)
        second = await Doer.start(None)
        error: Any = await deadlock_of(call(first, does(lambda: call(second, does(lambda: system.get_state(first))))))
        assert error.reason[0] == ("deadlock", [second, first])
        assert error.reason[1][:2] == ("sys", "get_state")
        first = await Doer.start(None)
        second = await Doer.start(None)
        error = await deadlock_of(call(first, does(lambda: call(second, does(lambda: gen_server.stop(first))))))
        assert error.reason[0] == ("deadlock", [second, first])
        assert error.reason[1][:2] == ("GenServer", "stop")

    on_a_node(hand_over, scenario)
