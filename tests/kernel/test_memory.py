"""Dead processes leave nothing behind: no frames in reasons, no cycles, no timers, monitors or names."""

from __future__ import annotations

import asyncio
import gc
import weakref
from typing import Any

import pytest

from regrow import CalleeExit, Down, Exit, From, GenServer, Global, Node, NoReply, Reply, call, cast, process
from regrow.kernel.names import GLOBAL_NAMES
from regrow.testing import expect_idle


class Local:
    """An object in a variable of a frame."""


class Server(GenServer[int]):
    """A server that runs the function it is sent."""

    async def handle_call(self, request: Any, _from: From, state: int) -> Any:
        return Reply(await request(), state)

    def handle_cast(self, request: Any, state: int) -> Any:
        request()
        return NoReply(state)


@pytest.mark.parametrize("kind", ["plain", "cause", "group", "exit", "tuple"])
async def test_a_reason_keeps_no_frames(node: Node, kind: str) -> None:
    """A process that keeps the reason of another's death does not keep its variables alive."""
    kept: list[weakref.ref[Local]] = []

    def fail() -> None:
        local = Local()
        kept.append(weakref.ref(local))
        raise ValueError(repr(local))

    async def crash() -> None:
        try:
            fail()
        except ValueError as error:
            match kind:
                case "plain":
                    raise
                case "cause":
                    raise LookupError("outer") from error
                case "group":
                    raise ExceptionGroup("many", [error]) from None
                case "exit":
                    raise Exit(error) from None
                case _:
                    raise Exit(("because", (error, 1))) from None

    _, ref = process.spawn_monitor(crash)
    down = await process.receive(Down)
    assert down.ref is ref
    assert len(kept) == 1
    assert kept[0]() is None
    assert down.reason is not None


async def test_a_failed_call_keeps_no_frames(node: Node) -> None:
    """The caller's exception does not keep the server's variables."""
    kept: list[weakref.ref[Local]] = []

    async def fail() -> None:
        local = Local()
        kept.append(weakref.ref(local))
        raise ValueError(repr(local))

    server = await Server.start(0)
    with pytest.raises(CalleeExit) as raised:
        await call(server, fail)
    gc.collect()
    assert kept[0]() is None
    assert isinstance(raised.value.reason[0], ValueError)


async def test_a_death_travels_along_ten_thousand_links(node: Node) -> None:
    """The death needs no deep stack."""
    count = 10_000
    previous = process.spawn(process.sleep, None)
    first = previous

    async def linked(to: Any) -> None:
        process.link(to)
        await process.sleep(None)

    for _ in range(count):
        previous = process.spawn(linked, previous)
    await expect_idle()
    ref = process.monitor(previous)
    process.exit(first, "oops")
    down = await process.receive(Down)
    assert (down.ref, down.reason) == (ref, "oops")
    assert len(process.processes()) == 2


async def coming_and_going(node: Node) -> None:
    """Start processes of every kind, and end them in every way."""
    process.trap_exit(True)

    async def awaits() -> None:
        await asyncio.sleep(0)
        await process.receive()

    async def calls(server: Any) -> None:
        await call(server, lambda: asyncio.sleep(0))

    for reason in ("kill", "normal", "oops", None):
        server = await Server.start_link(0)
        process.spawn_link(calls, server)
        awaiting = process.spawn_link(awaits)
        process.monitor(server)
        process.monitor(awaiting)
        process.send_after(awaiting, "late", 60)
        process.send_interval(server, "late", 60)
        process.register("server", server)
        await call(server, lambda: asyncio.sleep(0))
        cast(server, int)
        await expect_idle()
        for pid in (server, awaiting):
            if reason is None:
                process.send(pid, "any")
                cast(pid, lambda: 1 / 0)
            else:
                process.exit(pid, "kill" if reason == "normal" else reason)
        await process.sleep(10)
    await Server.start_link(0, name=Global("server"))
    process.exit(process.whereis(Global("server")), "kill")  # type: ignore[arg-type]
    await process.sleep(10)
    while process.info(process.current(), "message_queue_len"):
        await process.receive()


async def test_nothing_is_left(node: Node) -> None:
    """After processes have come and gone, tables, timers, links and monitors are as before."""
    before = len(process.processes())
    await coming_and_going(node)
    me = process.current().process
    assert me is not None
    assert len(process.processes()) == before
    assert node.names == {}
    assert GLOBAL_NAMES == {}
    assert node.scheduler.timers.next_due() == float("inf")
    assert node.scheduler.awaiting == 0
    assert node.remnants.kept == {}
    assert me.links is None or me.links is node.init.pid
    assert me.monitors is None
    assert me.watchers is None or not isinstance(me.watchers, dict)
    assert me.mailbox is None


async def test_no_cycle_keeps_a_dead_process(node: Node) -> None:
    """A dead process is freed at once, without the garbage collector: the kernel drops every reference to it."""
    gc.collect()
    gc.disable()
    try:
        before = sum(type(one).__name__ in ("Process", "ProcessTask") for one in gc.get_objects())

        async def awaits() -> None:
            await asyncio.sleep(0)

        async def killed() -> None:
            await process.receive()

        pids = [process.spawn(function) for function in (awaits, killed, int) for _ in range(100)]
        await expect_idle()
        for pid in pids:
            if process.alive(pid):
                process.exit(pid, "kill")
        await expect_idle()
        await process.sleep(20)
        after = sum(type(one).__name__ in ("Process", "ProcessTask") for one in gc.get_objects())
        assert after - before <= 3
    finally:
        gc.enable()


async def test_a_closed_remnant_is_not_counted(node: Node) -> None:
    """A future that a closed remnant awaited has no callback left and does not hold up the clock."""
    future: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    async def stubborn() -> None:
        while True:
            try:
                await asyncio.shield(future)
            except asyncio.CancelledError:
                continue

    pid = process.spawn(stubborn)
    await expect_idle()
    process.exit(pid, "kill")
    await process.sleep(30)
    assert node.scheduler.awaiting == 0
    future.cancel()
    await process.sleep(1)
    assert node.scheduler.awaiting == 0


@pytest.mark.parametrize("kind", ["cause", "context", "group"])
async def test_a_reason_keeps_no_frames_of_causes_added_later(node: Node, kind: str) -> None:
    """An exception set as the cause, or put into a group, need not be the one that was being handled."""
    kept: list[weakref.ref[Local]] = []

    def failure() -> ValueError:
        local = Local()
        kept.append(weakref.ref(local))
        try:
            raise ValueError(repr(local))
        except ValueError as error:
            return error

    async def crash() -> None:
        error = failure()
        if kind == "cause":
            raise LookupError("outer") from error
        if kind == "context":
            outer = LookupError("outer")
            outer.__context__ = error
            raise outer
        raise ExceptionGroup("many", [error])

    _, ref = process.spawn_monitor(crash)
    down = await process.receive(Down)
    gc.collect()
    assert down.ref is ref
    assert isinstance(down.reason, Exception)
    assert kept[0]() is None
