"""A client that keeps the pid of a server, which crashes and is restarted with the same name."""

from __future__ import annotations

import contextlib
from typing import Any

from regrow import CallExit, Down, From, GenServer, Ok, Reply, Supervisor, call, cast, process
from regrow.testing import expect_idle


class Counter(GenServer[int], named=True):
    """A server that counts, and crashes on request."""

    def init(self, _arg: Any) -> Any:
        return Ok(0)

    def handle_call(self, _request: Any, _from: From, count: int) -> Any:
        return Reply(count + 1, count + 1)

    def handle_cast(self, request: Any, _count: int) -> Any:
        raise ValueError(request)


async def client() -> None:
    pid = process.whereis(Counter)
    if pid is not None:
        await call(pid, "add")


async def safe_client() -> None:
    for _ in range(3):
        with contextlib.suppress(CallExit):
            await call(Counter, "add")
            return
        await expect_idle()
    raise AssertionError("nobody counts")


async def count_one(use: Any) -> None:
    await Supervisor.start_link([Counter])
    process.spawn_monitor(use)
    process.spawn(lambda: cast(Counter, "crash"))
    down = await process.receive(Down)
    assert down.reason == "normal", f"a client has ended with {down.reason!r}"


async def scenario() -> None:
    await count_one(client)


async def correct() -> None:
    await count_one(safe_client)
