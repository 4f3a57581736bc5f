"""Two limits of the kernel: hand-overs on one stack, and rounds of kills at the end of a node."""

from __future__ import annotations

import asyncio
from typing import Any, cast

from regrow import GenServer, Node, Ok, Reply, call, process
from regrow.kernel.node_shutdown import kill_all
from regrow.kernel.scheduler import DEEPEST


class Relay(GenServer[Any]):
    """Calls the next server, and answers with the deepest hand-over that any of them has seen."""

    def init(self, arg: Any) -> Any:
        return Ok(arg)

    async def handle_call(self, request: Any, _from: Any, state: Any) -> Any:
        pid = process.current()
        assert pid.process is not None
        depth = pid.process.node.scheduler.depth
        below = 0 if state is None else cast("int", await call(state, request))
        return Reply(max(depth, below), state)


async def test_a_chain_of_calls_is_handed_over_to_the_limit(node: Node) -> None:
    if node.scheduler.schedule is not None:  # then a coin decides
        return
    server: Any = None
    for _ in range(DEEPEST + 10):
        server = await Relay.start_link(server)
    await asyncio.sleep(0)  # a new turn has time for all of them
    assert await call(server, "how deep?") <= DEEPEST


def test_what_starts_while_a_node_kills_gets_its_time_too() -> None:
    released: list[str] = []

    async def second() -> None:
        try:
            await asyncio.sleep(100)
        finally:
            await asyncio.sleep(0.01)
            released.append("second")

    async def first() -> None:
        try:
            await asyncio.sleep(100)
        finally:
            process.spawn(second)
            await asyncio.sleep(0.01)
            released.append("first")

    async def main() -> None:
        async with Node() as node:
            process.spawn(first)
            await asyncio.sleep(0.01)
            await kill_all(node)
            assert len(node.processes) == 1

    asyncio.run(main())
    assert released == ["first", "second"]
