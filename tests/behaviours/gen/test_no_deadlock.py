"""Waits that look like a deadlock, and are none."""

from __future__ import annotations

import asyncio
import concurrent.futures
from collections.abc import Callable
from typing import Any

import pytest

from regrow import (
    CalleeExit,
    CallTimeout,
    Continue,
    From,
    GenStatem,
    KeepStateAndData,
    NextState,
    Node,
    Pid,
    Postpone,
    Reply,
    call,
    cast,
    gen_server,
    gen_statem,
    process,
    reply,
    send,
    system,
)
from regrow.behaviours.gen_statem.gen_statem import CallbackMode
from tests.behaviours.gen.deadlocks import HAND_OVER, LATER, Doer, answer, asking, does, on_a_node


@HAND_OVER
def test_another_process_may_give_the_reply(hand_over: bool) -> None:
    """A server that has deferred a reply may call the process that waits for it: the reply may come from a task."""

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
def test_a_server_may_call_a_process_it_has_answered(hand_over: bool) -> None:
    """A server that has replied calls the same process before its callback ends, and waits for it to continue."""

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
def test_a_server_may_call_from_a_continue(hand_over: bool) -> None:
    """The advice of the error works: reply first, and call afterwards."""

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
def test_a_machine_may_call_while_a_call_is_postponed(hand_over: bool) -> None:
    """A postponed call may still be answered, and the machine that postponed it may call the caller meanwhile."""

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
        caller = await Doer.start(None)
        cast(caller, lambda: gen_statem.call(door, "may I?"))
        await process.sleep(0.1)
        gen_statem.cast(door, caller)
        await process.sleep(10)
        assert process.alive(caller)
        assert await system.get_state(door) == ("open", "answered")

    on_a_node(hand_over, scenario)


@HAND_OVER
def test_a_request_without_a_waiter_blocks_no_process(hand_over: bool) -> None:
    """A request whose reply comes as a message blocks no process."""

    async def scenario() -> None:
        first = await Doer.start(None)
        second = await Doer.start(None)

        async def sends(_from: object) -> Any:
            request_id = gen_server.send_request(second, asking(first))
            await process.sleep(1.0)  # so that the other one calls meanwhile
            return gen_server.check_response("something else", request_id)

        assert await call(first, sends) == "no_reply"
        assert process.alive(second)

    on_a_node(hand_over, scenario)


@HAND_OVER
def test_plain_tasks_may_call_their_server(hand_over: bool) -> None:
    """A task that a server has started may call it, and so may the tasks that it awaits: tasks are no processes."""

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
def test_an_adopted_task_may_call_a_server_that_calls_it(hand_over: bool) -> None:
    """It waits as tasks do, and its timeout ends the call."""

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
async def test_servers_of_two_nodes_time_out(node: Node) -> None:
    """Waits on another node are not examined: such a cycle ends by its timeout."""
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
def test_a_chain_without_a_cycle_is_no_deadlock(hand_over: bool) -> None:
    """Two callers that wait for a third process form no cycle, and neither does a server that is called twice."""

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
