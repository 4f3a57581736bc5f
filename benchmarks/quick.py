"""A first small benchmark: `python -m benchmarks.quick`, in about ten seconds.

Times are best of several interleaved rounds; read the ratios, for a machine is never quiet.
"""

from __future__ import annotations

import asyncio
import gc
import os
import statistics
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import regrow
from regrow import GenServer, Node, NoReply, Reply, call, cast, process
from regrow.behaviours.gen_server import CallReturn, CastReturn, From

CALLS = 30_000
ROUNDS = 5
SERVERS = 50_000


class Counter(GenServer[int]):
    def handle_call(self, request: object, from_: From, count: int) -> CallReturn[int]:
        return Reply(count, count + 1)

    def handle_cast(self, request: object, count: int) -> CastReturn[int]:
        return NoReply(count + 1)


class AsyncCounter(GenServer[int]):
    async def handle_call(self, request: object, from_: From, count: int) -> Reply[int]:
        return Reply(count, count + 1)


async def two_tasks() -> float:
    """The floor that people write by hand: a task with a Queue, and a Future for the answer."""
    loop = asyncio.get_running_loop()
    queue: asyncio.Queue[tuple[int, asyncio.Future[int]]] = asyncio.Queue()

    async def server() -> None:
        count = 0
        while True:
            number, answer = await queue.get()
            count += number
            answer.set_result(count)

    task = asyncio.create_task(server())
    await asyncio.sleep(0)
    begin = time.perf_counter()
    for _ in range(CALLS):
        answer: asyncio.Future[int] = loop.create_future()
        queue.put_nowait((1, answer))
        await answer
    spent = time.perf_counter() - begin
    task.cancel()
    return spent / CALLS


async def calls(server: Any) -> float:
    begin = time.perf_counter()
    for _ in range(CALLS):
        await call(server, 1)
    return (time.perf_counter() - begin) / CALLS


async def casts(server: Any) -> float:
    begin = time.perf_counter()
    for _ in range(CALLS):
        cast(server, 1)
    await call(server, 1)
    return (time.perf_counter() - begin) / CALLS


async def as_process(function: Callable[[Any], Awaitable[float]], server: Any) -> float:
    """Run a measurement in a process of its own."""
    measured: asyncio.Future[float] = asyncio.get_running_loop().create_future()

    async def measure() -> None:
        measured.set_result(await function(server))

    process.spawn(measure)
    return await measured


def resident() -> int:
    """Bytes of memory that this program has in use."""
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


async def bytes_a_server() -> float:
    """Growth of resident memory over many idle servers, after a collection."""
    for _ in range(1000):
        await Counter.start(0)
    gc.collect()
    before = resident()
    gc.disable()
    for _ in range(SERVERS):
        await Counter.start(0)
    gc.enable()
    gc.collect()
    return (resident() - before) / SERVERS


async def main() -> None:
    async with Node():
        counter, async_counter = await Counter.start(0), await AsyncCounter.start(0)
        rows: dict[str, list[float]] = {}
        for _ in range(ROUNDS):
            for name, measured in (
                ("two asyncio tasks, Queue and Future", two_tasks()),
                ("call, def", as_process(calls, counter)),
                ("call, async def", as_process(calls, async_counter)),
                ("call, def, from a plain task", calls(counter)),
                ("cast, then one call", as_process(casts, counter)),
            ):
                rows.setdefault(name, []).append(await measured)
        floor = statistics.median(rows["two asyncio tasks, Queue and Future"])
        print(f"regrow {regrow.__version__}, medians of {ROUNDS}\n")
        print(f"{'':38}{'µs':>8}{'of the floor':>14}")
        for name, spent in rows.items():
            median = statistics.median(spent)
            print(f"{name:38}{median * 1e6:8.2f}{median / floor:13.2f} ")
        if Path("/proc/self/statm").exists():
            print(f"\n{'an idle server':38}{await bytes_a_server():8.0f} bytes")


if __name__ == "__main__":
    asyncio.run(main())
