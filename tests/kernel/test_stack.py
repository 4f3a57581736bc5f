"""A server does not depend on its caller's depth: nearly the whole stack is free for it."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from regrow import CalleeExit, Down, From, GenServer, Node, Ok, Pid, Reply, Task, call, process
from regrow.kernel import stack_depth
from regrow.kernel.stack_depth import FramesCounted, gauge

LEFT = 70  # the frames that a deep caller has for its own call
NEEDS = 600  # the frames that a server needs


def down(frames: int) -> int:
    """Use this many frames."""
    return down(frames - 1) + 1 if frames else 0


async def deep(function: Callable[[], Awaitable[Any]], left: int = LEFT) -> Any:
    """Await a function where this much of the stack is left."""
    return await (function() if gauge().value <= left else deep(function, left))


class Server(GenServer[int]):
    """A server that needs stack in each callback, and counts the calls."""

    def init(self, arg: int, /) -> Ok[int]:
        return Ok(down(NEEDS) - NEEDS + arg)

    def handle_call(self, request: Any, from_: From, count: int, /) -> Reply[int]:
        del from_
        down(NEEDS)
        return Reply(request, count + 1)


class AsyncServer(Server):
    """A server that needs stack in each `async def` callback."""

    async def handle_call(self, request: Any, from_: From, count: int, /) -> Reply[int]:  # type: ignore[override]
        return super().handle_call(request, from_, count)


EAGER = sys.version_info >= (3, 12)
KINDS = ["process", "adopted", "plain task", "eager"]


async def in_a_task(kind: str, function: Callable[[], Awaitable[Any]]) -> Any:
    """Run a function in a process, an adopted task, a plain task, or an eager task of a process; return its result."""
    if kind == "process":
        return await Task.async_(function).await_()

    async def adopted() -> Any:
        async with process.adopt():
            return await function()

    async def plain() -> Any:
        return await function()

    if kind == "eager":
        if not EAGER:
            pytest.skip("asyncio starts no task eagerly before Python 3.12")
        made: Any = asyncio.Task
        return await deep(lambda: made(plain(), loop=asyncio.get_running_loop(), eager_start=True), 2 * LEFT)
    return await asyncio.create_task(adopted() if kind == "adopted" else plain())


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("server", [Server, AsyncServer])
async def test_a_server_may_be_called_from_deep_in_a_recursion(node: Node, server: type[Server], kind: str) -> None:
    pid = await server.start(0)
    assert await in_a_task(kind, lambda: deep(lambda: call(pid, "from below"))) == "from below"
    assert process.alive(pid)
    assert await call(pid, "again") == "again"


@pytest.mark.parametrize("kind", KINDS)
async def test_a_server_may_be_called_by_name_from_deep_in_a_recursion(node: Node, kind: str) -> None:
    await Server.start(0, name="server")
    assert await in_a_task(kind, lambda: deep(lambda: call("server", "from below"))) == "from below"


@pytest.mark.parametrize("kind", KINDS)
async def test_a_server_may_be_started_from_deep_in_a_recursion(node: Node, kind: str) -> None:
    pid = await in_a_task(kind, lambda: deep(lambda: Server.start(0)))
    assert await call(pid, "up") == "up"


async def test_a_task_may_be_awaited_from_deep_in_a_recursion(node: Node) -> None:
    assert await deep(lambda: Task.async_(down, NEEDS).await_()) == NEEDS


async def test_the_server_at_the_end_of_a_chain_has_stack_left(node: Node) -> None:
    """Each of sixteen servers is called from a somewhat deeper frame."""

    class Link(GenServer[Pid]):
        async def handle_call(self, request: Any, from_: From, state: Pid, /) -> Reply[Pid]:
            del from_
            return Reply(await self.further(5, state, request), state)

        async def further(self, frames: int, state: Pid, request: Any) -> Any:
            return await (self.further(frames - 1, state, request) if frames else call(state, request))

    last = await Server.start(0)
    for _ in range(16):
        last = await Link.start(last)
    assert await call(last, "any") == "any"


async def test_a_server_has_nine_tenths_of_the_stack(node: Node) -> None:
    """The stack that a server may use differs by a tenth at most, however it is called."""
    has: list[int] = []

    class Measures(GenServer[None]):
        def handle_call(self, request: Any, from_: From, state: None, /) -> Reply[None]:
            del from_
            has.append(gauge().value)
            return Reply(request, state)

    pid = await Measures.start()
    for frames in range(0, sys.getrecursionlimit() - 300, 7):
        await deeper(frames, lambda: call(pid, "any"))
    assert max(has) - min(has) <= sys.getrecursionlimit() // stack_depth.SHARE + 30


async def deeper(frames: int, function: Callable[[], Awaitable[Any]]) -> Any:
    """Await a function this many frames further down."""
    return await (deeper(frames - 1, function) if frames else function())


async def test_a_call_from_a_shallow_frame_is_handed_over(node: Node) -> None:
    """The rule costs an ordinary call nothing."""
    pid = await Server.start(0)
    turns = 0

    def count() -> None:
        nonlocal turns
        turns += 1

    asyncio.get_running_loop().call_soon(count)
    for frames in range(20):
        assert await deeper(frames, lambda: call(pid, "any")) == "any"
    assert turns == 0


async def test_a_server_that_needs_too_much_ends(node: Node) -> None:
    """A server that needs more than Python's whole stack ends, and its caller gets the reason."""

    class Greedy(GenServer[None]):
        def handle_call(self, request: Any, from_: From, state: None, /) -> Reply[None]:
            del from_
            down(sys.getrecursionlimit())
            return Reply(request, state)

    pid = await Greedy.start()
    ref = process.monitor(pid)
    with pytest.raises(CalleeExit) as raised:
        await call(pid, "any")
    assert isinstance(raised.value.reason[0], RecursionError)
    assert (await process.receive(Down)).ref is ref
    assert node.scheduler.depth == 0


def test_the_stack_gauge_counts_calls() -> None:
    """Python's own count and the frames agree, before and after the limit is changed."""
    limit = sys.getrecursionlimit()

    def both() -> tuple[int, int]:
        return gauge().value, FramesCounted().value

    def differ(frames: int) -> tuple[int, int]:
        if frames:
            return differ(frames - 1)
        return both()

    try:
        for other in (limit, limit + 500):
            sys.setrecursionlimit(other)
            kept, counted = both()
            kept_below, counted_below = differ(9)
            assert kept - kept_below == counted - counted_below == 10
            assert other - kept < limit
    finally:
        sys.setrecursionlimit(limit)
    assert type(gauge()).__name__ == "c_int"


def test_the_frames_are_counted_without_pythons_count(monkeypatch: pytest.MonkeyPatch) -> None:
    """The test simulates a Python whose count is not found."""

    async def main() -> None:
        async with Node() as other:
            assert isinstance(other.scheduler.stack, FramesCounted)
            pid = await Server.start(0)
            assert await deep(lambda: call(pid, "from below")) == "from below"
            assert await call(pid, "again") == "again"

    monkeypatch.setattr(stack_depth, "_kept_by_python", lambda: None)
    asyncio.run(main())
