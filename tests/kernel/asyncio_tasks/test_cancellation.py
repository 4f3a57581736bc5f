"""Cancellation of a process's task, and processes that share asyncio's locks and queues."""

from __future__ import annotations

import asyncio
import sys
from typing import Any

import aiohttp
import pytest
from aiohttp import web

from regrow import CalleeExit, Down, From, GenServer, Node, NoReply, Pid, Reply, call, cast, process
from regrow.kernel.asyncio_task import ProcessTask
from tests.kernel.asyncio_tasks.runners import Adder, Inside, Runner, everywhere, real


@everywhere
@real
async def test_aiohttp(node: Node, inside: Inside) -> None:
    """aiohttp's client gets a page from aiohttp's server, which runs in the same process."""

    async def hello(request: web.Request) -> web.Response:
        return web.Response(text=f"hello {request.query['name']}")

    app = web.Application()
    app.router.add_get("/", hello)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    port = runner.addresses[0][1]

    async def get() -> str:
        async with (
            aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(30)) as session,
            session.get(f"http://127.0.0.1:{port}/?name=you") as answer,
        ):
            return await answer.text()

    try:
        assert await inside(get) == "hello you"
    finally:
        await runner.cleanup()


async def test_lock_between_processes(node: Node) -> None:
    """asyncio.Lock excludes processes from each other."""
    lock = asyncio.Lock()
    events: list[str] = []
    me = process.current()

    async def worker(word: str) -> None:
        async with lock:
            events.append(f"{word} in")
            await process.sleep(0.1)
            events.append(f"{word} out")
        process.send(me, "done")

    for word in "abc":
        process.spawn_link(worker, word)
    for _ in "abc":
        await process.receive(str)
    assert events == ["a in", "a out", "b in", "b out", "c in", "c out"]


async def test_queue_between_processes(node: Node) -> None:
    """asyncio.Queue carries values from one process to another."""
    queue: asyncio.Queue[int] = asyncio.Queue(1)

    async def producer() -> None:
        for number in range(5):
            await queue.put(number)

    process.spawn_link(producer)
    assert [await queue.get() for _ in range(5)] == [0, 1, 2, 3, 4]


async def test_cancelling_the_task_ends_the_process(node: Node) -> None:
    """Cancelling a process's task from outside ends it with the CancelledError as reason."""

    async def wait() -> None:
        process.send(me, asyncio.current_task())
        await process.receive()

    me = process.current()
    _, ref = process.spawn_monitor(wait)
    task = await process.receive(ProcessTask)
    assert task.cancel("enough")
    down = await process.receive(Down)
    assert down.ref is ref
    assert isinstance(down.reason, asyncio.CancelledError)
    assert down.reason.args == ("enough",)
    assert not task.cancel()
    assert task.done()


@pytest.mark.parametrize("wait", ["future", "receive", "call", "ready"])
async def test_a_process_survives_a_cancellation_that_it_catches(node: Node, wait: str) -> None:
    """A process that catches CancelledError survives, wherever it waited, and loses no message."""
    deaf = process.spawn_link(process.receive, bytes)

    async def survivor() -> None:
        process.send(me, asyncio.current_task())
        try:
            match wait:
                case "future":
                    await asyncio.Event().wait()
                case "receive" | "ready":
                    await process.receive()
                case _:
                    await call(deaf, "x", None)
        except asyncio.CancelledError:
            process.send(me, "cancelled")
        process.send(me, await process.receive())

    me = process.current()
    pid = process.spawn_link(survivor)
    task = await process.receive(ProcessTask)
    await process.sleep(0.1)
    if wait == "ready":  # the message is in flight when the cancellation comes
        process.send(pid, "message")
    task.cancel()
    if wait != "ready":
        process.send(pid, "message")
    assert await process.receive(timeout=1) == "cancelled"
    assert await process.receive(timeout=1) == "message"


async def test_a_cancellation_ends_an_idle_server(node: Node) -> None:
    """A cancellation of the task of an idle server ends it, and terminate is called."""
    ended: list[object] = []

    class Server(Runner):
        def terminate(self, reason: object, _state: int) -> None:
            ended.append(type(reason))

    async def task() -> object:
        return asyncio.current_task()

    server = await Server.start(0)
    facade = await call(server, task)
    ref = process.monitor(server)
    facade.cancel()
    down = await process.receive(Down)
    assert down.ref is ref
    assert isinstance(down.reason, asyncio.CancelledError)
    assert ended == [asyncio.CancelledError]


async def test_a_cancellation_does_not_reach_the_next_request(node: Node) -> None:
    """A callback that undoes its own cancellation leaves nothing behind for the next one."""

    async def cancel_and_take_back() -> None:
        task = asyncio.current_task()
        assert task is not None
        task.cancel()
        task.uncancel()

    server = await Runner.start_link(0)
    await call(server, cancel_and_take_back)
    assert await call(server, lambda: asyncio.sleep(0, "well")) == "well"


async def test_a_cancelled_call_leaves_no_watcher(node: Node) -> None:
    """A server forgets a caller that is cancelled, even before it waits."""
    deaf = process.spawn_link(process.receive, bytes)

    async def caller() -> None:
        task = asyncio.current_task()
        assert task is not None
        task.cancel()
        await call(deaf, "x", None)

    process.spawn_monitor(caller)
    assert isinstance((await process.receive(Down)).reason, asyncio.CancelledError)
    assert process.info(deaf, "monitored_by") == []
    assert process.info(deaf, "message_queue_len") == 1


async def test_call_from_a_plain_task(node: Node) -> None:
    """A plain asyncio task calls and casts; a call to a dead server raises there."""
    adder = await Adder.start(1)

    async def plain() -> int:
        assert await call(adder, 1) == 2
        cast(adder, 1)
        with pytest.raises(CalleeExit):
            await call(adder, 1)
        return 3

    assert await asyncio.create_task(plain()) == 3


async def test_many_plain_tasks(node: Node) -> None:
    """A thousand plain tasks call one server that awaits, and each gets its own reply."""

    class Echo(GenServer[None]):
        async def handle_call(self, request: Any, _from: object, state: None) -> Reply[None]:
            await asyncio.sleep(0)
            return Reply(request, state)

    echo = await Echo.start_link()
    numbers = list(range(1000))
    assert await asyncio.gather(*(call(echo, number) for number in numbers)) == numbers


@pytest.mark.skipif(sys.version_info < (3, 12), reason="eager tasks came with Python 3.12")
async def test_call_from_an_eager_task(node: Node) -> None:
    """A task that asyncio starts eagerly, on a process's stack, may call, too, whether the server waits or not."""
    adder = await Adder.start_link(1)
    slow = await Runner.start_link(0)
    own = asyncio.current_task()

    async def ask() -> tuple[int, str]:
        assert asyncio.current_task() is not own
        return await call(adder, 1), await call(slow, lambda: asyncio.sleep(0, "slow"))

    # Made by hand: uvloop passes task factories an argument that the factory of Python 3.13.0 does not accept.
    make_task: Any = asyncio.Task
    task = make_task(ask(), loop=asyncio.get_running_loop(), eager_start=True)
    assert asyncio.current_task() is own
    assert await task == (2, "slow")


async def test_stack_of_a_waiting_process(node: Node) -> None:
    """The task of a process shows the frames at which it waits, and has a name."""

    async def inner() -> None:
        await asyncio.Event().wait()

    async def outer() -> None:
        process.send(me, asyncio.current_task())
        await inner()

    me = process.current()
    pid = process.spawn_link(outer)
    process.register("outer", pid)
    task = await process.receive(ProcessTask)
    await process.sleep(0)
    await asyncio.sleep(0)
    assert [frame.f_code.co_name for frame in task.get_stack()][:2] == ["outer", "inner"]
    assert task.get_name() == f"regrow {pid} outer"
    task.set_name("mine")
    assert task.get_name() == "mine"
    process.unlink(pid)
    process.exit(pid, "kill")


async def test_stack_of_a_running_process(node: Node) -> None:
    """The frames go down to the caller of get_stack; a server that runs on this stack has separate frames."""

    def names(task: Any) -> list[str]:
        return [frame.f_code.co_name for frame in task.get_stack()]

    async def inner() -> tuple[list[str], list[str], list[str]]:
        await asyncio.sleep(0)  # the frames have been left and entered again
        mine = asyncio.current_task()
        theirs = await call(await Asked.start(), mine)
        return names(mine), *theirs

    class Asked(GenServer[None]):
        async def handle_call(self, request: Any, _from: From, state: None, /) -> Any:
            return Reply((names(request), names(asyncio.current_task())), state)

    async def outer() -> None:
        process.send(me, await inner())

    me = process.current()
    process.spawn_link(outer)
    seen: Any = await process.receive()
    mine, meanwhile, servers = seen
    assert mine == ["outer", "inner"]
    assert meanwhile[:2] == ["outer", "inner"]
    assert "outer" not in servers


async def test_the_task_of_a_dead_process_is_not_kept(node: Node) -> None:
    """all_tasks() lists the tasks of living processes only."""

    async def wait() -> None:
        await asyncio.sleep(0)

    pids: list[Pid] = [process.spawn(wait) for _ in range(10)]
    await process.sleep(1)
    assert not any(process.alive(pid) for pid in pids)
    tasks: set[Any] = asyncio.all_tasks()
    assert sum(isinstance(task, ProcessTask) for task in tasks) == 1


async def test_a_cancellation_that_its_callback_never_met_ends_the_server(node: Node) -> None:
    """The coroutine cancels its task and returns before it awaits; the loop's next wait raises the cancellation."""

    class Cancels(GenServer[int]):
        async def handle_cast(self, request: Any, state: int, /) -> Any:
            task = asyncio.current_task()
            assert task is not None
            task.cancel(request)
            return NoReply(state)

    pid = await Cancels.start(0)
    ref = process.monitor(pid)
    cast(pid, "late")
    down = await process.receive(Down, timeout=1.0)
    assert down.ref is ref
    assert isinstance(down.reason, asyncio.CancelledError)
