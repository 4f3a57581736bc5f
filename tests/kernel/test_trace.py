"""Listeners of the kernel's trace points."""

from __future__ import annotations

from typing import Any

from regrow import From, GenServer, Node, NoReply, Reply, call, cast, process
from regrow.kernel.trace import Trace


class Quiet(GenServer[None]):
    """A server that accepts every message."""

    def handle_call(self, request: Any, _from: From, state: None) -> Any:
        return Reply(request, state)

    def handle_cast(self, _request: Any, state: None) -> Any:
        return NoReply(state)

    handle_info = handle_cast


async def test_a_listener_gets_each_trace_point(node: Node) -> None:
    """A listener gets spawns, sends, replies, names, links and ends; one that raises is removed."""
    points: list[str] = []
    trace = node.trace = Trace()

    def listen(point: str, who: object, whom: object, what: object) -> None:
        points.append(point)

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
    assert {"spawn", "register", "link", "send", "reply", "exit"} <= set(points)
    assert points.count("send") == 3
    assert list(trace.listeners) == [listen]
