"""Futures of other loops, tasks in a process's own context, and adopted tasks: the edges to asyncio."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from contextvars import ContextVar
from typing import Any

import pytest

from regrow import GenServer, Node, NoReply, Ok, Reply, VirtualClock, call, cast, process, send
from regrow.testing import expect_idle

pytestmark = pytest.mark.regrow
real = pytest.mark.regrow(clock="real")


@pytest.fixture
def other_loop() -> Iterator[asyncio.AbstractEventLoop]:
    """The event loop of another thread."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    yield loop
    loop.call_soon_threadsafe(loop.stop)
    thread.join(20)
    loop.close()


# Futures of another loop


async def refused(future: Any) -> str:
    with pytest.raises(RuntimeError, match="attached to a different loop") as raised:
        await future
    return str(raised.value)


@real
@pytest.mark.parametrize("made", ["future", "task", "gathered", "shielded"])
async def test_a_future_of_another_loop_is_refused_at_the_await(
    made: str, other_loop: asyncio.AbstractEventLoop, node: Node
) -> None:
    future: asyncio.Future[Any] = other_loop.create_future()
    if made == "task":
        future = await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(begun(), other_loop))
    elif made == "gathered":
        future = asyncio.gather(future)
    elif made == "shielded":
        future = asyncio.shield(future)
    assert repr(process.current()) in await refused(future)

    def give_up() -> None:
        future.add_done_callback(retrieved)
        future.cancel()

    other_loop.call_soon_threadsafe(give_up)
    assert threading.get_ident() == node.thread
    assert node.scheduler.awaiting == 0


def retrieved(future: asyncio.Future[Any]) -> None:
    """Retrieve a future's exception, as an await does: asyncio reports exceptions that are never retrieved."""
    if not future.cancelled():
        future.exception()


async def begun() -> asyncio.Task[None]:
    return asyncio.get_running_loop().create_task(asyncio.sleep(1000.0))


@real
async def test_a_callback_cannot_await_a_future_of_another_loop(other_loop: asyncio.AbstractEventLoop) -> None:
    class Server(GenServer[Any]):
        async def handle_call(self, request: Any, _from: Any, state: Any, /) -> Any:
            return Reply(await refused(request), state)

    server = await Server.start_link()
    assert "different loop" in await call(server, other_loop.create_future())


@real
async def test_a_killed_process_cannot_await_a_future_of_another_loop(other_loop: asyncio.AbstractEventLoop) -> None:
    said: list[str] = []

    async def releases() -> None:
        try:
            await process.receive()
        finally:
            said.append(await refused(other_loop.create_future()))

    pid = process.spawn(releases)
    await expect_idle()
    process.exit(pid, "kill")
    await expect_idle()
    assert len(said) == 1


# Tasks in the context of a process

WHO: ContextVar[str] = ContextVar("who", default="unknown")


class InItsContext(GenServer[Any]):
    """A server that starts a task in its own context, which calls the server."""

    def init(self, arg: Any, /) -> Any:
        WHO.set("the server")
        return Ok(arg)

    async def handle_call(self, request: Any, _from: Any, state: Any, /) -> Any:
        task: Any = asyncio.current_task()
        if request == "start":
            made = asyncio.get_running_loop().create_task(
                self.asks(process.current(), state), context=task.get_context()
            )
            return Reply(made, state)
        return Reply((request, WHO.get()), state)

    def handle_cast(self, request: Any, state: Any, /) -> Any:
        state.append(request)
        return NoReply(state)

    async def asks(self, me: Any, state: Any) -> Any:
        cast(me, "cast")
        found = [await call(me, number) for number in range(3)]
        return found, state


class Between(GenServer[Any]):
    """A server that passes a call on."""

    async def handle_call(self, request: Any, _from: Any, state: Any, /) -> Any:
        return Reply(await call(request, "through another"), state)


class Direct(GenServer[Any]):
    """A server that answers a task in its context without an `async` callback."""

    def init(self, arg: Any, /) -> Any:
        WHO.set("the server")
        return Ok(arg)

    def handle_call(self, request: Any, _from: Any, state: Any, /) -> Any:
        return Reply((request, WHO.get()), state)


async def test_a_task_in_the_servers_own_context_calls_it() -> None:
    seen: list[Any] = []
    server = await InItsContext.start_link(seen)
    task = await call(server, "start")
    assert await task == ([(number, "the server") for number in range(3)], ["cast"])
    assert await call(server, "after") == ("after", "the server")


async def test_a_task_in_the_servers_context_calls_it_through_another() -> None:
    server = await Direct.start_link()
    between = await Between.start_link()
    found = server.process
    assert found is not None

    async def asks() -> Any:
        return await call(server, "directly"), await call(between, server)

    loop = asyncio.get_running_loop()
    answers = await loop.create_task(asks(), context=found.context)
    assert answers == (("directly", "the server"), ("through another", "the server"))
    assert process.alive(server)
    assert process.alive(between)


async def test_a_callback_that_enters_a_context_twice_crashes() -> None:
    """The mistake is in the callback itself, and looks like a task in the server's context."""

    class Twice(GenServer[Any]):
        def handle_call(self, _request: Any, _from: Any, state: Any, /) -> Any:
            task: Any = process.current().process
            task.context.run(int)
            return Reply(None, state)

    process.trap_exit(True)
    server = await Twice.start_link()
    with pytest.raises(Exception, match="cannot enter context"):
        await call(server, "x")
    assert not process.alive(server)


async def test_a_process_may_receive_in_the_context_of_the_sender() -> None:
    """The first step of a process that is no server may run in its own context as well."""
    got: list[Any] = []

    async def receiver() -> None:
        got.append(await process.receive())

    pid = process.spawn(receiver)
    await expect_idle()
    found = pid.process
    assert found is not None
    context = found.context
    context.run(send, pid, "mail")
    await expect_idle()
    assert got == ["mail"]


# Adopted tasks


@pytest.mark.parametrize("fits", [True, False])
async def test_message_and_deadline_in_one_iteration_of_the_loop(
    fits: bool, node: Node, virtual_clock: VirtualClock
) -> None:
    answers: list[Any] = []
    problems: list[dict[str, Any]] = []
    # The exceptions of callbacks arrive here; a log would also have those that the collector finds of other tests.
    asyncio.get_running_loop().set_exception_handler(lambda _loop, context: problems.append(context))
    ready = asyncio.Event()

    async def adopted() -> None:
        async with process.adopt() as pid:
            process.send_after(pid, "mail" if fits else 1, 1.0)
            ready.set()
            try:
                answers.append(await process.receive(str, timeout=1.0))
            except TimeoutError:
                answers.append("late")
            answers.append(process.info(pid, "messages"))

    task = asyncio.ensure_future(adopted())
    await ready.wait()
    await asyncio.sleep(0)
    virtual_clock.advance(1.0) if hasattr(virtual_clock, "advance") else None
    await asyncio.wait_for(task, 20)
    assert answers == (["mail", []] if fits else ["late", [1]])
    assert problems == []
    assert node.scheduler.timers.next_due() == float("inf")
