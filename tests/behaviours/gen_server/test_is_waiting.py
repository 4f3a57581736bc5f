"""`gen_server.is_waiting`: whether the caller of a deferred call still waits."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from regrow import (
    CallTimeout,
    From,
    GenServer,
    Node,
    NoReply,
    Ok,
    Pid,
    Reply,
    call,
    from_thread,
    gen_server,
    process,
    reply,
)
from regrow.gen_server import is_waiting
from regrow.testing import expect_idle, kill

pytestmark = pytest.mark.regrow


class Keeper(GenServer[list[From]]):
    """A server that keeps every call but `"waiting"` for later, in a list that the test shares."""

    def init(self, kept: list[From], /) -> Ok[list[From]]:
        """Keep calls in this list."""
        return Ok(kept)

    def handle_call(self, request: Any, from_: From, kept: list[From], /) -> Any:
        """Answer whether each kept call is waited for, or keep the call."""
        if request == "waiting":
            return Reply([is_waiting(one) for one in kept], kept)
        kept.append(from_)
        assert is_waiting(from_)  # also of a call that was handed over, whose caller is below on the stack
        return NoReply(kept)


async def by_call(server: Pid) -> None:
    with contextlib.suppress(CallTimeout):
        await call(server, "later", 5.0)
    await process.sleep(None)


async def by_request(server: Pid) -> None:
    gen_server.send_request(server, "later")
    await process.sleep(None)


async def until(holds: Callable[[], object]) -> None:
    """Wait, in real time, until what another thread does has been done."""
    while not holds():  # noqa: ASYNC110 - another thread sets no event of asyncio
        await asyncio.sleep(0.001)


async def keeper() -> tuple[Pid, list[From]]:
    kept: list[From] = []
    return await Keeper.start_link(kept), kept


@pytest.mark.parametrize("ask", [by_call, by_request])
async def test_a_process_waits_until_it_is_answered(ask: Callable[[Pid], Awaitable[None]]) -> None:
    server, kept = await keeper()
    process.spawn(ask, server)
    await expect_idle()
    assert await call(server, "waiting") == [True]
    reply(kept[0], "now")
    assert not is_waiting(kept[0])


@pytest.mark.parametrize("ask", [by_call, by_request])
async def test_a_process_that_has_died_waits_no_longer(ask: Callable[[Pid], Awaitable[None]]) -> None:
    server, _ = await keeper()
    asker = process.spawn(ask, server)
    await expect_idle()
    await kill(asker)
    assert await call(server, "waiting") == [False]


async def test_a_process_waits_until_its_timeout() -> None:
    server, kept = await keeper()
    process.spawn(by_call, server)
    await process.sleep(4.9)
    assert is_waiting(kept[0])
    await process.sleep(0.2)
    assert not is_waiting(kept[0])


async def test_a_request_is_waited_for_until_receive_response_gives_up() -> None:
    server, kept = await keeper()
    sent = gen_server.send_request(server, "later")
    assert await gen_server.wait_response(sent, 1.0) == "timeout"
    assert is_waiting(kept[0])
    assert await gen_server.receive_response(sent, 1.0) == "timeout"
    assert not is_waiting(kept[0])


async def test_a_process_that_was_cancelled_waits_no_longer() -> None:
    async def gives_up(server: Pid) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(1.0):
                await call(server, "later", None)
        await process.sleep(None)

    server, kept = await keeper()
    process.spawn(gives_up, server)
    await process.sleep(0.9)
    assert is_waiting(kept[0])
    await process.sleep(0.2)
    assert not is_waiting(kept[0])


@pytest.mark.parametrize("end", ["cancel", "timeout", "answer"])
async def test_a_plain_task_waits_until_it_does_not(end: str) -> None:
    server, kept = await keeper()
    task = asyncio.create_task(call(server, "later", 5.0))
    await process.sleep(1.0)
    assert is_waiting(kept[0])
    if end == "cancel":
        task.cancel()
    elif end == "answer":
        reply(kept[0], "now")
    with contextlib.suppress(CallTimeout, asyncio.CancelledError):
        assert await task == "now"
    assert not is_waiting(kept[0])


@pytest.mark.regrow(clock="real")
async def test_a_call_by_a_thread_is_waited_for(node: Node) -> None:
    server, kept = await keeper()

    def ask() -> object:
        return from_thread.call(server, "later", None, node=node)

    answered = asyncio.create_task(asyncio.to_thread(ask))
    await until(lambda: kept)
    assert is_waiting(kept[0])
    reply(kept[0], "now")
    assert await answered == "now"
    assert not is_waiting(kept[0])


@pytest.mark.parametrize("request_of", [None, "request", ("later",), threading.Event()])
async def test_only_a_from_can_be_asked_about(request_of: Any) -> None:
    with pytest.raises(TypeError, match="is_waiting: wanted the from_ that handle_call got"):
        is_waiting(request_of)


@pytest.mark.regrow(clock="real")
@pytest.mark.parametrize("end", ["timeout", "kill", "node"])
async def test_the_end_of_a_wait_on_another_node_is_noted(end: str) -> None:
    server, kept = await keeper()
    leave = threading.Event()

    async def elsewhere() -> None:
        async with Node("elsewhere"):
            asker = process.spawn(asks, 0.05 if end == "timeout" else None)
            if end == "kill":
                await until(lambda: kept)
                process.exit(asker, "kill")
            await until(leave.is_set)

    async def asks(timeout: float | None) -> None:
        with contextlib.suppress(CallTimeout):
            await call(server, "later", timeout)
        await process.sleep(None)

    other = asyncio.create_task(asyncio.to_thread(asyncio.run, elsewhere()))
    try:
        await until(lambda: kept)
        if end == "node":
            assert is_waiting(kept[0])
            leave.set()
        await until(lambda: not is_waiting(kept[0]))
    finally:
        leave.set()
        await other
    assert not is_waiting(kept[0])
