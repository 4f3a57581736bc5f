"""Whoever wants may listen to what the kernel does."""

from __future__ import annotations

from typing import Any

from regrow import From, GenServer, Node, NoReply, Reply, call, cast, process
from regrow.kernel.trace import Trace


class Quiet(GenServer[None]):
    """Takes what comes."""

    def handle_call(self, request: Any, _from: From, state: None) -> Any:
        return Reply(request, state)

    def handle_cast(self, _request: Any, state: None) -> Any:
        return NoReply(state)

    handle_info = handle_cast


async def test_trace_points(node: Node) -> None:
    """Whoever listens is told of spawns, sends, replies, names, links and ends; one that raises listens no more."""
    told: list[str] = []
    trace = node.trace = Trace()

    def listen(point: str, who: object, whom: object, what: object) -> None:
        told.append(point)

    def broken(point: str, who: object, whom: object, what: object) -> None:
        raise ValueError(point)

    trace.listeners[listen] = None
    trace.listeners[broken] = None
    server = await Quiet.start_link(name="quiet")
    assert await call(server, 1) == 1
    cast(server, 2)
    process.send(server, 3)
    process.unlink(server)
    process.exit(server, "kill")
    node.trace = None
    assert {"spawn", "register", "link", "send", "reply", "exit"} <= set(told)
    assert told.count("send") == 3
    assert list(trace.listeners) == [listen]
