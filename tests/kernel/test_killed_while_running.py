"""Code of a process that has been killed while it ran may release resources, and do nothing else."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pytest

from regrow import CalleeExit, GenServer, Node, Ok, Pid, Reply, call, cast, gen_server, process, system
from regrow.kernel.exits import KilledWhileRunning
from regrow.testing import expect_idle

pytestmark = pytest.mark.regrow

DOES: dict[str, Callable[[Pid], Any]] = {
    "send": lambda me: process.send(me, "from the dead"),
    "send to a name": lambda _: process.send("me", "from the dead"),
    "cast": lambda me: cast(me, "from the dead"),
    "spawn": lambda me: process.spawn(process.send, me, "from the dead"),
    "spawn_link": lambda me: process.spawn_link(process.send, me, "from the dead"),
    "exit": lambda me: process.exit(me, "from the dead"),
    "link": process.link,
    "monitor": process.monitor,
}


REPLIES: list[Any] = []


class Ghost(GenServer[Any]):
    """A server that ends itself in a callback, catches the exception that unwinds it, and continues."""

    def init(self, arg: Any, /) -> Any:
        return Ok(arg)

    def handle_call(self, request: Any, from_: Any, state: Any, /) -> Any:
        self.haunt(request)
        if request[2] is REPLIES:
            gen_server.reply(from_, "from the dead")
        return Reply("from the dead", state)

    def handle_cast(self, request: Any, state: Any, /) -> Any:
        self.haunt(request)
        return Reply(None, state)

    def haunt(self, request: Any) -> None:
        """Do everything that a dead process may not do."""
        does, me, caught = request
        for _ in range(3):
            try:
                if process.alive(process.current()):
                    process.exit(process.current(), "kill")
                does(me)
                caught.append("it could")
            except BaseException as error:
                caught.append(type(error))


@pytest.mark.parametrize("name", DOES)
async def test_a_callback_that_caught_its_unwinding_has_no_effect(name: str, node: Node) -> None:
    process.trap_exit(True)
    process.register("me", process.current())
    caught: list[Any] = []
    ghost = await Ghost.start(None)
    cast(ghost, (DOES[name], process.current(), caught))
    await expect_idle()
    assert caught == [KilledWhileRunning] * 3
    assert process.info(process.current(), "messages") == []
    assert len(process.processes()) == 2
    assert node.trace is None


@pytest.mark.parametrize("caught", [[], REPLIES])
@pytest.mark.parametrize("hand_over", [True, False])
async def test_the_caller_gets_the_end_of_the_server(node: Node, caught: list[Any], hand_over: bool) -> None:
    ghost = await Ghost.start(None)
    if not hand_over:
        await system.suspend(ghost)
        process.spawn(system.resume, ghost)
    with pytest.raises(CalleeExit) as raised:
        await call(ghost, (DOES["send"], process.current(), caught))
    assert raised.value.reason[0] == "killed"
    assert node.trace is None


@pytest.mark.parametrize("name", DOES)
async def test_a_coroutine_that_caught_its_unwinding_has_no_effect(name: str, node: Node) -> None:
    process.trap_exit(True)
    process.register("me", process.current())
    caught: list[Any] = []
    me = process.current()

    async def ghost() -> None:
        for _ in range(3):
            try:
                if process.alive(process.current()):
                    process.exit(process.current(), "kill")
                DOES[name](me)
                caught.append("it could")
            except BaseException as error:
                caught.append(type(error))

    process.spawn(ghost)
    await expect_idle()
    assert caught == [KilledWhileRunning] * 3
    assert process.info(me, "messages") == []
    assert node.trace is None


async def test_a_linked_death_on_the_process_s_own_stack(node: Node) -> None:
    """The end of another process, which it has caused, ends it."""
    me = process.current()

    async def ghost() -> None:
        other = process.spawn_link(process.sleep, None)
        with suppress(KilledWhileRunning):
            process.exit(other, "both")
        process.send(me, "from the dead")

    process.spawn(ghost)
    await expect_idle()
    assert process.info(me, "messages") == []
    assert node.trace is None


async def test_code_that_releases_may_send(node: Node) -> None:
    me = process.current()

    class Lease:
        def __enter__(self) -> None: ...

        def __exit__(self, *_: object) -> None:
            process.send(me, "exit")

    class AsyncLease:
        async def __aenter__(self) -> None: ...

        async def __aexit__(self, *_: object) -> None:
            await asyncio.sleep(0)
            process.send(me, "aexit")

    async def releasing() -> None:
        try:
            async with AsyncLease():
                with Lease():
                    process.exit(process.current(), "kill")
        finally:
            process.send(me, "finally")

    process.spawn(releasing)
    await expect_idle()
    assert process.info(me, "messages") == ["exit", "aexit", "finally"]
    assert node.trace is None


async def test_others_send_while_a_dead_process_is_below_them_on_the_stack(node: Node) -> None:
    """A server that ends its caller continues, and its reply is discarded; its messages count."""
    me = process.current()

    class Killer(GenServer[None]):
        def handle_call(self, request: Any, _from: Any, state: None, /) -> Any:
            process.exit(request, "kill")
            process.send(me, "the living")
            return Reply(None, state)

    killer = await Killer.start()

    async def caller() -> None:
        try:
            await call(killer, process.current())
        except BaseException:
            process.send(me, "releases")
        process.send(me, "from the dead")

    process.spawn(caller)
    await expect_idle()
    assert process.info(me, "messages")[:1] == ["the living"]
    assert "from the dead" not in process.info(me, "messages")
    assert node.trace is None
