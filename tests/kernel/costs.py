"""Counters of the steps, callbacks and allocations that a piece of work takes."""

from __future__ import annotations

import asyncio
import gc
import sys
import tracemalloc
from collections.abc import Awaitable, Callable
from typing import Any
from typing import cast as cast_to

from regrow import (
    CallReturn,
    CastReturn,
    From,
    GenServer,
    Node,
    NoReply,
    Reply,
    VirtualClock,
    process,
    reply,
)
from regrow.testing import run_as_process

MANY = 100


class Counter(GenServer[int]):
    """A server that counts; it answers "later" only on request."""

    def handle_call(self, request: Any, from_: From, count: int) -> CallReturn[int]:
        if request == "later":
            process.put("from", [*process.get("from", []), from_])
            return NoReply(count)
        return Reply(count, count + 1)

    def handle_cast(self, request: Any, count: int) -> CastReturn[int]:
        if request == "answer":
            for from_ in process.get("from"):
                reply(from_, "answered")
        return NoReply(count + 1)


class AsyncCounter(GenServer[int]):
    """A `Counter` whose callbacks are `async def`."""

    async def handle_call(self, _request: Any, _from: From, count: int) -> Reply[int]:
        return Reply(count, count + 1)


class Costs:
    """The requests that were made to the event loop."""

    def __init__(self) -> None:
        self.callbacks = 0
        self.timers = 0

    def loop(self) -> asyncio.AbstractEventLoop:
        """Return a loop of the kind that these tests run on, which counts its requests."""
        costs = self
        plain = asyncio.new_event_loop()
        plain.close()

        kind: Any = type(plain)

        class Counting(kind):  # type: ignore[misc]
            def call_soon(self, *args: Any, **options: Any) -> Any:
                costs.callbacks += 1
                return kind.call_soon(self, *args, **options)

            def call_later(self, *args: Any, **options: Any) -> Any:
                costs.timers += 1
                return kind.call_later(self, *args, **options)

        return cast_to("asyncio.AbstractEventLoop", Counting())


def counted(test: Callable[[Node, Costs], Awaitable[None]], *, clock: bool = True) -> None:
    """Run a test as a process, on a loop that counts; without the virtual clock, on real time, without waits."""
    costs = Costs()
    node = Node(clock=VirtualClock()) if clock else Node()
    with asyncio.Runner(loop_factory=costs.loop) as runner:
        runner.run(run_as_process(node, test, {"node": node, "costs": costs}))


async def steps_of(node: Node, costs: Costs, work: Callable[[], Awaitable[object]], *, callbacks: int = 0) -> int:
    """Return the steps of all processes while this coroutine runs; check the number of callbacks of the loop."""
    before, steps = costs.callbacks, node.scheduler.steps
    await work()
    assert costs.callbacks - before <= callbacks  # a loop that asks when the clock may move needs none for it
    return steps - node.scheduler.steps


async def peak_of(work: Callable[[], Awaitable[object]]) -> int:
    """Return the peak of bytes in use, beyond those in use before; the second run counts."""
    await work()
    gc.collect()
    tracemalloc.start()
    try:
        before, _ = tracemalloc.get_traced_memory()
        await work()
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    return peak - before


async def blocks_left(work: Callable[[], Awaitable[object]]) -> int:
    """Return the blocks left after an action: the least of some rounds, for Python's caches grow, too."""
    left: list[int] = []
    for _ in range(5):
        gc.collect()
        before = sys.getallocatedblocks()
        await work()
        gc.collect()
        left.append(sys.getallocatedblocks() - before)
    return min(left)
