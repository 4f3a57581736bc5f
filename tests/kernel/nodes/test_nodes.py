"""Several nodes in one program: each has its event loop in a separate thread, and signals cross in both directions."""

from __future__ import annotations

import asyncio
import gc
import os
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from regrow import (
    CalleeExit,
    CallExit,
    CallTimeout,
    Down,
    Exit,
    Exited,
    From,
    GenServer,
    Global,
    Node,
    NoProcess,
    Pid,
    Reply,
    call,
    cast,
    from_thread,
    process,
)
from regrow.kernel.current_node import CURRENT, NODES
from tests.kernel.nodes.nodes import Other

pytestmark = pytest.mark.regrow(clock="real", name="here")


@pytest.fixture
def other() -> Iterator[Other]:
    """A node named "there" in another thread."""
    found = Other("there")
    found.thread.start()
    assert found.up.wait(20)
    yield found
    found.stop()


class Echo(GenServer[list[Any]]):
    """A server that replies, remembers, dies or does not answer."""

    def handle_call(self, request: Any, _from: From, state: list[Any]) -> Any:
        match request:
            case "seen":
                return Reply(state, state)
            case "die":
                raise Exit("on request")
            case "where":
                return Reply(threading.get_ident(), state)
            case _:
                return Reply(("echo", request), state)

    def handle_cast(self, request: Any, state: list[Any]) -> Any:
        from regrow import NoReply

        return NoReply([*state, request])

    handle_info = handle_cast


async def test_a_pid_identifies_its_node(node: Node, other: Other) -> None:
    """The first number of a pid identifies its node."""
    pid = await other.spawn(process.sleep, None)
    assert repr(pid).startswith(f"<{other.node.number}.")
    assert other.node.number != node.number
    assert process.alive(pid)


async def test_messages_cross_in_both_directions(node: Node, other: Other) -> None:
    """Messages arrive in order, and code runs in its node's thread."""

    async def relay(to: Pid) -> None:
        for _ in range(100):
            number = await process.receive()
            process.send(to, (number, threading.get_ident()))

    pid = await other.spawn(relay, process.current())
    for number in range(100):
        process.send(pid, number)
    found = [await process.receive(timeout=20) for _ in range(100)]
    assert [number for number, _ in found] == list(range(100))
    assert {thread for _, thread in found} == {other.thread.ident}


async def test_calls_cross_in_both_directions(node: Node, other: Other) -> None:
    """A call to another node is answered, from processes and from plain tasks."""
    there: Pid = await other.run(Echo.start, [])
    here = await Echo.start([])
    assert await call(there, 1) == ("echo", 1)
    assert await other.run(call, here, 2) == ("echo", 2)
    assert await call(there, "where") == other.thread.ident
    assert await asyncio.gather(*(call(there, number) for number in range(50))) == [
        ("echo", number) for number in range(50)
    ]
    cast(there, "cast")
    process.send(there, "sent")
    assert await call(there, "seen") == ["cast", "sent"]
    mine, yours = here.process, there.process
    assert mine is not None
    assert yours is not None
    await other.run(asyncio.sleep, 0)
    assert mine.watchers is None
    assert yours.watchers is None


async def test_the_death_of_a_remote_server_reaches_its_caller(node: Node, other: Other) -> None:
    """The end of the server fails the call, whether it comes before or after the call is made."""
    there: Pid = await other.run(Echo.start, [])
    with pytest.raises(CalleeExit) as raised:
        await call(there, "die", 20)
    assert raised.value.reason[0] == "on request"
    with pytest.raises(NoProcess):
        await call(there, "again")


async def test_a_call_across_nodes_times_out(node: Node, other: Other) -> None:
    """A call to a process of another node that does not answer times out, and leaves no monitor behind."""
    silent = await other.spawn(process.receive, bytes)
    with pytest.raises(CallTimeout):
        await call(silent, "x", 0.02)
    await other.run(asyncio.sleep, 0.01)
    found = silent.process
    assert found is not None
    assert found.watchers is None


async def test_a_name_of_another_node_is_reached(node: Node, other: Other) -> None:
    """`(name, node)` reaches a name of another node; an unknown node is "nodedown" to a call, and drops a message."""
    there: Pid = await other.run(Echo.start_link, [])

    async def register() -> None:
        process.register("echo", there)

    await other.run(register)
    assert process.whereis(("echo", "there")) is there
    assert process.whereis("echo") is None
    assert await call(("echo", "there"), 1) == ("echo", 1)
    cast(("echo", "there"), "cast")
    process.send(("echo", "there"), "sent")
    assert await call(("echo", "there"), "seen") == ["cast", "sent"]
    with pytest.raises(CallExit) as raised:
        await call(("echo", "nowhere"), 1)
    assert raised.value.reason[0] == ("nodedown", "nowhere")
    process.send(("echo", "nowhere"), "dropped")
    with pytest.raises(ValueError, match="another node"):
        process.register("mine", there)


async def test_a_global_name_is_known_on_every_node(node: Node, other: Other) -> None:
    """A Global name is free again when its process ends."""
    there: Pid = await other.run(lambda: Echo.start([], name=Global("leader")))
    assert process.whereis(Global("leader")) is there
    assert await call(Global("leader"), 1) == ("echo", 1)
    with pytest.raises(Exception, match="running already"):
        await Echo.start([], name=Global("leader"))
    ref = process.monitor(there)
    process.exit(there, "kill")
    assert (await process.receive(Down, timeout=20)).ref is ref
    assert process.whereis(Global("leader")) is None


async def test_monitors_cross_in_both_directions(node: Node, other: Other) -> None:
    """A monitor fires once across nodes, with the reason; at once for a dead process; and demonitor removes it."""
    there = await other.spawn(process.receive)
    ref = process.monitor(there)
    process.send(there, "end")
    down = await process.receive(Down, timeout=20)
    assert (down.ref, down.pid, down.reason) == (ref, there, "normal")
    ref = process.monitor(there)
    down = await process.receive(Down, timeout=20)
    assert (down.ref, down.reason) == (ref, "noproc")

    second = await other.spawn(process.sleep, None)
    ref = process.monitor(second)
    assert process.demonitor(ref, info=True)
    process.exit(second, "kill")
    with pytest.raises(TimeoutError):
        await process.receive(timeout=0.05)

    async def watch(pid: Pid, answer_to: Pid) -> None:
        process.monitor(pid)
        process.send(answer_to, "watching")
        process.send(answer_to, (await process.receive(Down)).reason)

    mine = process.spawn(process.receive)
    await other.spawn(watch, mine, process.current())
    assert await process.receive(timeout=20) == "watching"
    await other.run(asyncio.sleep, 0.01)
    process.exit(mine, "oops")
    assert await process.receive(timeout=20) == "oops"


async def test_links_cross_in_both_directions(node: Node, other: Other) -> None:
    """A link holds across nodes, in both directions; unlink undoes it; a dead process answers "noproc"."""
    process.trap_exit(True)
    there = await other.spawn(process.receive)
    process.link(there)
    process.exit(there, "oops")
    assert await process.receive(timeout=20) == Exited(there, "oops")
    process.link(there)
    assert await process.receive(timeout=20) == Exited(there, "noproc")
    assert process.info(process.current(), "links") == [node.init.pid] or not process.info(process.current(), "links")

    async def linked(to: Pid, answer_to: Pid) -> None:
        process.trap_exit(True)
        process.link(to)
        process.send(answer_to, "linked")
        exited = await process.receive(Exited)
        process.send(answer_to, (exited.pid, exited.reason))

    mine = process.spawn(process.receive)
    await other.spawn(linked, mine, process.current())
    assert await process.receive(timeout=20) == "linked"
    process.exit(mine, "kill")
    assert await process.receive(timeout=20) == (mine, "killed")

    third = await other.spawn(process.receive)
    process.link(third)
    process.unlink(third)
    process.exit(third, "kill")
    with pytest.raises(TimeoutError):
        await process.receive(timeout=0.05)


async def test_an_alias_works_from_another_node(node: Node, other: Other) -> None:
    """Only the alias's own node deactivates it: one message arrives, however many processes send at once."""

    async def sender(address: Any, done: Pid) -> None:
        for word in ("first", "second"):
            process.send(address, word)
        process.send(done, "sent")

    alias, reply = process.alias(), process.alias("reply")
    for address in (alias, reply):
        await other.spawn(sender, address, process.current())
        await process.receive("sent".__eq__, timeout=20)
    assert process.unalias(alias)
    assert not process.unalias(reply)
    await other.spawn(sender, alias, process.current())
    await process.receive("sent".__eq__, timeout=20)
    assert process.info(process.current(), "messages") == ["first", "second", "first"]
    assert process.node(alias) == "here"
    assert process.node(await other.spawn(int)) == "there"


async def test_a_node_that_stops_fires_links_and_monitors(node: Node, other: Other) -> None:
    """Links and monitors of its processes fire; afterwards every request fails at once, and nothing hangs."""
    process.trap_exit(True)
    there = await other.spawn(process.sleep, None)
    process.link(there)
    ref = process.monitor(there)
    await other.run(asyncio.sleep, 0)
    await asyncio.to_thread(other.stop)
    assert await process.receive(Exited, timeout=20) == Exited(there, "killed")
    assert (await process.receive(Down, timeout=20)).ref is ref
    process.link(there)
    assert (await process.receive(Exited, timeout=20)).reason in ("noproc", "noconnection")
    process.monitor(there)
    assert (await process.receive(Down, timeout=20)).reason in ("noproc", "noconnection")
    with pytest.raises(CallExit):
        await call(there, "x", None)
    process.send(there, "dropped")
    assert process.whereis(("echo", "there")) is None


async def test_a_foreign_thread_uses_from_thread(node: Node, other: Other) -> None:
    """A foreign thread calls, casts, sends and runs functions; with several nodes it has to name one."""
    echo = await Echo.start([], name="echo")

    def in_a_thread() -> list[Any]:
        with pytest.raises(RuntimeError, match="choose one with node="):
            from_thread.call("echo", 1)
        found = [from_thread.call("echo", 1, node=node)]
        from_thread.cast("echo", "cast", node=node)
        from_thread.send("echo", "sent", node=node)
        from_thread.send("unknown", "dropped", node=node)
        found.append(from_thread.run(call, echo, "seen", node=node))
        with pytest.raises(NoProcess):
            from_thread.call("unknown", 1, node=node)
        with pytest.raises(RuntimeError, match="no node in this thread"):
            process.send(echo, "x")
        return found

    assert await asyncio.to_thread(in_a_thread) == [("echo", 1), ["cast", "sent"]]
    with pytest.raises(RuntimeError, match="wait for itself"):
        from_thread.call("echo", 1, node=node)


def test_every_function_needs_a_node() -> None:
    """Without a node every function raises an error that says how to get one."""
    assert CURRENT.node is None
    for wrong in (
        lambda: process.spawn(int),
        process.current,
        lambda: process.send("x", 1),
        process.processes,
        lambda: process.send_after("x", 1, 1),
        lambda: cast("x", 1),
        lambda: process.whereis("x"),
    ):
        with pytest.raises(RuntimeError, match="there is no node in this thread") as raised:
            wrong()
        assert "regrow.run" in str(raised.value)
    with pytest.raises(RuntimeError, match="no node"):
        asyncio.run(call("x", 1))
    with pytest.raises(RuntimeError, match="no node runs in this program"):
        from_thread.call("x", 1)


async def test_a_thread_has_one_node(node: Node) -> None:
    """A loop has one node; a node runs once."""
    with pytest.raises(RuntimeError, match="has a node already"):
        await Node().__aenter__()
    with pytest.raises(RuntimeError, match="has run before"):
        node.start()


def test_a_loop_that_ended_without_stopping_its_node() -> None:
    """The node that was left does not keep the next one from starting."""

    async def leave() -> Node:
        node = Node("lost")
        await node.__aenter__()
        return node

    lost = asyncio.run(leave())

    async def again() -> None:
        async with Node("found") as node:
            assert CURRENT.node is node
            assert lost not in NODES.values()

    asyncio.run(again())
    assert CURRENT.node is None


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
async def test_a_forked_child_has_no_node(node: Node) -> None:
    """After a fork the child finds no node, neither in its thread nor in the program."""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        os.write(writer, b"node" if CURRENT.node is not None or NODES else b"none")
        os._exit(0)
    await asyncio.to_thread(os.waitpid, child, 0)
    assert os.read(reader, 4) == b"none"
    os.close(reader)
    os.close(writer)
    assert CURRENT.node is node
    assert node in NODES.values()


async def test_nothing_is_left_of_a_stopped_node(node: Node) -> None:
    """A stopped node is no longer known, and no reference cycle of the kernel keeps its processes."""
    found = Other("short")
    found.thread.start()
    assert found.up.wait(20)
    pid = await found.spawn(process.sleep, None)
    assert process.alive(pid)
    await asyncio.to_thread(found.stop)
    assert pid.process is None
    assert found.node not in NODES.values()
    assert found.node.processes == {}
    gc.collect()
