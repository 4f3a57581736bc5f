"""The contract of `kernel/peer.py`: the rules between two nodes, whatever carries the signals between them."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from regrow import (
    CalleeExit,
    CallTimeout,
    Down,
    Exited,
    From,
    GenServer,
    Node,
    NoProcess,
    NoReply,
    Pid,
    Reply,
    call,
    cast,
    process,
)
from regrow.kernel.coroutine_driver import COMPILED
from regrow.kernel.peer import Peer, Signal
from regrow.kernel.requests import ANSWERED, CallRequest
from regrow.kernel.signals import (
    DownSignal,
    LinkExitSignal,
    LinkSignal,
    ReplySignal,
    SendSignal,
    UnlinkAckSignal,
    UnlinkSignal,
)
from tests.contracts.peers import PEERS
from tests.kernel.nodes.nodes import Other

pytestmark = pytest.mark.regrow(clock="real", name="here")

SOON = 20.0  # seconds; more than any of these tests takes


@pytest.fixture(params=list(PEERS.values()), ids=list(PEERS))
def other(request: pytest.FixtureRequest) -> Iterator[Other]:
    """A peer of this test's node."""
    factory: Callable[[str], Other] = request.param
    found = factory("there")
    yield found
    found.stop()


class Server(GenServer[list[Any]]):
    """A server that answers with the messages it has received, or not at all."""

    def handle_call(self, request: Any, _from: From, state: list[Any]) -> Any:
        if request == "never":
            return NoReply(state)
        if request == "end":
            raise ValueError("as asked")
        return Reply([*state, request], state)

    def handle_cast(self, request: Any, state: list[Any]) -> Any:
        return NoReply([*state, request])

    def handle_info(self, message: Any, state: list[Any]) -> Any:
        return NoReply([*state, message])


async def start(other: Other) -> Pid:
    """Start a server on the peer."""

    async def there() -> Pid:
        return await Server.start([])

    pid: Pid = await other.run(there)
    return pid


async def round_trip(other: Other) -> None:
    """Wait until the peer has handled every signal that this test has sent so far, and its answers have come."""
    server = await start(other)
    await call(server, "here")
    await asyncio.sleep(0)


# Delivery


async def test_the_signals_of_one_process_to_another_keep_their_order(node: Node, other: Other) -> None:
    server = await start(other)
    for number in range(100):
        (cast if number % 2 else process.send)(server, number)
    assert await call(server, "last") == [*range(100), "last"]


async def test_an_exit_does_not_overtake_a_message(node: Node, other: Other) -> None:
    async def collector(to: Pid) -> None:
        process.trap_exit(True)
        process.send(to, "ready")
        for _ in range(3):
            process.send(to, await process.receive())

    there = await other.spawn(collector, process.current())
    assert await process.receive(timeout=SOON) == "ready"
    process.send(there, "first")
    process.exit(there, "second")
    process.send(there, "third")
    got = [await process.receive(timeout=SOON) for _ in range(3)]
    assert got == ["first", Exited(process.current(), "second"), "third"]


async def test_signals_are_handled_in_the_peers_own_thread(node: Node, other: Other) -> None:
    seen: list[int] = []

    async def where() -> None:
        await process.receive()
        seen.append(threading.get_ident())

    there = await other.spawn(where)
    process.send(there, "look")
    ref = process.monitor(there)
    assert (await process.receive(Down, timeout=SOON)).ref == ref
    assert seen == [other.thread.ident]


async def test_deliver_does_not_wait_and_returns_whether_the_peer_runs(node: Node, other: Other) -> None:
    there = await other.spawn(process.sleep, None)
    blocked = threading.Event()
    other.node.loop.call_soon_threadsafe(blocked.wait, SOON)
    try:
        assert there.node.deliver(SendSignal(node.guest, there, "message")) is True  # though its thread is busy
    finally:
        blocked.set()
    assert there.node.is_up()
    assert not there.node.is_here()
    assert node.is_here()
    other.stop()
    assert there.node.deliver(SendSignal(node.guest, there, "message")) is False
    assert not there.node.is_up()


async def test_a_message_is_not_evaluated_in_transit(node: Node, other: Other) -> None:
    """A message arrives as it was sent: no text is run, no `__reduce__` is called, and nothing is compared."""

    class Trap:
        def __reduce__(self) -> Any:
            raise AssertionError("unpickled or copied")

        def __eq__(self, other: object) -> bool:
            raise AssertionError("compared")

        __hash__ = None  # type: ignore[assignment]

        def __call__(self, *_: object) -> None:
            raise AssertionError("called")

    server = await start(other)
    process.send(server, Trap())
    process.send(server, "__import__('os').abort()")
    process.exit(server, "normal")
    last = await call(server, "last")
    assert type(last[0]) is Trap
    assert last[1:] == ["__import__('os').abort()", "last"]


# Links


@pytest.mark.parametrize("reason", ["oops", ("shutdown", "word"), "kill"])
async def test_a_link_carries_the_reason_of_an_end(node: Node, other: Other, reason: Any) -> None:
    process.trap_exit(True)
    there = await other.spawn(process.sleep, None)
    process.link(there)
    process.exit(there, reason)
    assert await process.receive(timeout=SOON) == Exited(there, "killed" if reason == "kill" else reason)


async def test_a_link_to_a_dead_process_is_noproc(node: Node, other: Other) -> None:
    process.trap_exit(True)
    there = await other.spawn(int)
    await round_trip(other)
    process.link(there)
    assert await process.receive(timeout=SOON) == Exited(there, "noproc")


async def test_an_unlink_ends_a_link_at_both_ends(node: Node, other: Other) -> None:
    there = await other.spawn(process.sleep, None)
    process.link(there)
    process.unlink(there)
    process.exit(there, "kill")
    await round_trip(other)
    assert process.info(process.current(), "messages") == []
    assert there not in process.info(process.current(), "links")


async def test_a_link_that_crosses_an_unlink_is_older_than_it(node: Node, other: Other) -> None:
    """OTP's table: a link signal that comes before the acknowledgement of an unlink does not count."""
    there, me = await other.spawn(process.sleep, None), process.current()
    process.link(there)
    await round_trip(other)
    blocked = threading.Event()
    other.node.loop.call_soon_threadsafe(blocked.wait, SOON)
    process.unlink(there)
    node.deliver(LinkSignal(there, me))  # the link was in transit when the unlink was sent
    await asyncio.sleep(0.01)
    blocked.set()
    await round_trip(other)
    assert there not in process.info(me, "links")
    node.deliver(LinkSignal(there, me))  # the acknowledgement has come: this link is new
    await asyncio.sleep(0.01)
    assert there in process.info(me, "links")


@pytest.mark.skipif(COMPILED, reason="an interpreted class cannot inherit from the compiled `Peer`")
async def test_an_unlink_is_acknowledged_even_by_a_dead_process(node: Node, other: Other) -> None:
    there = await other.spawn(int)
    await round_trip(other)
    sent: list[Signal] = []

    class Wire(Peer):
        name, number = "wire", 99

        def deliver(self, signal: Signal) -> bool:
            sent.append(signal)
            return True

    ghost = Pid(Wire(), 1)  # a process of a third node
    unlink = UnlinkSignal(ghost, there, process.make_ref())
    other.node.deliver(unlink)
    other.node.deliver(LinkSignal(ghost, there))
    await round_trip(other)
    ack, gone = sent
    assert type(ack) is UnlinkAckSignal
    assert ack.id is unlink.id
    assert ack.target is ghost
    assert type(gone) is LinkExitSignal
    assert (gone.reason, gone.target) == ("noproc", ghost)


async def test_the_end_of_a_removed_link_has_no_effect(node: Node, other: Other) -> None:
    there = await other.spawn(process.sleep, None)
    node.deliver(LinkExitSignal(there, process.current(), "oops"))
    await asyncio.sleep(0.01)
    assert process.info(process.current(), "messages") == []


# Monitors


async def test_a_monitor_fires_once_with_the_reason(node: Node, other: Other) -> None:
    there = await other.spawn(process.sleep, None)
    ref = process.monitor(there)
    process.exit(there, "oops")
    assert await process.receive(timeout=SOON) == Down(ref, there, "oops")
    node.deliver(DownSignal(there, process.current(), ref, "again"))
    await round_trip(other)
    assert process.info(process.current(), "messages") == []


async def test_a_monitor_of_a_dead_process_is_noproc(node: Node, other: Other) -> None:
    there = await other.spawn(int)
    await round_trip(other)
    ref = process.monitor(there)
    assert await process.receive(timeout=SOON) == Down(ref, there, "noproc")


async def test_a_removed_monitor_does_not_fire(node: Node, other: Other) -> None:
    there = await other.spawn(process.sleep, None)
    ref = process.monitor(there)
    assert process.demonitor(ref, info=True)
    process.exit(there, "kill")
    await round_trip(other)
    assert process.info(process.current(), "messages") == []


async def test_a_down_does_not_overtake_the_messages_before_it(node: Node, other: Other) -> None:
    async def speaker(to: Pid) -> None:
        await process.receive()
        for number in range(10):
            process.send(to, number)

    there = await other.spawn(speaker, process.current())
    process.monitor(there)
    process.send(there, "go")
    got = [await process.receive(timeout=SOON) for _ in range(11)]
    assert got[:10] == list(range(10))
    assert type(got[10]) is Down


# Calls


async def test_a_call_is_answered_or_fails_with_the_reason(node: Node, other: Other) -> None:
    server = await start(other)
    assert await call(server, "request") == ["request"]
    with pytest.raises(CalleeExit, match="as asked"):
        await call(server, "end")
    with pytest.raises(NoProcess):
        await call(server, "request")


async def test_a_late_reply_is_dropped_and_the_server_no_longer_watched(node: Node, other: Other) -> None:
    server = await start(other)
    with pytest.raises(CallTimeout):
        await call(server, "never", timeout=0.01)
    await round_trip(other)
    assert process.info(server, "monitored_by") == []
    request = CallRequest(process.current(), "request")
    node.deliver(ReplySignal(process.current(), request, ANSWERED, "first"))
    node.deliver(ReplySignal(process.current(), request, ANSWERED, "second"))
    await asyncio.sleep(0.01)
    assert request.answer == "first"
    assert process.info(process.current(), "messages") == []


async def test_a_cancelled_call_is_no_longer_watched(node: Node, other: Other) -> None:
    server = await start(other)
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.05):
            await call(server, "never", timeout=None)
    await round_trip(other)
    assert process.info(server, "monitored_by") == []


# A peer that ends


async def test_links_monitors_and_calls_end_with_the_peer(node: Node, other: Other) -> None:
    process.trap_exit(True)
    there, server = await other.spawn(process.sleep, None), await start(other)
    process.link(there)
    ref = process.monitor(there)
    waiting = asyncio.ensure_future(call(server, "never", timeout=None))
    await round_trip(other)
    await asyncio.to_thread(other.stop)
    got = [await process.receive(timeout=SOON) for _ in range(2)]
    assert {type(message) for message in got} == {Exited, Down}
    assert all(message.pid is there for message in got)
    assert ref in [getattr(message, "ref", None) for message in got]
    with pytest.raises(CalleeExit):
        await waiting


async def test_a_request_to_a_peer_that_has_ended_is_noconnection(node: Node, other: Other) -> None:
    process.trap_exit(True)
    there = await other.spawn(process.sleep, None)
    await asyncio.to_thread(other.stop)
    process.send(there, "dropped")
    assert process.exit(there, "dropped")
    process.link(there)
    assert await process.receive(timeout=SOON) == Exited(there, "noconnection")
    with pytest.raises(CalleeExit) as caught:
        await call(there, "request")
    assert caught.value.reason[0] == ("nodedown", "there")
