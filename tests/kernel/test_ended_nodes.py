"""Nodes that have ended, whose loop was closed under them, or that belong to the parent of a forked process."""

from __future__ import annotations

import asyncio
import os
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent import futures
from contextlib import suppress
from typing import Any

import pytest

from regrow import (
    CalleeExit,
    CallExit,
    Down,
    Exited,
    GenServer,
    Global,
    Node,
    Pid,
    Reply,
    call,
    cast,
    from_thread,
    global_,
    process,
    run,
)
from regrow.kernel.current_node import CURRENT, NODES, NoNode
from regrow.kernel.names import GLOBAL_NAMES

TIME = r"has ended, at \d\d:\d\d:\d\d"


class Server(GenServer[Any]):
    """A server that replies, or does not."""

    async def handle_call(self, request: Any, _from: Any, state: Any, /) -> Any:
        if request == "never":
            await asyncio.get_running_loop().create_future()
        return Reply(request, state)


class Lost:
    """A node in a separate thread whose loop is closed under it."""

    def __init__(self) -> None:
        self.node = Node("lost")
        self.up = threading.Event()
        self.close = threading.Event()
        self.loop = asyncio.new_event_loop()
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()
        assert self.up.wait(20)

    def run(self) -> None:
        self.pid: Pid = self.loop.run_until_complete(self.begin())
        self.up.set()
        self.loop.run_forever()

    async def begin(self) -> Pid:
        self.node.start()
        process.spawn_link(process.sleep, None)
        return await Server.start(None, name=Global("lost"))

    def lose(self) -> None:
        """Close the loop without stopping the node."""
        if not self.loop.is_closed():
            self.loop.call_soon_threadsafe(self.loop.stop)
            self.thread.join(20)
            self.loop.close()


@pytest.fixture
def lost() -> Iterator[Lost]:
    found = Lost()
    yield found
    found.lose()
    found.node.is_up()


# The error says how the node ended


async def leave() -> Node:
    async with Node("short") as node:
        pass
    return node


def in_a_fresh_thread(function: Callable[[], Any]) -> Any:
    with futures.ThreadPoolExecutor(1) as pool:
        return pool.submit(function).result(60)


def test_the_error_says_when_and_why_the_node_ended() -> None:
    def thread() -> str:
        asyncio.run(leave())
        with pytest.raises(NoNode) as raised:
            process.send("x", 1)
        return str(raised.value)

    said = in_a_fresh_thread(thread)
    assert "there is no node in this thread any more: the node 'short' has ended, at " in said
    assert "it was stopped" in said


def test_the_error_names_what_ended_the_node() -> None:
    async def fails() -> None:
        async with Node("short") as node:
            node.fail(ValueError("the reason why"))
            await asyncio.sleep(10)

    def thread() -> str:
        with pytest.raises(ValueError, match="the reason why"):
            asyncio.run(fails())
        with pytest.raises(NoNode) as raised:
            process.processes()
        return str(raised.value)

    assert "ValueError('the reason why')" in in_a_fresh_thread(thread)


@pytest.mark.parametrize("how", ["stopped", "raised"])
def test_the_error_names_the_reason_of_the_stop(how: str) -> None:
    async def ends() -> None:
        async with Node("short") as node:
            if how == "raised":
                raise ValueError("the reason why")
            await node.stop(("shutdown", "the reason why"))

    def thread() -> str:
        with suppress(ValueError):
            asyncio.run(ends())
        with pytest.raises(NoNode) as raised:
            process.processes()
        return str(raised.value)

    wanted = {
        "stopped": "stopped, with ('shutdown', 'the reason why')",
        "raised": "left, by ValueError('the reason why')",
    }
    assert wanted[how] in in_a_fresh_thread(thread)


def test_another_thread_gets_the_error_too() -> None:
    node = in_a_fresh_thread(lambda: asyncio.run(leave()))
    for use in (
        lambda: from_thread.call("x", 1, node=node),
        lambda: from_thread.cast("x", 1, node=node),
        lambda: from_thread.send("x", 1, node=node),
        lambda: from_thread.run(asyncio.sleep, 0, node=node),
    ):
        with pytest.raises(NoNode, match=f"'short' {TIME}: it was stopped"):
            use()
    with pytest.raises(NoNode, match="has not been started"):
        from_thread.call("x", 1, node=Node("new"))
    with pytest.raises(NoNode, match="no node runs in this program any more: the node 'short' has ended"):
        from_thread.call("x", 1)


def test_a_new_node_is_not_taken_for_the_ended_one() -> None:
    def thread() -> None:
        asyncio.run(leave())
        run(main)

    async def main() -> None:
        assert process.alive(process.current())

    in_a_fresh_thread(thread)


# A thread that waits


@pytest.mark.parametrize("timeout", [None, 1000.0])
def test_a_waiting_thread_gets_an_error_at_the_end(timeout: float | None) -> None:
    said: list[BaseException] = []
    asking = threading.Event()

    async def main() -> None:
        async with Node("short"):
            server = await Server.start_link()
            loop = asyncio.get_running_loop()

            def ask() -> None:
                asking.set()
                try:
                    from_thread.call(server, "never", timeout)
                except BaseException as error:
                    said.append(error)

            thread = threading.Thread(target=ask, daemon=True)
            thread.start()
            threads.append(thread)
            await loop.run_in_executor(None, asking.wait)
            await asyncio.sleep(0)

    threads: list[threading.Thread] = []
    in_a_fresh_thread(lambda: asyncio.run(main()))
    threads[0].join(20)
    assert not threads[0].is_alive()
    assert isinstance(said[0], CalleeExit | NoNode)


def test_no_thread_hangs_when_the_node_ends_meanwhile() -> None:
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    try:
        for _ in range(60):
            hammer()
    finally:
        sys.setswitchinterval(before)


def hammer() -> None:
    ends: list[str] = []
    threads: list[threading.Thread] = []

    async def main() -> None:
        async with Node("short") as node:
            server = await Server.start_link()

            def ask() -> None:
                try:
                    while True:
                        from_thread.call(server, 1, None, node=node)
                except (NoNode, CallExit) as error:
                    ends.append(type(error).__name__)
                except BaseException as error:
                    ends.append(f"wrong: {error!r}")

            threads.extend(threading.Thread(target=ask, daemon=True) for _ in range(3))
            for thread in threads:
                thread.start()
            await asyncio.sleep(0.002)

    in_a_fresh_thread(lambda: asyncio.run(main()))
    for thread in threads:
        thread.join(20)
        assert not thread.is_alive()
    assert len(ends) == 3
    assert not [end for end in ends if end.startswith("wrong")]


def test_a_request_posted_before_the_end_is_answered() -> None:
    """A request that is in transit when the node ends is answered with an error: the process is gone."""
    here = Node("here")
    there = Node("there")
    answers: list[BaseException] = []

    async def asks(server: Pid) -> None:
        async with here:
            task = asyncio.ensure_future(call(server, 1, None))
            await asyncio.sleep(0)
            release.set()
            try:
                await asyncio.wait_for(task, 20)
            except BaseException as error:
                answers.append(error)

    async def serves() -> None:
        async with there:
            server = await Server.start_link()
            thread = threading.Thread(target=asyncio.run, args=(asks(server),), daemon=True)
            thread.start()
            threads.append(thread)
            release.wait(20)  # the loop stands still: the request has not been taken yet

    release = threading.Event()
    threads: list[threading.Thread] = []
    in_a_fresh_thread(lambda: asyncio.run(serves()))
    threads[0].join(20)
    assert isinstance(answers[0], CallExit)


# A loop that is closed under its node


@pytest.mark.regrow(clock="real")
async def test_the_processes_of_a_closed_loop_are_dead_and_monitors_fire(lost: Lost, node: Node) -> None:
    process.trap_exit(True)
    ref = process.monitor(lost.pid)
    process.link(lost.pid)
    waiting = asyncio.ensure_future(call(lost.pid, "never", None))
    from_thread_node = lost.node
    await asyncio.sleep(0)
    await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(asyncio.sleep(0), lost.loop))
    await asyncio.to_thread(lost.lose)
    assert process.alive(process.current())
    assert not process.alive(lost.pid)
    down = await process.receive(Down, timeout=20)
    assert (down.ref, down.reason) == (ref, "noconnection")
    assert await process.receive(Exited, timeout=20) == Exited(lost.pid, "noconnection")
    with pytest.raises(CallExit):
        await waiting
    with pytest.raises(CallExit):
        await call(lost.pid, 1, None)
    cast(lost.pid, 1)
    assert from_thread_node not in NODES.values()
    assert node in NODES.values()


@pytest.mark.regrow(clock="real")
async def test_the_names_of_a_closed_loop_are_free(lost: Lost) -> None:
    await asyncio.to_thread(lost.lose)
    assert process.whereis(Global("lost")) is None
    mine = await Server.start_link(name=Global("lost"))
    assert process.whereis(Global("lost")) is mine


@pytest.mark.parametrize("use", ["call", "cast", "send", "run"])
def test_threads_get_errors_and_drop_nothing_silently(lost: Lost, use: str) -> None:
    lost.lose()
    door = {
        "call": lambda: from_thread.call(lost.pid, 1, node=lost.node),
        "cast": lambda: from_thread.cast(lost.pid, 1, node=lost.node),
        "send": lambda: from_thread.send(lost.pid, 1, node=lost.node),
        "run": lambda: from_thread.run(asyncio.sleep, 0, node=lost.node),
    }[use]
    for _ in range(2):
        with pytest.raises(NoNode, match=f"'lost' {TIME}: its event loop was closed"):
            door()  # type: ignore[no-untyped-call]
    assert not process.alive(lost.pid)


def test_a_thread_that_waits_for_a_closed_loop_gets_an_error(lost: Lost) -> None:
    answer = futures.ThreadPoolExecutor(1).submit(from_thread.call, lost.pid, "never", None, node=lost.node)
    while not lost.node.gate.asked or next(iter(lost.node.gate.asked)).task is None:
        threading.Event().wait(0.01)
    lost.lose()
    with pytest.raises(NoNode, match="its event loop was closed"):
        answer.result(20)


def test_a_thread_may_have_a_node_again_after_its_loop_was_closed() -> None:
    async def begin() -> tuple[Pid, Node]:
        node = Node("first")
        node.start()
        return await Server.start(None, name="server"), node

    async def again(pid: Pid) -> None:
        async with Node("second"):
            assert not process.alive(pid)
            with pytest.raises(CallExit):
                await call(pid, 1)

    def thread() -> None:
        pid, node = asyncio.run(begin())
        assert not process.alive(pid)
        assert CURRENT.node is None
        with pytest.raises(NoNode, match="its event loop was closed"):
            cast(pid, 1)
        assert not node.running
        asyncio.run(again(pid))

    in_a_fresh_thread(thread)


# A fork


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.regrow(clock="real")
async def test_a_forked_child_has_no_node_of_its_parent(node: Node) -> None:
    server = await Server.start_link(name=Global("parents"))
    assert await global_.set_lock(("resource", "me"))
    child = os.fork()
    if child == 0:
        try:
            code = in_the_child(server, node)
        except BaseException as error:
            os.write(2, repr(error).encode())
            code = 1
        os._exit(code)
    _, status = await asyncio.to_thread(os.waitpid, child, 0)
    assert os.waitstatus_to_exitcode(status) == 0
    assert await call(Global("parents"), 1) == 1
    assert GLOBAL_NAMES


def in_the_child(server: Pid, parents: Node) -> int:
    asyncio._set_running_loop(None)
    assert not process.alive(server)
    with pytest.raises(NoNode, match="is a fork"):
        process.processes()
    with pytest.raises(NoNode, match="is a fork"):
        from_thread.call(server, 1, node=parents)

    async def main() -> None:
        assert global_.registered_names() == []
        with pytest.raises(CallExit):
            await call(Global("parents"), 1)
        with pytest.raises(CallExit):
            await call(server, 1, None)
        process.monitor(server)
        assert (await process.receive(Down, timeout=20)).reason == "noconnection"
        mine = await Server.start_link(name=Global("parents"))
        assert await call(Global("parents"), 2) == 2
        assert process.whereis(Global("parents")) is mine
        assert await global_.set_lock(("resource", "another"), retries=0)

    asyncio.set_event_loop(None)
    run(main)
    return 0
