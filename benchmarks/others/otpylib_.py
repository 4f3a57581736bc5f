"""otpylib: gen_server on its asyncio backend; servers are called by name, for by pid it does not find them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from otpylib import gen_server, process
from otpylib.gen_server.data import NoReply, Reply
from otpylib.module import GEN_SERVER, OTPModule
from otpylib.runtime import set_runtime
from otpylib.runtime.backends.asyncio_backend.backend import AsyncIOBackend

from benchmarks.measure import Figures, Growth, Stopwatch, main, measures

CLIENTS = 100
RING = 100
PLACE: dict[str, Any] = {}


class Counter(metaclass=OTPModule, behavior=GEN_SERVER, version="1.0.0"):
    async def init(self, arg: int) -> int:
        return arg

    async def handle_call(self, message: int, _from: Any, count: int) -> Any:
        return Reply(payload=count + message), count + message

    async def handle_cast(self, message: int, count: int) -> Any:
        return NoReply(), count + message

    async def handle_info(self, _message: Any, count: int) -> Any:
        return NoReply(), count

    async def terminate(self, _reason: Any, _count: int) -> None:
        pass


class Ring(metaclass=OTPModule, behavior=GEN_SERVER, version="1.0.0"):
    async def init(self, following: str) -> str:
        return following

    async def handle_call(self, _message: Any, _from: Any, following: str) -> Any:
        return Reply(payload=None), following

    async def handle_cast(self, left: int, following: str) -> Any:
        if left:
            await gen_server.cast(following, left - 1)
        else:
            PLACE["done"].set_result(None)
        return NoReply(), following

    async def handle_info(self, _message: Any, following: str) -> Any:
        return NoReply(), following

    async def terminate(self, _reason: Any, _following: str) -> None:
        pass


@measures("call")
async def call(count: int) -> Figures:
    await gen_server.start(Counter, 0, name="counter")
    with Stopwatch() as watch:
        for _ in range(count):
            await gen_server.call("counter", 1)
    return watch.rate(count)


@measures("cast")
async def cast(count: int) -> Figures:
    await gen_server.start(Counter, 0, name="counter")
    with Stopwatch() as watch:
        for _ in range(count):
            await gen_server.cast("counter", 1)
        assert await gen_server.call("counter", 0) == count
    return watch.rate(count)


@measures("clients")
async def clients(count: int) -> Figures:
    await gen_server.start(Counter, 0, name="counter")
    done = asyncio.get_running_loop().create_future()
    left = CLIENTS

    async def client() -> None:
        nonlocal left
        for _ in range(count // CLIENTS):
            await gen_server.call("counter", 1)
        left -= 1
        if not left:
            done.set_result(None)

    with Stopwatch() as watch:
        for _ in range(CLIENTS):
            await process.spawn(client)
        await done
    return watch.rate(count)


@measures("ring")
async def ring(count: int) -> Figures:
    PLACE["done"] = asyncio.get_running_loop().create_future()
    for number in range(RING):
        await gen_server.start(Ring, f"ring {(number + 1) % RING}", name=f"ring {number}")
    with Stopwatch() as watch:
        await gen_server.cast("ring 0", count)
        await PLACE["done"]
    return watch.rate(count)


@measures("start_link", "memory idle")
async def start(count: int) -> Figures:
    with Growth() as growth:
        for _ in range(count):
            await gen_server.start(Counter, 0)
    return growth.of_each(count)


def inside(function: Callable[..., Any], size: int) -> Figures:
    """Run a measurement as a process of otpylib's."""

    async def program() -> Figures:
        backend = AsyncIOBackend()
        await backend.initialize()
        set_runtime(backend)
        figures: asyncio.Future[Figures] = asyncio.get_running_loop().create_future()

        async def measure() -> None:
            try:
                figures.set_result(await function(size))
            except BaseException as error:
                figures.set_exception(error)

        await process.spawn(measure)
        return await figures

    return asyncio.run(program())


if __name__ == "__main__":
    main(inside)
