"""`sending.send_after_runnable`: a message that comes after everything runnable."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from regrow import From, GenServer, NoReply, Ok, VirtualClock, call, process, reply
from regrow.kernel.running import running
from regrow.kernel.scheduler import VIRTUAL_TURN
from regrow.kernel.sending import send_after_runnable
from regrow.testing import expect_idle, simulate

pytestmark = pytest.mark.regrow

CLIENTS = 100


class Gatherer(GenServer[list[From]]):
    """A server that answers calls in batches, with the size of the batch."""

    def init(self, sizes: list[int], /) -> Ok[list[From]]:
        """Note the sizes of the batches in this list."""
        self.sizes = sizes
        return Ok([])

    def handle_call(self, _request: Any, from_: From, gathered: list[From], /) -> Any:
        """Keep a call; the first one asks for the flush."""
        if not gathered:
            send_after_runnable(running(), "flush")
        gathered.append(from_)
        return NoReply(gathered)

    def handle_info(self, message: Any, gathered: list[From], /) -> NoReply[list[From]]:
        """Answer all."""
        assert message == "flush"
        self.sizes.append(len(gathered))
        for from_ in gathered:
            reply(from_, len(gathered))
        return NoReply([])


async def client(server: Any, rounds: int, parent: Any) -> None:
    for _ in range(rounds):
        await call(server, "next")
    process.send(parent, "done")


async def calls_of_processes(sizes: list[int]) -> None:
    server = await Gatherer.start_link(sizes)
    for _ in range(CLIENTS):
        process.spawn(client, server, 5, process.current())
    for _ in range(CLIENTS):
        assert await process.receive() == "done"


async def test_the_calls_of_all_runnable_processes_are_in_a_batch(virtual_clock: VirtualClock) -> None:
    sizes: list[int] = []
    await calls_of_processes(sizes)
    assert sizes == [CLIENTS] * 5
    assert virtual_clock.now() == 1000.0


async def test_the_calls_of_all_runnable_tasks_are_in_a_batch(virtual_clock: VirtualClock) -> None:
    sizes: list[int] = []
    server = await Gatherer.start_link(sizes)

    async def task() -> None:
        for _ in range(5):
            await call(server, "next")

    await asyncio.gather(*(asyncio.create_task(task()) for _ in range(CLIENTS)))
    assert sizes == [CLIENTS] * 5
    assert virtual_clock.now() == 1000.0


@pytest.mark.regrow(clock="real")
async def test_a_turn_that_is_over_does_not_split_the_batch() -> None:
    sizes: list[int] = []
    server = await Gatherer.start_link(sizes)
    me = process.current()

    async def slow_client() -> None:
        deadline = process.monotonic() + 0.0003  # a few of these fill a turn
        while process.monotonic() < deadline:
            pass
        await call(server, "next")
        process.send(me, "done")

    for _ in range(30):
        process.spawn(slow_client)
    for _ in range(30):
        assert await process.receive() == "done"
    assert sizes[0] > 20


async def test_a_node_that_is_never_idle_does_not_hold_the_message_back() -> None:
    rounds = 0

    async def busy() -> None:
        nonlocal rounds
        while rounds < 1000 * VIRTUAL_TURN:
            rounds += 1
            process.send(process.current(), "again")
            await process.receive()

    process.spawn(busy)
    process.spawn(busy)
    send_after_runnable(running(), "flush")
    assert await process.receive() == "flush"
    assert rounds < 100 * VIRTUAL_TURN


async def test_the_virtual_clock_does_not_move_before_the_message(virtual_clock: VirtualClock) -> None:
    process.send_after(process.current(), "timer", 0.001)
    send_after_runnable(running(), "flush")
    assert [await process.receive(), virtual_clock.now()] == ["flush", 1000.0]
    assert await process.receive() == "timer"


async def test_a_message_to_a_process_that_has_ended_is_dropped(caplog: pytest.LogCaptureFixture) -> None:
    async def asks() -> None:
        send_after_runnable(running(), "flush")

    pid, _ = process.spawn_monitor(asks)
    ended = pid.process
    assert ended is not None
    assert (await process.receive()).reason == "normal"
    await expect_idle()
    assert ended.mailbox is None
    assert caplog.text == ""


@simulate(runs=20)
async def test_every_call_is_answered_under_every_schedule() -> None:
    sizes: list[int] = []
    server = await Gatherer.start_link(sizes)
    for _ in range(5):
        process.spawn(client, server, 3, process.current())
    for _ in range(5):
        assert await process.receive() == "done"
    assert sum(sizes) == 15
