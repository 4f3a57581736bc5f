"""A server that ends after an idle timeout, at the moment at which a client calls it."""

from __future__ import annotations

import contextlib
from typing import Any

from regrow import CallExit, Down, From, GenServer, NoReply, Ok, Reply, Stop, call, process

IDLE = 0.5


class Session(GenServer[int], named=True):
    """A server that counts calls, and ends when it is idle."""

    def init(self, _arg: Any) -> Any:
        return Ok(0, IDLE)

    def handle_call(self, _request: Any, _from: From, count: int) -> Any:
        return Reply(count + 1, count + 1, IDLE)

    def handle_info(self, message: Any, count: int) -> Any:
        return Stop("normal", count) if message == "timeout" else NoReply(count, IDLE)


async def session() -> Any:
    """Return the session that runs, or start one."""
    return process.whereis(Session) or await Session.start(None)


async def client() -> None:
    for _ in range(2):
        pid = await session()
        await process.sleep(0.45)
        await call(pid, "add")


async def safe_client() -> None:
    for _ in range(2):
        while True:
            pid = await session()
            await process.sleep(0.45)
            with contextlib.suppress(CallExit):
                await call(pid, "add")
                break


async def use_twice(use: Any) -> None:
    process.spawn_monitor(use)
    down = await process.receive(Down)
    assert down.reason == "normal", f"the session of a client ended: {down.reason!r}"


async def scenario() -> None:
    await use_twice(client)


async def correct() -> None:
    await use_twice(safe_client)
