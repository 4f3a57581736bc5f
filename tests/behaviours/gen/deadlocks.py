"""Servers that call each other."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from regrow import (
    From,
    GenServer,
    Node,
    NoReply,
    Reply,
    VirtualClock,
    call,
    process,
)

HAND_OVER = pytest.mark.parametrize("hand_over", [True, False], ids=["handed over", "queued"])


LATER = object()  # another process answers


class Doer(GenServer[Any]):
    """A server that runs the function it is sent, and replies with the result."""

    async def handle_call(self, request: Any, from_: From, state: Any, /) -> Any:
        result: object = await request(from_)
        return NoReply(state) if result is LATER else Reply(result, state)

    async def handle_cast(self, request: Any, state: Any, /) -> Any:
        await request()
        return NoReply(state)

    async def handle_continue(self, arg: Any, state: Any, /) -> Any:
        return await self.handle_cast(arg, state)

    def handle_info(self, _message: Any, state: Any, /) -> Any:
        return NoReply(state)


def asking(*path: Any, timeout: float | None = 5.0) -> Callable[[object], Awaitable[Any]]:
    """Return a request that lets the first server of the path call the second, and so on."""

    async def ask(_from: object) -> Any:
        following, *others = path
        return await call(following, asking(*others, timeout=timeout) if others else answer, timeout)

    return ask


def does(work: Callable[[], Awaitable[Any]]) -> Callable[[object], Awaitable[Any]]:
    """Return a request for a Doer that does not depend on its caller."""

    async def do(_from: object) -> Any:
        return await work()

    return do


async def answer(_from: object) -> str:
    return "answered"


def on_a_node(hand_over: bool | None, scenario: Callable[[], Awaitable[Any]], seed: int | None = None) -> Any:
    """Run a scenario as a process of a node, with or without hand-over; return its result."""

    async def outside() -> Any:
        async with Node(hand_over=hand_over, seed=seed, clock=VirtualClock()) as node:
            gone: asyncio.Future[Any] = node.loop.create_future()

            async def inside() -> None:
                try:
                    gone.set_result(await scenario())
                except BaseException as error:
                    gone.set_exception(error)

            process.spawn(inside)
            return await gone

    return asyncio.run(outside())
