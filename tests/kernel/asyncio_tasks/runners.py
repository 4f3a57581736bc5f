"""Processes in which asyncio's tasks run."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, TypeAlias

import pytest

from regrow import GenServer, NoReply, Reply, call

Inside: TypeAlias = Callable[[Callable[[], Awaitable[Any]]], Awaitable[Any]]


real = pytest.mark.regrow(clock="real")


class Runner(GenServer[int]):
    """A server that runs the function it is sent inside an `async def` callback."""

    async def handle_call(self, request: Any, _from: object, state: int) -> Reply[int]:
        return Reply(await request(), state + 1)

    async def handle_cast(self, request: Any, state: int) -> NoReply[int]:
        await request()
        return NoReply(state + 1)


class Adder(GenServer[int]):
    """A server that adds the numbers it is sent."""

    def handle_call(self, request: Any, _from: object, state: int) -> Reply[int]:
        return Reply(state + request, state + request)


async def in_a_process(function: Callable[[], Awaitable[Any]]) -> Any:
    return await function()


async def in_a_callback(function: Callable[[], Awaitable[Any]]) -> Any:
    return await call(await Runner.start_link(0), function, None)


everywhere = pytest.mark.parametrize("inside", [in_a_process, in_a_callback])
