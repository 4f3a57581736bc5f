"""Costs beside many others, which must not depend on their number."""

from __future__ import annotations

import gc
import logging
import time
from collections.abc import Awaitable, Callable
from typing import Any, cast

from benchmarks.measure import Figures, measures, resident
from benchmarks.ours.servers import Counter
from regrow import ChildSpec, DynamicSupervisor, Pid, Registry, call, process

ROUNDS = 5
EACH = 2000


async def best(work: Callable[[int], Awaitable[None]]) -> Figures:
    """Return the fastest of several rounds as a rate, so that other programs do not count."""
    gc.collect()
    gc.freeze()  # else the collector's look at all the others is measured, at random
    spent: list[float] = []
    for number in range(ROUNDS):
        begin = time.perf_counter()
        await work(number * EACH)
        spent.append(time.perf_counter() - begin)
    return {"rate": EACH / min(spent)}


async def sleepers(count: int) -> list[Pid]:
    """Spawn this many idle processes."""
    return [await Counter.start(0) for _ in range(count)]


@measures("growth call")
async def calls(others: int) -> Figures:
    server = await Counter.start(0)
    await sleepers(others)

    async def work(_: int) -> None:
        for _ in range(EACH):
            await call(server, 1)

    return await best(work)


@measures("growth start")
async def starts(others: int) -> Figures:
    await sleepers(others)

    async def work(_: int) -> None:
        for _ in range(EACH):
            process.exit(await Counter.start(0), "kill")

    return await best(work)


@measures("growth names")
async def names(others: int) -> Figures:
    """Register, look up and unregister a name."""
    for number in range(others):
        await Counter.start(0, name=f"other {number}")
    me = process.current()

    async def work(_: int) -> None:
        for _ in range(EACH):
            process.register("mine", me)
            process.whereis("mine")
            process.unregister("mine")

    return await best(work)


@measures("growth timers")
async def timers(others: int) -> Figures:
    """Set and cancel a timer."""
    me = process.current()
    for number in range(others):
        process.send_after(me, "never", 3600 + number % 1000)

    async def work(_: int) -> None:
        for number in range(EACH):
            process.cancel_timer(process.send_after(me, "never", 60 + number % 100))

    return await best(work)


@measures("growth links")
async def links(others: int) -> Figures:
    """Link a process that has many links to one more, and unlink it."""
    for pid in await sleepers(others):
        process.link(pid)
    one = await Counter.start(0)

    async def work(_: int) -> None:
        for _ in range(EACH):
            process.link(one)
            process.unlink(one)

    return await best(work)


@measures("growth monitors")
async def monitors(others: int) -> Figures:
    """Monitor a process that has many monitors once more, and demonitor it; the watcher has many monitors, too."""
    one = await Counter.start(0)
    for pid in await sleepers(others):
        process.monitor(pid)
        process.monitor(one)

    async def work(_: int) -> None:
        for _ in range(EACH):
            process.demonitor(process.monitor(one))

    return await best(work)


@measures("growth registry")
async def registry(others: int) -> Figures:
    """Register, look up and unregister a key."""
    await Registry.start_link(keys="unique", name="table")
    for number in range(others):
        Registry.register("table", number)

    async def work(_: int) -> None:
        for _ in range(EACH):
            Registry.register("table", "mine")
            Registry.lookup("table", "mine")
            Registry.unregister("table", "mine")

    return await best(work)


@measures("growth supervisor")
async def supervisor(others: int) -> Figures:
    """Start a child, kill it, wait for its restart, and end it."""
    logging.getLogger("regrow").setLevel(logging.CRITICAL)
    supervisor = await DynamicSupervisor.start_link(max_restarts=100_000_000, max_seconds=1)
    me = process.current()

    async def start() -> Any:
        pid = await Counter.start_link(0)
        process.send(me, pid)
        return pid

    for _ in range(others):
        await DynamicSupervisor.start_child(supervisor, ChildSpec("child", start))
        await process.receive()

    async def work(_: int) -> None:
        for _ in range(EACH // 4):
            await DynamicSupervisor.start_child(supervisor, ChildSpec("child", start))
            process.exit(await process.receive(), "kill")
            await DynamicSupervisor.terminate_child(supervisor, await process.receive())

    return await best(work)


@measures("growth generations")
async def generations(others: int) -> Figures:
    """Let each process spawn the next one and end."""

    async def work(count: int) -> None:
        me = process.current()

        def generation(left: int) -> None:
            if left:
                process.spawn(generation, left - 1)
            else:
                process.send(me, "last")

        first = count == 0
        process.spawn(generation, EACH + (others if first else 0))
        await process.receive()

    async def after(count: int) -> None:
        await work(count + 1)

    await work(0)
    return await best(after)


@measures("growth chain")
async def chain(others: int) -> Figures:
    """Spawn from the last process of a long chain, in which each was spawned by the one before."""
    me = process.current()

    async def link(left: int) -> None:
        if left:
            process.spawn(link, left - 1)
            await process.receive()

        async def work(_: int) -> None:
            for _ in range(EACH):
                process.exit(process.spawn(process.receive), "kill")
                await process.sleep(0)

        process.send(me, await best(work))

    process.spawn(link, others)
    return cast(Figures, await process.receive(dict))


@measures("million")
async def idle_servers(count: int) -> Figures:
    """Measure an idle node with very many servers: its memory, and the time of a full collection."""
    server = await Counter.start(0)
    gc.collect()
    before = resident()
    await sleepers(count)
    gc.collect()
    grown = resident() - before
    pauses: dict[str, float] = {}
    begin = time.perf_counter()
    gc.collect()
    pauses["pause"] = time.perf_counter() - begin
    gc.freeze()
    begin = time.perf_counter()
    gc.collect()
    pauses["pause frozen"] = time.perf_counter() - begin
    begin = time.perf_counter()
    for _ in range(EACH):
        await call(server, 1)
    return {"gigabytes": grown / 1e9, **pauses, "rate": EACH / (time.perf_counter() - begin)}
