"""The latency of a call while other processes call and the loop serves sockets."""

from __future__ import annotations

import asyncio
import time
from typing import Any

from benchmarks.measure import Figures, measures, quantiles
from benchmarks.ours.servers import Counter
from regrow import call, process

BUSY = 20  # clients that call one server all the time
PAUSE = 0.001  # seconds between two calls that are measured


@measures("tail")
async def under_load(count: int) -> Figures:
    """Measure the latency of calls, and of the socket: `socket p99`."""
    server = await Counter.start(0)

    async def client() -> None:
        while True:
            await call(server, 1)

    for _ in range(BUSY):
        process.spawn(client)
    echo: list[float] = []
    task = asyncio.get_running_loop().create_task(echoes(echo))
    waits: list[float] = []
    for _ in range(count):
        await asyncio.sleep(PAUSE)
        begin = time.perf_counter()
        await call(server, 0)
        waits.append(time.perf_counter() - begin)
    task.cancel()
    return quantiles(waits) | {f"socket {name}": value for name, value in quantiles(echo).items()}


async def echoes(waits: list[float]) -> None:
    """Send one byte to an echo server of this loop, and wait for its return, repeatedly."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while byte := await reader.read(1):
            writer.write(byte)

    listening: Any = await asyncio.start_server(answer, "127.0.0.1", 0)
    reader, writer = await asyncio.open_connection(*listening.sockets[0].getsockname())
    while True:
        begin = time.perf_counter()
        writer.write(b"x")
        await reader.readexactly(1)
        waits.append(time.perf_counter() - begin)
