"""casty: virtual actors; a message is serialised even within one process."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Any

from casty import ActorSystem, Askable, Context, actor

from benchmarks.measure import Figures, Growth, Stopwatch, main, measures

CLIENTS = 100
RING = 100
PLACE: dict[str, Any] = {}  # an actor reaches others through its system


@dataclass(frozen=True)
class Add(Askable[int]):
    amount: int


@dataclass(frozen=True)
class Hop:
    left: int


@actor(initial=0)
async def counter(context: Context[int, Add]) -> None:
    count = context.state.value
    async for message in context.inbox:
        count += message.amount
        message.reply_to.tell(count)


@actor(initial=0)
async def ringer(context: Context[int, Hop]) -> None:
    following = PLACE["system"].ref(ringer, str((int(context.key) + 1) % RING))
    async for message in context.inbox:
        if message.left:
            following.tell(Hop(message.left - 1))
        else:
            PLACE["done"].set_result(None)


@measures("call")
async def call(count: int) -> Figures:
    async with ActorSystem() as system:
        server = system.ref(counter, "a")
        await server.ask(Add(0))
        with Stopwatch() as watch:
            for _ in range(count):
                await server.ask(Add(1))
        return watch.rate(count)


@measures("cast")
async def cast(count: int) -> Figures:
    async with ActorSystem() as system:
        server = system.ref(counter, "a")
        await server.ask(Add(0))
        with Stopwatch() as watch:
            for _ in range(count):
                server.tell(Add(1))
            assert await server.ask(Add(0)) == count
        return watch.rate(count)


@measures("clients")
async def clients(count: int) -> Figures:
    async with ActorSystem() as system:
        server = system.ref(counter, "a")
        await server.ask(Add(0))

        async def client() -> None:
            for _ in range(count // CLIENTS):
                await server.ask(Add(1))

        with Stopwatch() as watch:
            await asyncio.gather(*(client() for _ in range(CLIENTS)))
        return watch.rate(count)


@measures("ring")
async def ring(count: int) -> Figures:
    async with ActorSystem() as system:
        PLACE["system"], PLACE["done"] = system, asyncio.get_running_loop().create_future()
        with Stopwatch() as watch:
            system.ref(ringer, "0").tell(Hop(count))
            await PLACE["done"]
        return watch.rate(count)


@measures("start_link", "memory idle")
async def start(count: int) -> Figures:
    system = ActorSystem()
    await system.__aenter__()
    await system.ref(counter, "first").ask(Add(0))
    with Growth() as growth:
        servers = [system.ref(counter, str(number)) for number in range(count)]
        for server in servers:
            server.tell(Add(1))
        assert await servers[-1].ask(Add(7)) == 8
    return growth.of_each(count)


if __name__ == "__main__":
    main(lambda function, size: asyncio.run(function(size)))
