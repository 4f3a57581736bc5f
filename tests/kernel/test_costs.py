"""The costs of a call, a cast, a start and an end, in countable units: steps, turns, timers, memory.

No test reads the clock. A test here fails when a change makes the hot path longer, not when the machine is busy.
"""

from __future__ import annotations

import asyncio
import gc
import sys
import tracemalloc
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from regrow import (
    Agent,
    ChildSpec,
    Down,
    DynamicSupervisor,
    Name,
    Node,
    Pid,
    Registry,
    Task,
    Via,
    call,
    cast,
    process,
)
from regrow.testing import expect_idle
from tests.kernel.costs import MANY, AsyncCounter, Costs, Counter, blocks_left, counted, peak_of, steps_of

# Calls


@pytest.mark.parametrize("kind", [Counter, AsyncCounter])
@pytest.mark.parametrize("name", [None, "counter", Counter])
def test_a_call_to_an_idle_server_is_one_step(kind: type[Any], name: Name | None) -> None:
    """It is handed over: no turn of the loop is requested, no timer is made, and nothing is kept."""

    async def test(node: Node, costs: Costs) -> None:
        pid = await kind.start(0, name=name)
        server = pid if name is None else name

        async def calls() -> None:
            for _ in range(MANY):
                await call(server, "next")

        await process.sleep(1)
        assert await steps_of(node, costs, calls) == MANY
        assert (costs.timers, node.scheduler.timers.next_due()) == (0, float("inf"))
        assert await blocks_left(calls) < MANY // 10

    counted(test)


def test_a_call_through_a_registry_is_one_step() -> None:
    async def test(node: Node, costs: Costs) -> None:
        await Registry.start_link(keys="unique", name="counters")
        server = Via("counters", 7)
        await Counter.start(0, name=server)

        async def calls() -> None:
            for _ in range(MANY):
                await call(server, "next")

        await process.sleep(1)
        assert await steps_of(node, costs, calls) == MANY

    counted(test)


@pytest.mark.parametrize(("kind", "most"), [(Counter, 1500), (AsyncCounter, 2500)])
def test_a_call_takes_little_memory(kind: type[Any], most: int) -> None:
    async def test(node: Node, costs: Costs) -> None:
        pid = await kind.start(0)
        assert await peak_of(lambda: call(pid, "next")) < most

    counted(test)


def test_calls_that_wait_make_one_timer_of_the_loop() -> None:
    """Their deadlines are entries of one lane, which are removed when the replies come."""

    async def test(node: Node, costs: Costs) -> None:
        server = await Counter.start(0)
        pids = [process.spawn_monitor(call, server, "later")[0] for _ in range(MANY)]
        while any(process.info(pid, "status") == "runnable" for pid in pids):  # noqa: ASYNC110 - no event reports it
            await asyncio.sleep(0)
        assert costs.timers == 1
        cast(server, "answer")
        for _ in pids:
            assert (await process.receive(Down)).reason == "normal"
        assert node.scheduler.timers.next_due() == float("inf")
        assert costs.timers <= 2

    counted(test, clock=False)


def test_many_clients_of_a_server_find_it_idle_again() -> None:
    """A server with calls in its mailbox answers them all before the callers continue, and is idle then."""

    async def test(node: Node, costs: Costs) -> None:
        server, me = await Counter.start(0), process.current()

        async def client() -> None:
            for _ in range(10):
                await call(server, "next")
            process.send(me, "done")

        async def clients() -> None:
            for _ in range(20):
                process.spawn(client)
            cast(server, "count")  # their first calls do not find it idle
            for _ in range(20):
                await process.receive()

        await process.sleep(1)
        # Each client: its start, one call that waits, the step with its answer, nine calls that do not, and "done".
        assert await steps_of(node, costs, clients, callbacks=1) <= 20 * (1 + 1 + 1 + 9 + 1) + 1

    counted(test)


# Casts and messages


def test_a_cast_is_one_step_and_many_casts_are_one_turn() -> None:
    async def test(node: Node, costs: Costs) -> None:
        server = await Counter.start(0)

        async def casts() -> None:
            for _ in range(MANY):
                cast(server, "count")
            await call(server, "next")

        await process.sleep(1)
        # Of the server one each, and one for the call; of the caller one when it has its answer. The call waits behind
        # the casts: its deadline is the one callback, for a virtual clock asks whether it may jump.
        assert await steps_of(node, costs, casts, callbacks=1) == MANY + 2
        assert costs.timers == 0
        assert await blocks_left(casts) < MANY // 10

    counted(test)


def test_a_message_is_one_step() -> None:
    async def test(node: Node, costs: Costs) -> None:
        me = process.current()

        async def answers() -> None:
            while True:
                process.send(await process.receive(), "here")

        pid = process.spawn(answers)
        await process.sleep(1)

        async def messages() -> None:
            for _ in range(MANY):
                process.send(pid, me)
                await process.receive()

        assert await steps_of(node, costs, messages) == 2 * MANY

    counted(test)


# Starts and ends


def test_a_process_that_ends_is_one_step() -> None:
    """Its watcher is stepped once, too."""

    async def test(node: Node, costs: Costs) -> None:
        async def ends() -> None:
            for _ in range(MANY):
                process.spawn_monitor(int)
                await process.receive()

        await process.sleep(1)
        assert await steps_of(node, costs, ends) == 2 * MANY
        assert await blocks_left(ends) < MANY // 10

    counted(test)


def test_a_task_awaited_at_once_is_one_step() -> None:
    """The task is handed over when its owner awaits it; a plain function needs neither a timer nor an asyncio task."""

    async def test(node: Node, costs: Costs) -> None:
        tasks: set[object] = set()

        def work() -> None:
            me = node.scheduler.current
            tasks.add(None if me is None else me.task)

        async def awaits() -> None:
            for _ in range(MANY):
                await Task.async_(work).await_()

        await process.sleep(1)
        assert await steps_of(node, costs, awaits) == MANY
        assert (costs.timers, node.scheduler.timers.next_due(), tasks) == (0, float("inf"), {None})
        assert await blocks_left(awaits) < MANY // 10

    counted(test)


def test_a_call_to_an_agent_is_one_step() -> None:
    """A plain function that runs in an agent needs no asyncio task."""

    async def test(node: Node, costs: Costs) -> None:
        agent = await Agent.start_link(int)
        server = agent.process
        assert server is not None

        async def updates() -> None:
            for _ in range(MANY):
                await Agent.update(agent, lambda number: number + 1)

        await process.sleep(1)
        assert await steps_of(node, costs, updates) == MANY
        assert server.task is None
        assert await blocks_left(updates) < MANY // 10

    counted(test)


def test_a_server_starts_in_one_step() -> None:
    """The server starts, and its starter continues."""

    async def test(node: Node, costs: Costs) -> None:
        pids: list[Pid] = []

        async def starts() -> None:
            pids.extend([await Counter.start_link(0) for _ in range(MANY)])

        await process.sleep(1)
        assert await steps_of(node, costs, starts) == MANY

    counted(test)


def test_an_idle_server_weighs_little() -> None:
    """Bytes and blocks that stay, without the allocator's overhead for the objects."""

    async def test(node: Node, costs: Costs) -> None:
        pids: list[Pid] = [await Counter.start(0) for _ in range(MANY)]
        gc.collect()
        before, objects = sys.getallocatedblocks(), len(gc.get_objects())
        tracemalloc.start()
        try:
            pids.extend([await Counter.start(0) for _ in range(MANY)])
            gc.collect()
            held, _ = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
        assert held / MANY < 950
        assert (len(gc.get_objects()) - objects) / MANY < 6  # process, pid, generator, context, the user's object
        assert (sys.getallocatedblocks() - before) / MANY < 16

    counted(test)


def test_a_start_and_an_end_leave_nothing() -> None:
    async def test(node: Node, costs: Costs) -> None:
        async def come_and_go() -> None:
            for _ in range(MANY):
                pid = await Counter.start_link(0, name="counter")
                process.unlink(pid)
                process.exit(pid, "kill")
            await expect_idle()

        assert await blocks_left(come_and_go) < MANY // 10

    counted(test)


# Beside many others


async def calls_a_server(node: Node) -> Callable[[], Awaitable[object]]:
    """Call a server, beside idle servers."""
    pid = await Counter.start(0)
    return lambda: call(pid, "next")


async def restarts_a_child(node: Node) -> Callable[[], Awaitable[object]]:
    """Restart a child, beside other children."""
    keeper = await DynamicSupervisor.start_link(max_restarts=1000, max_seconds=1)
    me = process.current()

    async def start() -> Any:
        pid = await Counter.start_link(0)
        process.send(me, pid)
        return pid

    async def restart() -> None:
        process.exit(await process.receive(Pid), "kill")
        await process.receive(lambda message: isinstance(message, Pid) and process.send(me, message) is message)

    await DynamicSupervisor.start_child(keeper, ChildSpec("child", start))
    for _ in range(int(process.get("others"))):
        await DynamicSupervisor.start_child(keeper, (Counter, 0))
    return restart


async def names_a_process(node: Node) -> Callable[[], Awaitable[object]]:
    """Register a name, beside other names."""
    for number in range(int(process.get("others"))):
        await Counter.start(0, name=f"other {number}")

    async def register() -> None:
        process.register("mine", process.current())
        assert process.whereis("mine") == process.current()
        process.unregister("mine")

    return register


async def sets_a_timer(node: Node) -> Callable[[], Awaitable[object]]:
    """Set a timer, beside other timers."""
    for number in range(int(process.get("others"))):
        process.send_after(process.current(), "never", 1000 + number)

    async def set_and_cancel() -> None:
        process.cancel_timer(process.send_after(process.current(), "never", 500))

    return set_and_cancel


async def watches_a_process(node: Node) -> Callable[[], Awaitable[object]]:
    """Link and monitor a process, beside other links and monitors."""
    for _ in range(int(process.get("others"))):
        process.monitor(await Counter.start_link(0))
    pid = await Counter.start(0)

    async def watch() -> None:
        process.link(pid)
        process.demonitor(process.monitor(pid))
        process.unlink(pid)

    return watch


@pytest.mark.parametrize(
    "prepare", [calls_a_server, restarts_a_child, names_a_process, sets_a_timer, watches_a_process]
)
@pytest.mark.parametrize("counting", ["instructions", "memory"])
def test_other_objects_cost_nothing(
    prepare: Callable[[Node], Awaitable[Callable[[], Awaitable[object]]]], counting: str
) -> None:
    """Beside a thousand others the cost is that beside ten: lines of Python that run, bytes in use."""
    found: list[int] = []

    async def test(node: Node, costs: Costs) -> None:
        await process.sleep(1)
        work = await prepare(node)
        await process.sleep(1)
        await work()
        found.append(await (peak_of(work) if counting == "memory" else lines_of(work)))

    async def beside(others: int, node: Node, costs: Costs) -> None:
        process.put("others", others)
        await test(node, costs)

    for others in (10, 1000):
        counted(lambda node, costs, others=others: beside(others, node, costs))  # type: ignore[misc]
    few, many = found
    assert many <= few * 1.2 + 64


async def lines_of(work: Callable[[], Awaitable[object]]) -> int:
    """Count the lines of Python that run; with a compiled kernel, only those that are not compiled."""
    lines = 0

    def trace(_frame: Any, event: str, _argument: object) -> Any:
        nonlocal lines
        lines += event == "line"
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        await work()
    finally:
        sys.settrace(before)
    return lines


def test_a_node_s_attributes_are_quick_to_read() -> None:
    """CPython finds the attributes of a plain object at once as long as there are no more than 30."""

    async def main() -> int:
        async with Node() as node:
            return len(getattr(node, "__dict__", ()))

    assert asyncio.run(main()) <= 30
