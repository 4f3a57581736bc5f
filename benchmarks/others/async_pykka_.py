"""async-pykka: pykka's interface on one asyncio loop, a task for each actor."""

from __future__ import annotations

import asyncio
from typing import Any

import async_pykka

from benchmarks.measure import Figures, Growth, Stopwatch, main, measures

CLIENTS = 100
RING = 100


class Counter(async_pykka.AsyncioActor):
    def __init__(self) -> None:
        super().__init__()
        self.count = 0

    async def on_receive(self, message: int) -> int:
        self.count += message
        return self.count


class Ring(async_pykka.AsyncioActor):
    async def on_receive(self, message: Any) -> None:
        match message:
            case (following, done):
                self.following, self.done = following, done
            case 0:
                self.done.set_result(None)
            case left:
                self.following.tell(left - 1)


@measures("call")
async def call(count: int) -> Figures:
    server = Counter.start()
    with Stopwatch() as watch:
        for _ in range(count):
            await server.ask(1).get()
    return watch.rate(count)


@measures("cast")
async def cast(count: int) -> Figures:
    server = Counter.start()
    with Stopwatch() as watch:
        for _ in range(count):
            server.tell(1)
        assert await server.ask(0).get() == count
    return watch.rate(count)


@measures("clients")
async def clients(count: int) -> Figures:
    server = Counter.start()

    async def client() -> None:
        for _ in range(count // CLIENTS):
            await server.ask(1).get()

    with Stopwatch() as watch:
        await asyncio.gather(*(client() for _ in range(CLIENTS)))
    return watch.rate(count)


@measures("ring")
async def ring(count: int) -> Figures:
    done = asyncio.get_running_loop().create_future()
    actors = [Ring.start() for _ in range(RING)]
    for number, actor in enumerate(actors):
        await actor.ask((actors[(number + 1) % RING], done)).get()
    with Stopwatch() as watch:
        actors[0].tell(count)
        await done
    return watch.rate(count)


@measures("start_link", "memory idle")
async def start(count: int) -> Figures:
    with Growth() as growth:
        servers = [Counter.start() for _ in range(count)]
        assert await servers[-1].ask(7).get() == 7
    return growth.of_each(count)


if __name__ == "__main__":
    main(lambda function, size: asyncio.run(function(size)))
