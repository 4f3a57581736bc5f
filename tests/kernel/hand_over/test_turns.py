"""Turns: the event loop and the other processes run while servers and callers are busy."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import textwrap
from typing import Any

import pytest

import regrow
from regrow import (
    Down,
    From,
    GenServer,
    Node,
    NoReply,
    Reply,
    call,
    cast,
    process,
)
from tests.kernel.hand_over.doers import Doer


async def count_turns(until: asyncio.Future[Any]) -> int:
    """Count how often the event loop iterates until a future is done."""
    turns = 0
    while not until.done():
        await asyncio.sleep(0)
        turns += 1
    return turns


@pytest.mark.regrow(clock="real")
@pytest.mark.parametrize("client", ["process", "plain task"])
async def test_a_tight_loop_of_calls_yields_to_the_event_loop(node: Node, client: str) -> None:
    """A client that only makes calls does not block the event loop."""
    server = await Doer.start_link([])

    async def greedy() -> None:
        for _ in range(30_000):
            await call(server, int)

    done = asyncio.get_running_loop().create_future()

    async def greedy_process() -> None:
        await greedy()
        done.set_result(None)

    if client == "process":
        process.spawn_link(greedy_process)
        ticker = asyncio.create_task(count_turns(done))
    else:
        task = asyncio.create_task(greedy_process())
        ticker = asyncio.create_task(count_turns(done))
        await task
    # 30,000 calls take at least 20 ms; a turn of the kernel takes 1 ms.
    assert await ticker > 10


class Busy(GenServer[list[str]]):
    """A server that casts itself more work, until it is killed."""

    def handle_call(self, request: str, _from: From, done: list[str]) -> Reply[list[str]]:
        cast(process.current(), request)
        return Reply(done, done)

    def handle_cast(self, request: str, done: list[str]) -> NoReply[list[str]]:
        cast(process.current(), request)
        done.append(request)
        return NoReply(done)


@pytest.mark.regrow(clock="real")
async def test_a_server_that_is_never_idle_yields_to_the_event_loop(node: Node) -> None:
    """The server takes its queued messages while no other process is ready, but not forever."""
    server = await Busy.start([])
    done = await call(server, "more")
    assert done == []  # its next message does not delay its caller
    for turn in range(1, 10):
        await asyncio.sleep(0)
        assert len(done) >= turn
    assert process.alive(server)
    process.exit(server, "kill")


@pytest.mark.regrow(clock="real")
async def test_an_async_server_yields_to_the_event_loop(node: Node) -> None:
    """Timers fire between a thousand calls to a server that awaits a future in each."""
    loop = asyncio.get_running_loop()

    class Awaiting(GenServer[None]):
        async def handle_call(self, request: object, _from: From, state: None) -> Any:
            future: asyncio.Future[object] = loop.create_future()
            loop.call_soon(future.set_result, request)
            return Reply(await future, state)

    server = await Awaiting.start_link()
    ticks = 0
    running = True

    def tick() -> None:
        nonlocal ticks
        ticks += 1
        if running:
            loop.call_later(0, tick)

    tick()
    for number in range(1000):
        assert await call(server, number) == number
    running = False
    await asyncio.sleep(0)
    assert ticks > 900


@pytest.mark.regrow(clock="real")
@pytest.mark.skipif(regrow.compiled, reason="counts turns by a function put in the scheduler's place")
async def test_turns_do_not_multiply(node: Node) -> None:
    """At most one turn is scheduled, however many futures and timers wake processes."""
    scheduler = node.scheduler
    most = 0
    turn = scheduler.turn

    def counted() -> None:
        nonlocal most
        most = max(most, sum("turn" in repr(handle) for handle in getattr(loop, "_ready", ())))
        turn()

    loop = asyncio.get_running_loop()
    scheduler.turn = counted  # type: ignore[method-assign]

    async def busy() -> None:
        for _ in range(50):
            await asyncio.sleep(0.0001)
            await process.sleep(0)

    pids = [process.spawn_link(busy) for _ in range(50)]
    for pid in pids:
        process.monitor(pid)
    for _ in pids:
        await process.receive(Down)
    assert most <= 1


@pytest.mark.parametrize("error", ["KeyboardInterrupt", "SystemExit"])
@pytest.mark.parametrize("where", ["def", "async def", "process"])
def test_an_interrupt_in_a_callback_ends_the_program(error: str, where: str) -> None:
    """KeyboardInterrupt and SystemExit in a callback leave through the event loop."""
    kind = "async def" if where != "def" else "def"
    program = f"""
        import asyncio
        from regrow import GenServer, Node, Reply, call, process

        class Server(GenServer[None]):
            {kind} handle_call(self, request, from_, state):
                raise {error}("stop")

        async def raises():
            raise {error}("stop")

        async def main():
            async with Node():
                try:
                    if {where == "process"}:
                        process.spawn(raises)
                    else:
                        await call(await Server.start(), "x", None)
                    await asyncio.sleep(60)
                except Exception as error:
                    print("caught", error)
                    await asyncio.sleep(60)

        try:
            asyncio.run(main())
        except {error} as error:
            print("left with", repr(error))
    """
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(program)],
        capture_output=True,
        text=True,
        timeout=30,
        env=environment,
        check=False,
    )
    assert f"left with {error}('stop')" in done.stdout, done.stdout + done.stderr
