"""A circle of calls is found by the call that closes it, at once, and what only looks like one is none."""

from __future__ import annotations

import asyncio
import concurrent.futures
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from regrow import (
    CalleeExit,
    CallTimeout,
    Continue,
    Deadlock,
    From,
    GenServer,
    GenStatem,
    KeepStateAndData,
    NextState,
    Node,
    NoReply,
    Ok,
    Pid,
    Postpone,
    Reply,
    ReplyAction,
    StartError,
    Supervisor,
    VirtualClock,
    call,
    cast,
    gen_server,
    gen_statem,
    process,
    reply,
    send,
    system,
)
from regrow.behaviours.gen.deadlock import ADVICE
from regrow.behaviours.gen_statem.gen_statem import CallbackMode

HAND_OVER = pytest.mark.parametrize("hand_over", [True, False], ids=["handed over", "queued"])
LATER = object()  # somebody else answers


class Doer(GenServer[Any]):
    """Does what it is asked to do, and answers with what came of it."""

    async def handle_call(self, request: Any, from_: From, state: Any, /) -> Any:
        result: object = await request(from_)
        return NoReply(state) if result is LATER else Reply(result, state)

    async def handle_cast(self, request: Any, state: Any, /) -> Any:
        await request()
        return NoReply(state)

    async def handle_continue(self, arg: Any, state: Any, /) -> Any:
        return await self.handle_cast(arg, state)

    def handle_info(self, _message: Any, state: Any, /) -> Any:
        return NoReply(state)


def asking(*path: Any, timeout: float | None = 5.0) -> Callable[[object], Awaitable[Any]]:
    """What a Doer does that is to ask the first of the path to ask the second, and so on."""

    async def ask(_from: object) -> Any:
        following, *others = path
        return await call(following, asking(*others, timeout=timeout) if others else answer, timeout)

    return ask


def does(work: Callable[[], Awaitable[Any]]) -> Callable[[object], Awaitable[Any]]:
    """What a Doer does that is not concerned with who asks."""

    async def do(_from: object) -> Any:
        return await work()

    return do


async def answer(_from: object) -> str:
    return "answered"


async def deadlock_of(work: Awaitable[Any]) -> Deadlock:
    """The Deadlock at the bottom of what is raised, which ended all servers in between."""
    with pytest.raises((Deadlock, CalleeExit)) as caught:
        await work
    error: Any = caught.value
    pids, place = innermost(error.reason)
    return Deadlock((("deadlock", pids), place))


def innermost(reason: Any) -> Any:
    """The pids and the place of the deadlock that a chain of ends began with."""
    while reason[0][0] != "deadlock":
        reason = reason[0]
    return reason[0][1], reason[1]


def on_a_node(hand_over: bool | None, scenario: Callable[[], Awaitable[Any]], seed: int | None = None) -> Any:
    """What a scenario gives as a process of a node that hands calls over, or does not."""

    async def outside() -> Any:
        async with Node(hand_over=hand_over, seed=seed, clock=VirtualClock()) as node:
            gone: asyncio.Future[Any] = node.loop.create_future()

            async def inside() -> None:
                try:
                    gone.set_result(await scenario())
                except BaseException as error:
                    gone.set_exception(error)

            process.spawn(inside)
            return await gone

    return asyncio.run(outside())


# What is found


@HAND_OVER
@pytest.mark.parametrize("length", [2, 3, 40])
@pytest.mark.parametrize("timeout", [5.0, None])
def test_a_circle_of_calls_is_found_in_the_last_caller(hand_over: bool, length: int, timeout: float | None) -> None:
    """Through any number of servers, with and without a timeout, handed over or queued: the same error, no time passed."""

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
def test_a_circle_is_found_in_every_order(seed: int) -> None:
    """Whatever runs first, and whichever of the calls are handed over: it is the last caller who hears of it."""

    async def scenario() -> None:
        first, second, third = [await Doer.start(None) for _ in range(3)]
        error: Any = await deadlock_of(call(first, asking(second, third, first)))
        assert error.reason[0] == ("deadlock", [third, first, second])

    on_a_node(None, scenario, seed)


@HAND_OVER
def test_who_catches_it_goes_on(hand_over: bool) -> None:
    """The last caller may do without the answer. All others then get theirs, and nobody ever sees its request."""

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
def test_the_circle_spelled_out(hand_over: bool) -> None:
    """The error says who asked whom what, and what to do."""

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
def test_a_circle_that_closes_after_a_while(hand_over: bool) -> None:
    """The servers may wait for anything before they ask: the circle closes with the last call, whenever that is."""

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
def test_a_request_that_waits_in_a_mailbox_is_part_of_a_circle(hand_over: bool) -> None:
    """A server asks a process whose own request still lies in the server's mailbox."""

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
def test_processes_that_are_no_servers(hand_over: bool) -> None:
    """A process of one's own that asks a server which asks it: its mail is unread while it waits."""

    async def scenario() -> None:
        server = await Doer.start(None)
        error: Any = await deadlock_of(call(server, asking(process.current())))
        assert error.reason[0] == ("deadlock", [server, process.current()])

    on_a_node(hand_over, scenario)


@HAND_OVER
def test_a_child_that_asks_its_starter(hand_over: bool) -> None:
    """An init that calls the process which waits for it, or the supervisor that does, is told so."""

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
def test_state_machines(hand_over: bool) -> None:
    """A machine that asks a server which asks it back: both kinds of request are followed."""

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
def test_stops_and_system_requests(hand_over: bool) -> None:
    """Who waits for a server's end, or looks at its state, waits as much as who calls it."""

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


# What only looks like a circle


@HAND_OVER
def test_an_answer_that_another_process_gives(hand_over: bool) -> None:
    """A server that has put an answer off may ask whoever waits for it: the answer may come from a task."""

    async def scenario() -> None:
        first = await Doer.start(None)
        second = await Doer.start(None)

        async def delegated(from_: From) -> Any:
            async def task() -> None:
                await process.sleep(1.0)
                reply(from_, "from a task")

            process.spawn(task)
            cast(second, lambda: call(first, answer))
            return LATER

        assert await call(first, does(lambda: call(second, delegated))) == "from a task"
        assert process.alive(second)

    on_a_node(hand_over, scenario)


@HAND_OVER
def test_an_answer_that_was_given_before(hand_over: bool) -> None:
    """A server that has answered, and asks the one it has answered before it is done, waits for it to go on."""

    async def scenario() -> None:
        first = await Doer.start(None)
        second = await Doer.start(None)
        me = process.current()

        async def early(from_: From) -> Any:
            reply(from_, "early")
            send(me, await call(first, answer))
            return LATER

        assert await call(first, does(lambda: call(second, early))) == "early"
        assert await process.receive() == "answered"

    on_a_node(hand_over, scenario)


@HAND_OVER
def test_a_server_that_goes_on_to_a_continue(hand_over: bool) -> None:
    """What the error advises works: answer first, and ask afterwards."""

    async def scenario() -> None:
        me = process.current()

        class Polite(Doer):
            async def handle_call(self, request: Any, _from: From, state: Any, /) -> Any:
                async def ask() -> None:
                    send(me, await call(request, answer))

                return Reply("at once", state, Continue(ask))

        first = await Doer.start(None)
        second = await Polite.start(None)
        assert await call(first, does(lambda: call(second, first))) == "at once"
        assert await process.receive() == "answered"

    on_a_node(hand_over, scenario)


@HAND_OVER
def test_a_machine_that_postpones(hand_over: bool) -> None:
    """A postponed call may still be answered, and the machine that postponed it may ask the caller meanwhile."""

    class Door(GenStatem[Any, Any]):
        def callback_mode(self) -> CallbackMode:
            return "handle_event_function"

        def init(self, _arg: Any, /) -> Any:
            return NextState("shut", None)

        async def handle_event(self, type_: Any, content: Any, state: Any, _data: Any, /) -> Any:
            match type_, state:
                case ("call", from_), _:
                    process.apply_after(1.0, reply, from_, "come in")
                    return KeepStateAndData([Postpone()])
                case _:
                    return NextState("open", await call(content, answer))

    async def scenario() -> None:
        door = await Door.start(None)
        asker = await Doer.start(None)
        cast(asker, lambda: gen_statem.call(door, "may I?"))
        await process.sleep(0.1)
        gen_statem.cast(door, asker)
        await process.sleep(10)
        assert process.alive(asker)
        assert await system.get_state(door) == ("open", "answered")

    on_a_node(hand_over, scenario)


@HAND_OVER
def test_requests_that_nobody_waits_for(hand_over: bool) -> None:
    """A request whose answer comes as a message holds nobody up."""

    async def scenario() -> None:
        first = await Doer.start(None)
        second = await Doer.start(None)

        async def sends(_from: object) -> Any:
            request_id = gen_server.send_request(second, asking(first))
            await process.sleep(1.0)  # so that the other one asks meanwhile
            return gen_server.check_response("something else", request_id)

        assert await call(first, sends) == "no_reply"
        assert process.alive(second)

    on_a_node(hand_over, scenario)


@HAND_OVER
def test_plain_tasks(hand_over: bool) -> None:
    """A task that a server has started may ask it, and so may the tasks that it waits for: tasks are no processes."""

    async def scenario() -> None:
        server = await Doer.start(None)
        other = await Doer.start(None)

        async def in_tasks(_from: object) -> Any:
            async with asyncio.TaskGroup() as group:
                asked = [group.create_task(call(server, answer, 1.0)), group.create_task(call(other, asking(server)))]
                await asyncio.sleep(0)
                for task in asked:
                    task.cancel()
            return "given up"

        assert await call(server, in_tasks) == "given up"

    on_a_node(hand_over, scenario)


@HAND_OVER
def test_an_adopted_task(hand_over: bool) -> None:
    """A task that is a process may ask a server which asks it: it waits as tasks do, and is given up by its timeout."""

    async def scenario() -> Any:
        server = await Doer.start(None)

        async def adopted() -> Any:
            async with process.adopt() as me:
                with pytest.raises(CallTimeout):
                    await call(server, asking(me), 1.0)
                reply(await process.receive(From), "late, and all the same")
                return await call(server, answer)

        return await asyncio.get_running_loop().create_task(adopted())

    assert on_a_node(hand_over, scenario) == "answered"


@pytest.mark.regrow(clock="real", name="here")
async def test_servers_of_two_nodes(node: Node) -> None:
    """What waits on another node is not looked at: such a circle ends by its timeout."""
    there = Node("there")
    started: concurrent.futures.Future[Pid] = concurrent.futures.Future()
    leave: list[Callable[[], object]] = []

    async def program() -> None:
        async with there:
            over = asyncio.Event()
            leave.append(lambda: there.loop.call_soon_threadsafe(over.set))
            started.set_result(await Doer.start(None))
            await over.wait()

    running = asyncio.create_task(asyncio.to_thread(asyncio.run, program()))
    far = await asyncio.wrap_future(started)
    near = await Doer.start(None)
    with pytest.raises(CalleeExit) as caught:
        await call(near, asking(far, near, timeout=0.05))
    assert "deadlock" not in repr(caught.value.reason)
    leave[0]()
    await running


@HAND_OVER
def test_a_chain_without_a_circle(hand_over: bool) -> None:
    """Two who wait for a third are no circle, and neither is a server that is asked twice."""

    async def scenario() -> None:
        last = await Doer.start(None)
        middle = await Doer.start(None)
        firsts = [await Doer.start(None) for _ in range(3)]

        async def slow(_from: object) -> str:
            await process.sleep(1.0)
            return "slow"

        me = process.current()

        async def asked(first: Pid) -> None:
            send(me, await call(first, does(lambda: call(middle, does(lambda: call(last, slow))))))

        for first in firsts:
            process.spawn(asked, first)
        assert [await process.receive() for _ in firsts] == ["slow"] * 3

    on_a_node(hand_over, scenario)
