"""asyncio's tools inside a process: current_task, timeout, wait_for, gather, TaskGroup, to_thread; anyio and httpx."""

from __future__ import annotations

import asyncio
from typing import Any

import anyio
import anyio.lowlevel
import anyio.to_thread
import httpx
import pytest

from regrow import From, GenServer, Node, NoReply, Reply, call, cast, process
from regrow.kernel.asyncio_task import ProcessTask
from tests.kernel.asyncio_tasks.runners import Adder, Inside, Runner, everywhere, real


async def test_a_plain_callback_after_an_async_one_has_no_task(node: Node) -> None:
    """The rule holds, too, when the server takes the next message without yielding in between."""
    seen: list[tuple[str, bool]] = []

    class Mixed(GenServer[None]):
        def handle_cast(self, request: str, state: None) -> Any:
            return self.later(state) if request == "async" else self.note(request, state)

        async def later(self, state: None) -> NoReply[None]:
            return self.note("async", state)

        def note(self, request: str, state: None) -> NoReply[None]:
            seen.append((request, asyncio.current_task() is not None))
            return NoReply(state)

        def handle_call(self, _request: object, _from: From, state: None) -> Reply[None]:
            return Reply(None, state)

    server = await Mixed.start()
    for request in ("async", "plain", "async", "plain"):
        cast(server, request)
    await call(server, "done")
    assert seen == [("async", True), ("plain", False)] * 2


@everywhere
async def test_current_task(node: Node, inside: Inside) -> None:
    """asyncio's current task is the process's task, while it runs and after every await."""

    async def look() -> None:
        task: Any = asyncio.current_task()
        assert type(task) is ProcessTask
        mine = process.current().process
        assert mine is not None
        facade: Any = mine.task
        assert facade is task
        assert str(process.current()) in repr(task)
        await asyncio.sleep(0)
        assert asyncio.current_task() is task
        await process.sleep(1)
        assert asyncio.current_task() is task

    await inside(look)


@everywhere
@real
async def test_timeout(node: Node, inside: Inside) -> None:
    """asyncio.timeout interrupts an await, a receive and a call, and leaves the process as it was."""

    async def cut_off() -> list[int]:
        silent = await Runner.start_link(0)
        left: list[int] = []
        for wait in (
            lambda: asyncio.sleep(60),
            lambda: process.receive(bytes),
            lambda: call(silent, lambda: asyncio.sleep(60), None),
        ):
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.01):
                    await wait()
            task = asyncio.current_task()
            assert task is not None
            left.append(task.cancelling())
        process.unlink(silent)
        process.exit(silent, "kill")
        return left

    assert await inside(cut_off) == [0, 0, 0]


@everywhere
@real
async def test_timeout_that_does_not_expire(node: Node, inside: Inside) -> None:
    """asyncio.timeout does not interrupt what finishes in time."""

    async def in_time() -> str:
        async with asyncio.timeout(30):
            await asyncio.sleep(0)
            return await asyncio.wait_for(asyncio.sleep(0, "done"), 30)

    assert await inside(in_time) == "done"


@everywhere
@real
async def test_wait_for(node: Node, inside: Inside) -> None:
    """asyncio.wait_for raises TimeoutError and cancels what it waited for."""

    async def too_slow() -> bool:
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(future, 0.01)
        return future.cancelled()

    assert await inside(too_slow)


@everywhere
async def test_gather(node: Node, inside: Inside) -> None:
    """asyncio.gather runs its coroutines as plain asyncio tasks."""

    async def one(number: int) -> int:
        await asyncio.sleep(0)
        return number

    async def all_of_them() -> tuple[int, ...]:
        return await asyncio.gather(one(1), one(2), one(3))

    assert list(await inside(all_of_them)) == [1, 2, 3]


@everywhere
async def test_task_group(node: Node, inside: Inside) -> None:
    """asyncio.TaskGroup runs children and waits for them."""

    async def group() -> int:
        async with asyncio.TaskGroup() as tasks:
            first = tasks.create_task(asyncio.sleep(0, 1))
            second = tasks.create_task(asyncio.sleep(0, 2))
        return first.result() + second.result()

    assert await inside(group) == 3


@everywhere
async def test_task_group_with_a_failing_child(node: Node, inside: Inside) -> None:
    """A child that fails cancels its siblings and the block; no cancellation is left over."""

    async def fail() -> None:
        await asyncio.sleep(0)
        raise ValueError("child")

    async def group() -> tuple[bool, int, str]:
        endless: asyncio.Future[None] = asyncio.get_running_loop().create_future()

        async def wait() -> None:
            await endless

        found: list[str] = []
        task = asyncio.current_task()
        assert task is not None
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(wait())
                tasks.create_task(fail())
                await asyncio.Event().wait()
        except* ValueError as errors:
            found.append(str(errors.exceptions[0]))
        await asyncio.sleep(0)
        return endless.cancelled(), task.cancelling(), found[0]

    assert await inside(group) == (True, 0, "child")


@everywhere
async def test_a_task_group_child_calls_a_server(node: Node, inside: Inside) -> None:
    """A child task of a TaskGroup is a plain task: it may call servers, and has no mailbox."""

    async def group() -> list[Any]:
        adder = await Adder.start_link(10)
        async with asyncio.TaskGroup() as tasks:
            found = [tasks.create_task(call(adder, 1)) for _ in range(3)]
            refused = tasks.create_task(no_receive())
        assert "plain asyncio task" in await refused
        return [task.result() for task in found]

    async def no_receive() -> str:
        with pytest.raises(RuntimeError) as raised:
            await process.receive()
        return str(raised.value)

    assert await inside(group) == [11, 12, 13]


@everywhere
@real
async def test_to_thread(node: Node, inside: Inside) -> None:
    """asyncio.to_thread runs in a thread, which has no node."""

    def in_the_thread() -> str:
        with pytest.raises(RuntimeError, match="no node in this thread"):
            process.current()
        return "done"

    assert await inside(lambda: asyncio.to_thread(in_the_thread)) == "done"


@everywhere
@real
async def test_anyio(node: Node, inside: Inside) -> None:
    """anyio's task groups, cancel scopes and threads work in a process."""

    async def with_anyio() -> list[object]:
        found: list[object] = []

        async def child(number: int) -> None:
            await anyio.lowlevel.checkpoint()
            found.append(number)

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(child, 1)
            tasks.start_soon(child, 2)
        with anyio.move_on_after(0.01) as scope:
            await anyio.sleep(60)
        found.append(scope.cancelled_caught)
        with anyio.move_on_after(0.01) as scope:
            await process.receive(bytes)
        found.append(scope.cancelled_caught)
        with pytest.raises(TimeoutError):
            with anyio.fail_after(0.01):
                await anyio.Event().wait()
        found.append(await anyio.to_thread.run_sync(lambda: "thread"))
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(anyio.sleep, 60)
            tasks.cancel_scope.cancel()
        await anyio.lowlevel.checkpoint()
        return found

    assert await inside(with_anyio) == [1, 2, True, True, "thread"]


async def local_server(answer: str) -> tuple[asyncio.Server, str]:
    """A small asyncio web server; returns its address."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while (await reader.readline()).strip():
            pass
        body = answer.encode()
        writer.write(b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body))
        await writer.drain()
        writer.close()
        await writer.wait_closed()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    return server, f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/"


@everywhere
@real
async def test_httpx(node: Node, inside: Inside) -> None:
    """httpx's client gets a page."""
    server, address = await local_server("hello")

    async def get() -> str:
        async with httpx.AsyncClient(trust_env=False) as client:
            return (await client.get(address)).text

    async with server:
        assert await inside(get) == "hello"


@everywhere
@real
async def test_httpx_timeout(node: Node, inside: Inside) -> None:
    """httpx's timeout ends a request, and the next request works."""

    async def never(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    deaf = await asyncio.start_server(never, "127.0.0.1", 0)
    server, address = await local_server("again")

    async def get() -> str:
        async with httpx.AsyncClient(trust_env=False, timeout=httpx.Timeout(30, read=0.05)) as client:
            with pytest.raises(httpx.ReadTimeout):
                await client.get(f"http://127.0.0.1:{deaf.sockets[0].getsockname()[1]}/")
        async with httpx.AsyncClient(trust_env=False, timeout=30) as client:
            return (await client.get(address)).text

    async with deaf, server:
        assert await inside(get) == "again"
