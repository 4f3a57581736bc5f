"""The memory that a process keeps for its ancestors: constant, however long the chain and however many have ended."""

# pyright: reportUnknownLambdaType=false
from __future__ import annotations

import asyncio
import gc
import tracemalloc
from collections.abc import Callable
from typing import Any

import pytest

from regrow import Down, From, GenServer, Node, Ok, Reply, Stop, Task, call, process
from regrow.kernel.ancestors import MOST, NEAREST
from regrow.testing import expect_idle

FEW = 300
LESS = 10  # bytes for each: a link of a chain has 56


async def forever() -> None:
    await process.sleep(None)


async def least_kept(work: Callable[[], Any]) -> int:
    """Return the least of several measurements of `kept`, which leaves out what is made once."""
    return min([await kept(work) for _ in range(3)])


async def kept(work: Callable[[], Any]) -> int:
    """Return how many bytes stay in use after an action."""
    gc.collect()
    tracemalloc.start()
    before = tracemalloc.get_traced_memory()[0]
    await work()
    await expect_idle()
    gc.collect()
    after = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    return after - before


def spawned(left: int, then: Callable[[], Any]) -> None:
    """A process that spawns its successor and ends."""
    if left:
        process.spawn(spawned, left - 1, then)
    else:
        then()


class Generation(GenServer[None]):
    """A server that starts its successor and ends."""

    def init(self, arg: tuple[int, Callable[[], Any]], /) -> Ok[None]:
        process.send(process.current(), arg)
        return Ok(None)

    async def handle_info(self, message: Any, state: None, /) -> Stop[None]:
        left, then = message
        if left:
            await Generation.start((left - 1, then))
        else:
            then()
        return Stop("normal", state)


async def by_a_server(left: int, then: Callable[[], Any]) -> None:
    await Generation.start((left, then))


async def by_a_task(left: int, then: Callable[[], Any]) -> None:
    if left:
        await Task.start(by_a_task, left - 1, then)
    else:
        then()


async def by_hibernation(left: int, then: Callable[[], Any]) -> None:
    if left:
        process.send(process.current(), "mail")
        await process.receive()
        process.send(process.current(), "mail")
        await process.hibernate(by_hibernation, left - 1, then)
    then()


async def by_a_monitor(left: int, then: Callable[[], Any]) -> None:
    for _ in range(left):
        pid, ref = process.spawn_monitor(int)
        process.link(pid)
        process.demonitor(ref, flush=True)
        _, ref = process.spawn_monitor(int)
        await process.receive(Down)
    then()


WAYS: dict[str, Callable[..., Any]] = {
    "spawn": spawned,
    "server": by_a_server,
    "task": by_a_task,
    "hibernate": by_hibernation,
    "monitor": by_a_monitor,
}


@pytest.mark.parametrize("way", WAYS)
async def test_ended_generations_leave_nothing(node: Node, way: str) -> None:
    """A process starts its successor and ends, many times: the memory kept does not depend on how many times."""

    async def many(count: int) -> None:
        ended = asyncio.get_running_loop().create_future()
        process.spawn(WAYS[way], count, lambda: ended.set_result(None))
        await ended

    few = await least_kept(lambda: many(FEW))
    lots = await least_kept(lambda: many(5 * FEW))
    assert lots - few < 4 * FEW * LESS


@pytest.mark.parametrize("way", ["spawn", "server"])
async def test_a_chain_of_living_processes_is_flat(node: Node, way: str) -> None:
    """Each process of a chain keeps as much as the others, however many are above it."""

    async def link(left: int, then: Callable[[], Any]) -> None:
        if left:
            if way == "spawn":
                process.spawn(link, left - 1, then)
            else:
                await Link.start((left - 1, then))
        else:
            then()
        await forever()

    class Link(GenServer[None]):
        def init(self, arg: Any, /) -> Ok[None]:
            process.send(process.current(), arg)
            return Ok(None)

        async def handle_info(self, message: Any, state: None, /) -> Any:
            del state
            await link(*message)

    async def chain(count: int) -> None:
        ended = asyncio.get_running_loop().create_future()
        process.spawn(link, count, lambda: ended.set_result(None))
        await ended

    await kept(lambda: chain(FEW))
    few = await kept(lambda: chain(FEW))
    lots = await kept(lambda: chain(5 * FEW))
    assert lots < few * 5 * 1.3
    assert max(0 if one.lineage is None else one.lineage.depth for one in node.processes.values()) <= MOST


async def test_the_nearest_ancestors_are_known(node: Node) -> None:
    """At least fifty ancestors are known, nearest first, whenever the chain was cut."""
    above: list[Any] = process.info(process.current(), "ancestors")
    line = [process.current(), *above]
    seen: list[tuple[list[Any], list[Any]]] = []
    ended = asyncio.get_running_loop().create_future()

    async def link(left: int) -> None:
        me = process.current()
        seen.append((process.info(me, "ancestors"), line[:NEAREST]))
        if left % 10 == 0:
            process.register(f"name {left}", me)
        line.insert(0, me if left % 10 else f"name {left}")
        if left:
            process.spawn(link, left - 1)
        else:
            ended.set_result(None)
        await forever()

    process.spawn(link, 3 * MOST)
    await ended
    assert len(seen) == 3 * MOST + 1
    assert all(found == wanted for found, wanted in seen)


async def test_the_nearest_callers_are_known(node: Node) -> None:
    line: list[Any] = [process.current()]
    seen: list[tuple[Any, Any]] = []

    async def task(left: int) -> None:
        seen.append((Task.callers(), tuple(line[:NEAREST])))
        line.insert(0, process.current())
        if left:
            await Task.async_(task, left - 1).await_(None)

    await Task.async_(task, NEAREST + 10).await_(None)
    assert len(seen) == NEAREST + 11
    assert all(found == wanted for found, wanted in seen)


async def test_a_server_keeps_nothing_of_dead_processes(node: Node) -> None:
    """A server keeps nothing of dead processes that called, watched or linked it."""

    class Server(GenServer[None]):
        def handle_call(self, request: Any, from_: From, state: None, /) -> Reply[None]:
            del from_
            return Reply(request, state)

    pid = await Server.start()

    async def visit() -> None:
        await call(pid, "any")
        process.monitor(pid)
        process.link(pid)
        process.unlink(pid)

    async def many(count: int) -> None:
        for _ in range(count):
            _, ref = process.spawn_monitor(visit)
            assert (await process.receive(Down)).ref is ref

    few = await least_kept(lambda: many(FEW))
    lots = await least_kept(lambda: many(5 * FEW))
    assert lots - few < 4 * FEW * LESS
