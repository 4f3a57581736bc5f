"""A baseline written by hand: an asyncio task with a queue, and a future for each answer."""

from __future__ import annotations

import asyncio

from benchmarks.measure import Figures, Growth, Stopwatch, main, measures

CLIENTS = 100


class Server:
    """A counter that is alive as long as its task."""

    def __init__(self) -> None:
        self.queue: asyncio.Queue[tuple[int, asyncio.Future[int] | None]] = asyncio.Queue()
        self.task = asyncio.get_running_loop().create_task(self.serve())

    async def serve(self) -> None:
        count = 0
        while True:
            number, answer = await self.queue.get()
            count += number
            if answer is not None:
                answer.set_result(count)

    def call(self, number: int) -> asyncio.Future[int]:
        answer: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        self.queue.put_nowait((number, answer))
        return answer


@measures("call", "call async", "call task")
async def call(count: int) -> Figures:
    server = Server()
    with Stopwatch() as watch:
        for _ in range(count):
            await server.call(1)
    return watch.rate(count)


@measures("cast")
async def cast(count: int) -> Figures:
    server = Server()
    with Stopwatch() as watch:
        for _ in range(count):
            server.queue.put_nowait((1, None))
        assert await server.call(0) == count
    return watch.rate(count)


@measures("clients")
async def clients(count: int) -> Figures:
    server = Server()

    async def client() -> None:
        for _ in range(count // CLIENTS):
            await server.call(1)

    with Stopwatch() as watch:
        await asyncio.gather(*(client() for _ in range(CLIENTS)))
    return watch.rate(count)


@measures("start_link", "memory idle")
async def start(count: int) -> Figures:
    with Growth() as growth:
        servers = [Server() for _ in range(count)]
        await servers[-1].call(7)
    return growth.of_each(count)


if __name__ == "__main__":
    main(lambda function, size: asyncio.run(function(size)))
