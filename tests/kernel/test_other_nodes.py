"""Signals between the nodes of two threads: requests by id, traces, timers."""

# pyright: reportUnknownLambdaType=false, reportUnknownArgumentType=false
from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from regrow import (
    Exited,
    From,
    GenServer,
    Node,
    NoReply,
    Pid,
    Reply,
    gen_server,
    process,
    timer,
)
from regrow.kernel.current_node import current_node
from regrow.kernel.trace import listen
from tests.kernel.nodes.nodes import Other

pytestmark = pytest.mark.regrow(clock="real", name="here")


@pytest.fixture
def there() -> Iterator[Other]:
    """Another node, named "there"."""
    found = Other("there")
    found.thread.start()
    assert found.up.wait(20)
    yield found
    found.stop()


class Server(GenServer[Any]):
    """A server that replies at once, later, or never."""

    def handle_call(self, request: Any, from_: From, state: Any, /) -> Any:
        match request:
            case "later":
                process.spawn(gen_server.reply, from_, "late")
                return NoReply(state)
            case "from a thread":
                threading.Thread(target=gen_server.reply, args=(from_, "threaded")).start()
                return NoReply(state)
            case "never":
                return NoReply(state)
            case "crash":
                raise ValueError(request)
            case _:
                return Reply(request, state)


# Requests by id


@pytest.mark.parametrize(("request_", "answer"), [("now", "now"), ("later", "late"), ("from a thread", "threaded")])
async def test_a_request_by_id_is_answered(there: Other, request_: str, answer: str) -> None:
    server = await there.run(Server.start)
    asked = gen_server.send_request(server, request_)
    assert await gen_server.receive_response(asked, 20.0) == ("reply", answer)


async def test_requests_by_id_cross_in_both_directions_and_in_a_collection(there: Other) -> None:
    server_here = await Server.start_link()
    requests = gen_server.RequestIds()
    for number in range(5):
        requests = gen_server.send_request(await there.run(Server.start), number, number, requests)
    for _ in range(5):
        (kind, value), label, requests = await gen_server.receive_response(requests, 20.0)
        assert (kind, value) == ("reply", label)

    async def ask() -> Any:
        async with process.adopt():
            return await gen_server.receive_response(gen_server.send_request(server_here, "back"), 20.0)

    assert await there.run(ask) == ("reply", "back")


async def test_the_end_of_a_server_settles_a_request_by_id(there: Other) -> None:
    server = await there.run(Server.start)
    asked = gen_server.send_request(server, "never")
    process.exit(server, "kill")
    assert await gen_server.receive_response(asked, 20.0) == ("error", ("killed", server))
    asked = gen_server.send_request(server, "never")
    assert await gen_server.receive_response(asked, 20.0) == ("error", ("noproc", server))


async def test_the_end_of_a_node_settles_a_request_by_id(there: Other) -> None:
    server = await there.run(Server.start)
    asked = gen_server.send_request(server, "never")
    await asyncio.to_thread(there.stop)
    kind, (_, who) = await gen_server.receive_response(asked, 20.0)
    assert (kind, who) == ("error", server)


async def test_an_abandoned_request_leaves_no_watcher(there: Other) -> None:
    server = await there.run(Server.start)
    asked = gen_server.send_request(server, "never")
    assert await gen_server.receive_response(asked, 0.01) == "timeout"
    await there.run(asyncio.sleep, 0)
    assert server.process.watchers is None


# Traces


async def test_each_trace_is_written_in_its_own_thread(there: Other, node: Node) -> None:
    events: list[tuple[str, int, str]] = []

    def of(name: str) -> Callable[..., None]:
        def listener(point: str, *_: object) -> None:
            events.append((point, threading.get_ident(), name))

        return listener

    listen(node, of("here"))
    await there.run(lambda: listen(current_node(), of("there")))
    server = await there.run(Server.start)
    for request in ("now", "later", "from a thread"):
        assert await gen_server.call(server, request, 20.0)
    mine = threading.get_ident()
    await there.run(asyncio.sleep, 0)
    assert events
    assert {(who, thread == mine) for _, thread, who in events} == {("here", True), ("there", False)}
    replies = [who for point, _, who in events if point == "reply"]
    assert replies.count("here") == 3
    assert replies.count("there") == 2  # only the caller sees a thread without a node


# Timers


@pytest.mark.parametrize(
    "start",
    [
        lambda pid: process.send_after(pid, "it", 0.001),
        lambda pid: process.send_after(pid, "it", 0),
        lambda pid: process.send_after(pid, "it", process.monotonic() + 0.001, abs=True),
        lambda pid: process.send_interval(pid, "it", 0.001),
        lambda pid: process.start_timer(pid, "it", 0.001),
        lambda pid: timer.send_after(0, pid, "it"),
        lambda pid: timer.send_after(0.001, pid, "it"),
    ],
)
async def test_a_timer_reaches_a_process_of_another_node(there: Other, start: Callable[[Pid], Any]) -> None:
    got: list[Any] = []
    came = threading.Event()

    async def receiver() -> None:
        got.append(await process.receive())
        came.set()

    pid = await there.run(process.spawn, receiver)
    start(pid)
    assert await asyncio.to_thread(came.wait, 20)
    assert got in (["it"], [("timeout", got[0][1], "it")])


async def test_an_exit_that_crosses_an_unlink_is_not_delivered(there: Other) -> None:
    process.trap_exit(True)
    for _ in range(20):
        pid = await there.run(process.spawn, process.sleep, None)
        process.link(pid)
        process.exit(pid, "kill")
        process.unlink(pid)
    await there.run(asyncio.sleep, 0)
    await asyncio.sleep(0)
    assert [message for message in process.info(process.current(), "messages") if isinstance(message, Exited)] == []
