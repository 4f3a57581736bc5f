"""Operations of the kernel near the end of the stack: they raise and have done nothing, or have done everything."""

from __future__ import annotations

import asyncio
import contextlib
import sys
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest

from regrow import CallExit, Down, Exited, GenServer, NoReply, Ok, Pid, Reply, call, cast, process, reply, send
from regrow.kernel.running import running
from tests.matrix.cells import run_cell

MOST = 70  # frames: more than any function of the kernel needs


def at_depth(left: int, function: Callable[[], Any]) -> Any:
    """Call a function where the stack has room for about this many frames."""
    here = 0
    frame: Any = sys._getframe()  # pyright: ignore[reportPrivateUsage]
    while frame is not None:
        here += 1
        frame = frame.f_back

    def down(more: int) -> Any:
        return function() if more <= 0 else down(more - 1)

    return down(sys.getrecursionlimit() - here - left)


def tried(left: int, function: Callable[[], Any]) -> bool:
    """Return True if a function returned, and False if it raised RecursionError."""
    try:
        at_depth(left, function)
    except RecursionError:
        return False
    return True


async def waits() -> None:
    await process.receive(Pid)


async def messages() -> list[Any]:
    """Return all messages that this process has got."""
    found: list[Any] = []
    while True:
        try:
            found.append(await process.receive(timeout=0.01))
        except TimeoutError:
            return found


@pytest.mark.parametrize("trapping", [False, True])
def test_an_exit_signal_from_deep_in_the_stack_reaches_all_or_none(trapping: bool) -> None:
    """A process exits another with three links and a monitor; then one more, whose death must be reported, too."""

    async def linked(to: Pid) -> None:
        process.trap_exit(trapping)
        process.link(to)
        await process.receive(Pid)

    async def scenario() -> None:
        done: set[bool] = set()
        for left in range(2, MOST):
            victim = process.spawn_link(waits)
            friends = [process.spawn(linked, victim) for _ in range(3)]
            refs = [process.monitor(one) for one in [victim, *friends]]
            await process.sleep(0.01)
            went = tried(left, partial(process.exit, victim, "boom"))
            done.add(went)
            found = await messages()
            downs = [one.ref for one in found if type(one) is Down]
            gone = [victim, *friends][: 1 if trapping else 4]
            if went:
                assert sorted(downs) == refs[: len(gone)]
                assert [one.pid for one in found if type(one) is Exited] == [victim]
                assert not any(process.alive(one) for one in gone)
            elif downs:  # it had begun, and raised: then it has happened
                assert sorted(downs) == refs[: len(gone)]
            else:
                assert process.alive(victim)
            for one in [victim, *friends]:
                process.exit(one, "kill")
            await messages()
            after = process.spawn_link(waits)
            process.exit(after, "after")
            assert [one.reason for one in await messages()] == ["after"]
        assert done == {False, True}

    assert run_cell(scenario) == []


class Later(GenServer[list[Any]]):
    """A server that replies on request."""

    def init(self, _arg: Any) -> Any:
        return Ok([])

    def handle_call(self, request: Any, from_: Any, state: list[Any]) -> Any:
        if request == "later":
            return NoReply([*state, from_])
        return Reply(state, state)

    def handle_cast(self, request: Any, state: list[Any]) -> Any:
        return NoReply([*state, request])


@pytest.mark.parametrize("outside", [False, True])
@pytest.mark.parametrize("kind", ["send", "cast", "reply", "spawn", "spawn_monitor", "send_after", "link", "register"])
def test_an_operation_that_raises_deep_in_the_stack_has_done_nothing(kind: str, outside: bool) -> None:
    async def scenario() -> None:
        done: set[bool] = set()
        me = process.current()
        for left in range(2, MOST):
            server = await Later.start(0)
            caller = process.spawn(asks, server, me)
            state = await ask(server, "state")
            assert len(state) == 0
            await process.sleep(0.01)
            (from_,) = await ask(server, "state")
            before = len(process.processes())
            action: dict[str, Callable[[], Any]] = {
                "send": lambda: send(me, "sent"),
                "cast": partial(cast, server, "cast"),
                "reply": partial(reply, from_, "answer"),
                "spawn": lambda: process.spawn(reports, me),
                "spawn_monitor": lambda: process.spawn_monitor(reports, me),
                "send_after": lambda: process.send_after(me, "later", 0.001),
                "link": partial(process.link, server),
                "register": partial(process.register, "deep", server),
            }
            went = await at_the_bottom(left, action[kind]) if outside else tried(left, action[kind])
            done.add(went)
            await process.sleep(0.01)
            found = await messages()
            wanted: dict[str, list[Any]] = {
                "send": ["sent"],
                "reply": ["answer"],
                "spawn": ["reported"],
                "spawn_monitor": ["reported", Down],
                "send_after": ["later"],
            }
            got = [Down if type(one) is Down else one for one in found]
            assert got == (wanted.get(kind, []) if went else [])
            if kind == "cast":
                assert len(await ask(server, "state")) == (2 if went else 1)
            assert len(process.processes()) == before - (1 if kind == "reply" and went else 0)
            assert (process.whereis("deep") is server) == (kind == "register" and went)
            for pid in (caller, server):
                process.exit(pid, "kill")
            linked = [one for one in await messages() if type(one) is Exited]
            assert len(linked) == (1 if kind == "link" and went else 0)
        assert done == {False, True}

    if outside and kind in ("spawn_monitor", "link"):
        pytest.skip("only a process can")
    assert run_cell(scenario) == []


async def at_the_bottom(left: int, function: Callable[[], Any]) -> bool:
    """Call a function from a callback of the event loop, where the stack has room for about this many frames."""
    loop = asyncio.get_running_loop()
    future: asyncio.Future[bool] = loop.create_future()
    loop.call_soon(lambda: future.set_result(tried(left, function)))
    return await future


async def reports(to: Pid) -> None:
    send(to, "reported")


async def asks(server: Pid, to: Pid) -> None:
    with contextlib.suppress(CallExit):
        send(to, await call(server, "later", timeout=None))


async def ask(server: Pid, what: Any) -> Any:
    return await call(server, what)


def test_a_call_from_deep_in_the_stack_leaves_the_server_whole() -> None:
    """At worst the caller fails; its server, and the count of hand-overs, do not."""

    async def deep(more: int, server: Pid) -> Any:
        return await call(server, "state") if more <= 0 else await deep(more - 1, server)

    async def scenario() -> None:
        scheduler = running().node.scheduler
        server = await Later.start(0)
        raised: set[bool] = set()
        for left in range(2, 2 * MOST, 3):
            frames = sys.getrecursionlimit() - left - 40
            try:
                await deep(frames, server)
            except RecursionError:
                raised.add(True)
            else:
                raised.add(False)
            assert scheduler.depth == 0
            assert await call(server, "state") == []
        assert raised == {False, True}
        process.exit(server, "kill")

    assert run_cell(scenario) == []
