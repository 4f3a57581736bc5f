"""xoscar: actors in Cython; here all in the main pool, which is this process."""

from __future__ import annotations

import asyncio
from typing import Any

import xoscar

from benchmarks.measure import Figures, Growth, Stopwatch, main, measures

CLIENTS = 100
RING = 100
PLACE: dict[str, Any] = {}


class Counter(xoscar.Actor):
    def __init__(self) -> None:
        super().__init__()
        self.count = 0

    def add(self, number: int) -> int:
        self.count += number
        return self.count


class Ring(xoscar.Actor):
    def follow(self, following: Any) -> None:
        self.following = following

    async def hop(self, left: int) -> None:
        if left:
            await self.following.hop.tell(left - 1)
        else:
            PLACE["done"].set_result(None)


async def create(kind: type, name: str) -> Any:
    """An actor of this pool."""
    if "pool" not in PLACE:
        PLACE["pool"] = await xoscar.create_actor_pool("127.0.0.1", n_process=0)
        await PLACE["pool"].start()
    return await xoscar.create_actor(kind, address=PLACE["pool"].external_address, uid=name)


@measures("call")
async def call(count: int) -> Figures:
    server = await create(Counter, "a")
    with Stopwatch() as watch:
        for _ in range(count):
            await server.add(1)
    return watch.rate(count)


@measures("cast")
async def cast(count: int) -> Figures:
    server = await create(Counter, "a")
    with Stopwatch() as watch:
        for _ in range(count):
            await server.add.tell(1)
        while await server.add(0) != count:  # noqa: ASYNC110 - a call overtakes what was told before
            await asyncio.sleep(0)
    return watch.rate(count)


@measures("clients")
async def clients(count: int) -> Figures:
    server = await create(Counter, "a")

    async def client() -> None:
        for _ in range(count // CLIENTS):
            await server.add(1)

    with Stopwatch() as watch:
        await asyncio.gather(*(client() for _ in range(CLIENTS)))
    return watch.rate(count)


@measures("ring")
async def ring(count: int) -> Figures:
    PLACE["done"] = asyncio.get_running_loop().create_future()
    actors = [await create(Ring, str(number)) for number in range(RING)]
    for number, one in enumerate(actors):
        await one.follow(actors[(number + 1) % RING])
    with Stopwatch() as watch:
        await actors[0].hop.tell(count)
        await PLACE["done"]
    return watch.rate(count)


@measures("start_link", "memory idle")
async def start(count: int) -> Figures:
    await create(Counter, "first")
    with Growth() as growth:
        servers = [await create(Counter, str(number)) for number in range(count)]
        assert await servers[-1].add(7) == 7
    return growth.of_each(count)


if __name__ == "__main__":
    main(lambda function, size: asyncio.run(function(size)))
