"""Calls, casts and messages."""

from __future__ import annotations

import asyncio
from typing import Any

from benchmarks.measure import Figures, Stopwatch, measures
from benchmarks.ours.servers import AsyncCounter, Counter, CountingService, Ring
from regrow import Registry, Via, call, cast, from_thread, process, send

RING = 100
CLIENTS = 100
WARM = 1000


async def calls(server: Any, count: int) -> Figures:
    """Measure this many calls, one after the other."""
    for _ in range(WARM):
        await call(server, 1)
    with Stopwatch() as watch:
        for _ in range(count):
            await call(server, 1)
    return watch.rate(count)


@measures("call")
async def by_pid(count: int) -> Figures:
    return await calls(await Counter.start(0), count)


@measures("call async")
async def by_pid_async(count: int) -> Figures:
    return await calls(await AsyncCounter.start(0), count)


@measures("call name")
async def by_name(count: int) -> Figures:
    await Counter.start(0, name="counter")
    return await calls("counter", count)


@measures("call service")
async def of_a_service(count: int) -> Figures:
    counter = await CountingService.start()
    for _ in range(WARM):
        await counter.add(1)
    with Stopwatch() as watch:
        for _ in range(count):
            await counter.add(1)
    return watch.rate(count)


@measures("call registry")
async def by_registry(count: int) -> Figures:
    await Registry.start_link(keys="unique", name="counters")
    address = Via("counters", 7)
    await Counter.start(0, name=address)
    return await calls(address, count)


@measures("call task")
async def from_a_plain_task(count: int) -> Figures:
    server = await Counter.start(0)
    return await asyncio.get_running_loop().create_task(calls(server, count))


@measures("call thread")
async def from_another_thread(count: int) -> Figures:
    server = await Counter.start(0)

    def ask() -> Figures:
        with Stopwatch() as watch:
            for _ in range(count):
                from_thread.call(server, 1)
        return watch.rate(count)

    return await asyncio.to_thread(ask)


@measures("cast")
async def casts(count: int) -> Figures:
    """Measure this many casts, then one call that follows them."""
    server = await Counter.start(0)
    with Stopwatch() as watch:
        for _ in range(count):
            cast(server, 1)
        assert await call(server, 0, timeout=None) == count
    return watch.rate(count)


@measures("send")
async def sends(count: int) -> Figures:
    """Measure this many messages to a process that receives them all."""

    async def receiver(asker: Any) -> None:
        for _ in range(count):
            await process.receive()
        send(asker, "done")

    with Stopwatch() as watch:
        pid = process.spawn(receiver, process.current())
        for number in range(count):
            send(pid, number)
        await process.receive()
    return watch.rate(count)


@measures("clients")
async def clients(count: int) -> Figures:
    """Measure a hundred clients of one server."""
    server, me = await Counter.start(0), process.current()

    async def client() -> None:
        for _ in range(count // CLIENTS):
            await call(server, 1)
        send(me, "done")

    with Stopwatch() as watch:
        for _ in range(CLIENTS):
            process.spawn(client)
        for _ in range(CLIENTS):
            await process.receive()
    return watch.rate(count)


@measures("ring")
async def ring_of_servers(count: int) -> Figures:
    """Send a cast around a ring of a hundred servers."""
    ring = [await Ring.start(None) for _ in range(RING)]
    for number, pid in enumerate(ring):
        await call(pid, ring[(number + 1) % RING])
    with Stopwatch() as watch:
        cast(ring[0], (count, process.current()))
        await process.receive()
    return watch.rate(count)


@measures("ring of processes")
async def ring_of_processes(count: int) -> Figures:
    """Send a message around a ring of a hundred processes."""

    async def hand_on(following: Any) -> None:
        while True:
            send(following, await process.receive())

    me = process.current()
    first = me
    for _ in range(RING - 1):
        first = process.spawn(hand_on, first)
    rounds = count // RING
    with Stopwatch() as watch:
        for number in range(rounds):
            send(first, number)
            await process.receive()
    return watch.rate(rounds * RING)
