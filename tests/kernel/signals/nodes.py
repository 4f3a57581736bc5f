"""Programs that run under every order of steps, and on one node or two."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st

from regrow import (
    Exit,
    Exited,
    From,
    GenServer,
    Node,
    NoReply,
    Pid,
    Reply,
    VirtualClock,
    call,
    cast,
    process,
)

Scenario = Callable[[], Awaitable[Any]]


seeds = st.integers(0, 10_000)


some = settings(max_examples=12, deadline=None)


class Log(GenServer[list[Any]]):
    """A server that records what arrives, in order."""

    def init(self, state: list[Any]) -> Any:
        process.trap_exit(True)
        return super().init(state)

    def handle_call(self, request: Any, _from: From, state: list[Any]) -> Any:
        match request:
            case "seen":
                return Reply(state, state)
            case "alias":
                return Reply(process.alias(), state)
            case _:
                return Reply(request, [*state, request])

    def handle_cast(self, request: Any, state: list[Any]) -> Any:
        return NoReply([*state, request])

    def handle_info(self, message: Any, state: list[Any]) -> Any:
        return NoReply([*state, message.reason if isinstance(message, Exited) else message])


def under(seed: int | None, hand_over: bool | None, scenario: Scenario) -> Any:
    """Run an async function as a process of a node with this seed; return its result."""
    found: list[Any] = []

    async def keep() -> None:
        try:
            found.append(await scenario())
        except BaseException as error:
            found.append(error)
            raise

    async def main() -> None:
        async with Node(seed=seed, hand_over=hand_over, clock=VirtualClock()) as node:
            await node.ended(node.launch(keep, (), node.init))

    asyncio.run(main())
    if isinstance(found[0], BaseException):
        raise found[0]
    return found[0]


def everywhere(seed: int, scenario: Scenario) -> Any:
    """Run a scenario under all orders, with and without hand-over; return the result, which is always the same."""
    ways = [(None, True), (None, False), (seed, None), (seed, True), (seed, False), (seed + 1, None)]
    results = {way: under(*way, scenario) for way in ways}
    first = results[None, True]
    for way, result in results.items():
        assert result == first, f"{way} gives something else than no seed with hand-over"
    return first


async def some_turns(chance: random.Random) -> None:
    """Let other processes run a few times."""
    for _ in range(chance.randrange(4)):
        await asyncio.sleep(0)


async def waits(wait: str) -> None:
    """Wait in one of the ways in which a process can wait."""
    match wait:
        case "receive":
            await process.receive()
        case "selective":
            await process.receive(bytes, timeout=60)
        case "sleep":
            await process.sleep(60)
        case "future":
            await asyncio.Event().wait()
        case "task":
            await asyncio.create_task(asyncio.Event().wait())
        case "call":
            await call("deaf", "x", None)
        case _:
            for _ in range(1000):
                await asyncio.sleep(0)


async def victim(wait: str, then: str, finished: list[str], killer: Pid) -> None:
    """Wait, and do something when the wait is over."""
    try:
        process.send(killer, "waiting")
        await waits(wait)
    finally:
        finished.append(then)
        match then:
            case "raise":
                raise ValueError("late")
            case "exit":
                raise Exit("late")
            case "return":
                return  # noqa: B012 - what is in flight is swallowed: that is the point
            case "await":
                await asyncio.sleep(0)
            case "link":
                process.link(killer)
            case _:
                process.exit(process.current(), "kill")


reasons = st.sampled_from(["normal", "oops", "kill", "shutdown"])


async def do(step: tuple[Any, ...], pids: list[Pid]) -> Any:
    """Run one step of a program and return its result."""
    what: str = step[0]
    number: int = step[1]
    pid = pids[number]
    last: Any = step[-1]
    match what:
        case "link" | "unlink" | "monitor":
            return await call(pid, (what, pids[last]), 1)
        case "demonitor" | "name":
            return await call(pid, what, 1)
        case "ask":
            return cast(pid, ("ask", pids[int(last)]))
        case "die":
            return await call(pid, ("die", last), 1)
        case "exit":
            return process.exit(pid, last)
        case "killed by":
            return cast(pids[0], ("exit", pid, last))
        case "cast":
            return cast(pid, "cast")
        case _:
            return process.send(pid, what)
