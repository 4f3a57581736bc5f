"""One cell of the matrix: a scenario on a separate node, and the checks of every node after it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from regrow import Down, Exited, From, GenServer, Node, NoReply, Ok, Pid, Reply, VirtualClock, call, process
from regrow.kernel.bounded_repr import DEFAULT
from regrow.ops.reasons import error_lines

MOST_LEFT = 10  # exceptions that leave the loop before a cell has set its handler


class Stuck(Exception):
    """All processes wait, and nothing will ever wake them."""


class Echo(GenServer[Any]):
    """A server that replies: the node still works."""

    def init(self, arg: Any) -> Any:
        return Ok(arg)

    def handle_call(self, request: Any, _from: From, state: Any) -> Any:
        return Reply(request, state)

    def handle_cast(self, _request: Any, state: Any) -> Any:
        return NoReply(state)


def run_cell(scenario: Callable[[], Awaitable[None]], *, seed: int | None = None) -> list[type]:
    """Run a scenario as a process, then check the node; return the exceptions that left the event loop meanwhile."""
    loop = asyncio.new_event_loop()
    left: list[type] = []
    clock = VirtualClock()
    stuck = loop.create_future()

    def stuck_now() -> None:
        if not stuck.done():
            stuck.set_result(None)

    clock.stuck = stuck_now

    async def main() -> None:
        node = Node(clock=clock, seed=seed)
        node.start()  # without a block, which an end of the program would leave: the node is checked after it
        try:
            await as_process(node, scenario, stuck)
            await check_node(node)
        finally:
            await node.stop()
        assert not [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]

    try:
        task = loop.create_task(main())
        while not task.done():
            try:
                loop.run_until_complete(task)
            except (KeyboardInterrupt, SystemExit) as error:
                left.append(type(error))
                assert len(left) < MOST_LEFT
            except BaseException:
                assert task.done()
        failed = failure_of(task)
    finally:
        loop.run_until_complete(loop.shutdown_asyncgens())
        loop.close()
    if failed:
        pytest.fail(failed, pytrace=False)
    return left


def failure_of(task: asyncio.Task[None]) -> str:
    """Return a cell's exception as text: pytest would inspect the objects in it."""
    try:
        task.result()
    except BaseException as error:
        return "\n".join(error_lines(error, DEFAULT))
    return ""


async def as_process(node: Node, scenario: Callable[[], Awaitable[None]], stuck: asyncio.Future[Any]) -> None:
    """Let a process run the scenario, and raise its exception."""
    raised: list[BaseException] = []

    async def body() -> None:
        process.trap_exit(True)
        try:
            await scenario()
        except BaseException as error:
            raised.append(error)

    pid = process.spawn(body)
    assert pid.process is not None
    gone: asyncio.Future[Any] = node.ended(pid.process)
    await asyncio.wait([gone, stuck], return_when=asyncio.FIRST_COMPLETED)
    if raised:
        raise raised[0]
    if not gone.done():
        raise Stuck(f"{pid} waits for ever")


async def check_node(node: Node) -> None:
    """Check a node on which nothing is left of a scenario but the processes linked to the current one."""
    await asyncio.sleep(0)
    await node.clock.run_until_idle()  # type: ignore[attr-defined]
    for pid in list(node.processes):
        if pid is not node.init.pid:
            process.exit(pid, "kill")
    node.clock.advance(20.0)  # type: ignore[attr-defined] # what a killed coroutine may take, and more
    await node.clock.run_until_idle()  # type: ignore[attr-defined]
    scheduler = node.scheduler
    assert list(node.processes) == [node.init.pid]
    assert (scheduler.depth, scheduler.current, scheduler.awaiting) == (0, None, 0)
    assert (list(scheduler.queue), scheduler.yielded, scheduler.broken_off) == ([], [], [])
    assert (list(scheduler.dying), node.burying) == ([], False)
    assert (node.remnants.kept, node.names, node.init.links, node.adopted) == ({}, {}, None, {})
    assert scheduler.timers.next_due() == float("inf")
    assert scheduler.shown.task is None
    assert not [task for task in asyncio.all_tasks() if type(task).__name__ == "ProcessTask"]
    await check_serving()


async def check_serving() -> None:
    """Check that the node starts a server, check_serving it, notifies of its end, and stops."""
    received: list[Any] = []

    async def lives() -> None:
        process.trap_exit(True)
        server = await Echo.start_link(1, name="echo")
        ref = process.monitor(server)
        received.append(await call(server, "hello", timeout=1.0))
        process.send_after(process.current(), "time", 1.0)
        received.append(await process.receive(str, timeout=2.0))
        process.exit(server, "kill")
        received.append((await process.receive(Exited, timeout=1.0)).reason)
        received.append((await process.receive(Down, timeout=1.0)).ref is ref)

    pid = process.spawn(lives)
    assert pid.process is not None
    reason = await asyncio.wait_for(pid.process.node.ended(pid.process), 10)
    assert (reason, received) == ("normal", ["hello", "time", "killed", True])


async def reasons_of(pid: Pid, seconds: float = 12.0) -> tuple[list[Any], list[Any]]:
    """Return the reasons of all `Exited` and all `Down` of another process in the next `seconds`."""
    links: list[Any] = []
    monitors: list[Any] = []
    process.send_after(process.current(), ("enough",), seconds)
    while True:
        message = await process.receive(timeout=seconds + 1.0)
        if message == ("enough",):
            return links, monitors
        if type(message) is Exited and message.pid is pid:
            links.append(message.reason)
        elif type(message) is Down and message.pid is pid:
            monitors.append(message.reason)
