"""Servers that call servers: nested exit reasons, cascades, deadlock."""

from __future__ import annotations

from typing import Any

from regrow import Exit, From, GenServer, Reply, call, process
from tests.oracle.twin import Twin, attempt, down, name, say, settle, try_say

twin = Twin("22_gs_call_chains")


class S(GenServer[Any]):
    async def handle_call(self, request: Any, _from: From, following: Any) -> Any:
        match request, following:
            case "crash", None:
                raise Exit("root_cause")
            case "raise", None:
                raise RuntimeError("boom")
            case "sleep", None:
                await settle(150)
                return Reply("slept", None)
            case ("caught", asked), _:
                return Reply(await attempt(lambda: call(following, asked)), following)
            case ("t", milliseconds, asked), _:
                return Reply(await call(following, asked, milliseconds / 1000), following)
            case ("next", pid), _:
                return Reply("ok", pid)
            case _:
                return Reply(await call(following, request), following)


async def chain(*names: str) -> Any:
    """Start a server for each name, which calls the server of the next name; return the first one."""
    following: Any = None
    for word in reversed(names):
        following = name(await S.start(following), word)
    return following


@twin.block("a crash at the end of a chain of three: every server in between dies, the reasons nest")
async def crash_at_the_end() -> None:
    server = await chain("s1", "s2", "s3")
    ref = process.monitor(server)
    await try_say("caller", lambda: call(server, "crash"))
    say("s1 down", await down(ref))


@twin.block("caught in the middle: that one and those before it live")
async def caught() -> None:
    server = await chain("s1", "s2")
    say("caller", await call(server, ("caught", "crash")))
    say("s1 alive", process.alive(server))


@twin.block("a timeout in the middle crashes the middle: the caller sees the nested timeout")
async def timeout_in_the_middle() -> None:
    server = await chain("s1", "s2")
    await try_say("caller", lambda: call(server, ("t", 30, "sleep")))
    say("s1 alive", process.alive(server))


@twin.block("two servers calling each other: deadlock until a timeout")
async def deadlock() -> None:
    first = await S.start()
    second = await S.start(first)
    await call(first, ("next", second))
    name(first, "a")
    name(second, "b")
    await try_say("caller", lambda: call(first, ("t", 60, ("t", 200, "ping"))))
    await settle(250)
    say("a alive", process.alive(first))
    say("b alive (its call to a ended with a's crash)", process.alive(second))


TO_B = "{GenServer, :call, [<b>, {:t, 200, :ping}, 60]}"
TO_A = "{GenServer, :call, [<a>, {:t, 60, {:t, 200, :ping}}, 5000]}"
twin.differs(
    "two servers calling each other: deadlock until a timeout",
    f"caller: {{:EXIT, {{{{:timeout, {TO_B}}}, {TO_A}}}}}",
    "caller: {:EXIT, {{{{:deadlock, [<b>, <a>]}, {GenServer, :call, [<a>, :ping, 200]}}, " + f"{TO_B}}}, {TO_A}}}}}",
    because="a circle of calls is found at once, in the call that closes it, where the BEAM waits for the first timeout",
)
