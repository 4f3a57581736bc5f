"""Hand-over: an idle server handles a call on its caller's stack."""

from __future__ import annotations

import asyncio
import contextvars
import decimal
import sys
from typing import Any

import pytest

from regrow import (
    CalleeExit,
    CallTimeout,
    Down,
    Exit,
    From,
    GenServer,
    Node,
    NoReply,
    Pid,
    Reply,
    Stop,
    VirtualClock,
    call,
    cast,
    process,
    reply,
)
from tests.kernel.hand_over.doers import Doer

WORD: contextvars.ContextVar[str] = contextvars.ContextVar("WORD", default="default")


async def awaited(function: Any) -> Any:
    return await function()


class AsyncDoer(Doer):
    """A `Doer` whose callback is `async def` and awaits."""

    async def handle_call(self, request: Any, from_: From, state: list[Any]) -> Any:
        if callable(request):
            return Reply(await awaited(request), state)
        return super().handle_call(request, from_, state)


async def test_context_variables_do_not_leak(node: Node) -> None:
    """A server runs with the context variables of its start; it neither sees nor changes those of its caller."""
    WORD.set("at the start")
    server = await Doer.start_link([])
    WORD.set("caller")

    def look() -> str:
        found = WORD.get()
        WORD.set("server")
        decimal.setcontext(decimal.Context(prec=5))
        return found

    precision = decimal.getcontext().prec
    assert await call(server, look) == "at the start"
    assert WORD.get() == "caller"
    assert decimal.getcontext().prec == precision
    assert await call(server, look) == "server"


async def test_a_predicate_sees_its_own_context(node: Node) -> None:
    """The predicate of a receive runs in its process's context and as that process, whichever process sends."""
    WORD.set("mine")
    seen: list[object] = []

    async def receiver() -> None:
        WORD.set("receiver's")

        def fits(message: object) -> bool:
            seen.append((WORD.get(), process.current()))
            return message == "yes"

        await process.receive(fits)

    pid, _ = process.spawn_monitor(receiver)
    await process.sleep(0.1)
    process.send(pid, "no")
    process.send(pid, "yes")
    assert (await process.receive(Down)).reason == "normal"
    assert seen == [("receiver's", pid)] * 2


async def test_no_hand_over_inside_an_except_block(node: Node) -> None:
    """A caller that handles an exception does not expose it to the server."""
    server = await Doer.start_link([])
    try:
        raise ValueError("the caller's")
    except ValueError:
        assert await call(server, sys.exception) is None
        broken = await Doer.start([])
        with pytest.raises(CalleeExit) as raised:
            await call(broken, lambda: 1 / 0)
    error: Any = raised.value.reason[0]
    assert isinstance(error, ZeroDivisionError)
    assert error.__context__ is None


async def test_a_chain_of_two_hundred_servers_answers(node: Node) -> None:
    """Calls that nest deeper than the bound are queued, and all are answered."""

    class Link(GenServer[Pid | None]):
        async def handle_call(self, request: int, _from: From, state: Pid | None) -> Any:
            return Reply(request if state is None else await call(state, request + 1), state)

    last: Pid | None = None
    for _ in range(200):
        last = await Link.start_link(last)
    assert last is not None
    assert await call(last, 1) == 200


async def test_a_ring_of_calls_ends(node: Node) -> None:
    """Servers that call each other in a ring end, one after another; see `tests/behaviours/gen`."""

    class Ring(GenServer[str]):
        async def handle_call(self, request: Any, _from: From, state: str) -> Any:
            return Reply(await call(state, request, 1), state)

    first = await Ring.start("second", name="first")
    await Ring.start("first", name="second")
    ref = process.monitor(first)
    with pytest.raises((CallTimeout, CalleeExit)):
        await call(first, "x", 10)
    assert (await process.receive(Down)).ref is ref


async def test_order_between_two_processes(node: Node) -> None:
    """Messages of one process to another arrive in the order sent: casts, messages and calls alike."""
    server = await Doer.start_link([])
    cast(server, 1)
    process.send(server, 2)
    assert await call(server, 3) == 3
    assert await call(server, 4) == 4
    process.send(server, 5)
    cast(server, 6)
    assert await call(server, "seen") == [1, 2, 3, 4, 5, 6]


async def test_a_call_from_a_deeper_process_keeps_the_order(node: Node) -> None:
    """A server that is called while a message of another process waits for it takes that message first."""
    target = await Doer.start_link([])
    relay = await AsyncDoer.start_link([])

    async def relayed() -> object:
        return await call(target, "relay")

    cast(target, "main")
    assert await call(relay, relayed) == "relay"
    assert await call(target, "seen") == ["main", "relay"]


@pytest.mark.parametrize("server", [Doer, AsyncDoer])
async def test_a_killed_caller_runs_no_more_code(node: Node, server: type[Doer]) -> None:
    """When a server's death ends its linked caller, the code after the call never runs, and `finally` does."""
    events: list[str] = []

    def die() -> None:
        raise Exit("with you")

    async def die_later() -> None:
        await asyncio.sleep(0)
        raise Exit("with you")

    async def caller() -> None:
        pid = await server.start_link([])
        try:
            await call(pid, die if server is Doer else die_later)
            events.append("went on")
        except BaseException as error:
            events.append(type(error).__name__)
            raise
        finally:
            events.append("finally")
            await asyncio.sleep(0)
            events.append("awaited")

    _, ref = process.spawn_monitor(caller)
    down = await process.receive(Down)
    assert (down.ref, down.reason) == (ref, "with you")
    await process.sleep(10)
    assert events == ["CancelledError", "finally", "awaited"]


async def test_a_killed_caller_that_calls_by_name(node: Node) -> None:
    """A caller that looked the server up by name first ends in the same way, and the server replies."""
    events: list[str] = []

    async def caller() -> None:
        me = process.current()
        await Doer.start([], name="doer")
        try:
            await call("doer", lambda: process.exit(me, "kill"))
            events.append("went on")
        finally:
            events.append("finally")

    _, ref = process.spawn_monitor(caller)
    down = await process.receive(Down)
    assert (down.ref, down.reason) == (ref, "killed")
    await process.sleep(10)
    assert events == ["finally"]


async def test_a_cancelled_plain_task_leaves_nothing_in_the_server(node: Node) -> None:
    class Silent(GenServer[None]):
        def handle_call(self, _request: object, _from: From, state: None) -> Any:
            return NoReply(state)

    pid = await Silent.start()
    task = asyncio.create_task(call(pid, "anything", None))
    await process.sleep(1)
    assert len(process.info(pid, "monitored_by")) == 1
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert process.info(pid, "monitored_by") == []


async def test_a_killed_server_in_the_middle_of_a_chain(node: Node) -> None:
    """The server at the bottom kills a caller three levels up: each process on the stack unwinds separately."""
    events: list[str] = []

    class Middle(GenServer[Pid]):
        async def handle_call(self, request: object, _from: From, state: Pid) -> Any:
            try:
                return Reply(await call(state, request), state)
            finally:
                events.append("middle")

    def die() -> None:
        raise Exit("bottom")

    async def caller() -> None:
        bottom = await Doer.start_link([])
        middle = await Middle.start_link(bottom)
        process.link(middle)
        try:
            await call(middle, die)
            events.append("went on")
        finally:
            events.append("caller")

    _, _ = process.spawn_monitor(caller)
    assert (await process.receive(Down)).reason == "bottom"
    await process.sleep(10)
    assert sorted(events) == ["caller", "middle"]


async def test_a_call_with_timeout_0_sends_its_request(node: Node) -> None:
    """A call with timeout 0 sends its request and times out at once; the late reply is dropped."""
    server = await Doer.start_link([])
    with pytest.raises(CallTimeout):
        await call(server, "x", 0)
    assert await call(server, "seen") == ["x"]
    assert process.info(process.current(), "messages") == []


async def test_calls_that_come_while_the_server_awaits_are_answered_in_order(node: Node) -> None:
    """Calls that come while a callback awaits are answered in turn."""
    gate: asyncio.Event = asyncio.Event()
    server = await AsyncDoer.start_link([])
    me = process.current()

    async def ask(request: Any) -> None:
        process.send(me, await call(server, request))

    async def wait() -> str:
        await gate.wait()
        return "waited"

    process.spawn_link(ask, wait)
    await process.sleep(0)
    for number in range(3):
        process.spawn_link(ask, number)
    await process.sleep(0)
    assert process.info(server, "message_queue_len") == 3
    gate.set()
    assert [await process.receive(timeout=1) for _ in range(4)] == ["waited", 0, 1, 2]


async def test_a_late_reply_is_dropped(node: Node, virtual_clock: VirtualClock) -> None:
    """A reply that comes after the deadline is discarded."""

    class Late(GenServer[None]):
        async def handle_call(self, request: float, _from: From, state: None) -> Any:
            await process.sleep(request)
            return Reply("late", state)

    server = await Late.start_link()
    with pytest.raises(CallTimeout):
        await call(server, 2.0, 1.0)
    await process.sleep(5)
    assert process.info(process.current(), "messages") == []
    assert await call(server, 0.5, 1.0) == "late"


async def test_another_process_may_reply(node: Node) -> None:
    """handle_call may return NoReply, and any process may reply later; a second reply is dropped."""

    class Deferred(GenServer[list[From]]):
        def handle_call(self, _request: object, from_: From, state: list[From]) -> Any:
            return NoReply([*state, from_])

        def handle_cast(self, _request: object, state: list[From]) -> Any:
            for from_ in state:
                reply(from_, "first")
                reply(from_, "second")
            return NoReply([])

    server = await Deferred.start_link([])
    me = process.current()

    async def ask() -> None:
        process.send(me, await call(server, "x"))

    process.spawn_link(ask)
    await process.sleep(1)
    cast(server, "answer")
    assert await process.receive(timeout=1) == "first"
    with pytest.raises(TimeoutError):
        await process.receive(timeout=1)


async def test_a_server_that_stops_after_its_reply_answers_first(node: Node) -> None:
    """A Stop with a reply answers the caller before the end is seen."""

    class Once(GenServer[None]):
        def handle_call(self, request: object, _from: From, state: None) -> Any:
            return Stop("normal", state, reply=request)

    server = await Once.start()
    assert await call(server, "last") == "last"
    assert not process.alive(server)


async def test_a_call_to_a_process_that_is_no_server_fails_at_its_end(node: Node) -> None:
    """A call to a process that never answers fails when it ends."""
    sleeper = process.spawn(process.sleep, 1)
    with pytest.raises(CalleeExit) as raised:
        await call(sleeper, "x", 10)
    assert raised.value.reason[0] == "normal"
