# Tests send a server lambdas that say what to do, and the parameters of a lambda cannot be annotated.
# pyright: reportUnknownLambdaType=false, reportUnknownArgumentType=false
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false
"""enter_loop: a process becomes a server."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from regrow import (
    HIBERNATE,
    Continue,
    Exit,
    Exited,
    Global,
    NoReply,
    Registry,
    Stop,
    Via,
    call,
    cast,
    gen_server,
    global_,
    process,
    send,
    stop,
    system,
)
from regrow.testing import expect_down, expect_idle
from tests.behaviours.gen_server.servers import Server, Watched, keep, messages, stopping, unused_address

pytestmark = pytest.mark.regrow


class TestEnterLoop:
    """Any process of regrow may become a server, and not only one that `proc_lib` has started."""

    @pytest.mark.otp("GS-099")
    async def test_a_process_becomes_a_server(self, server: Any) -> None:
        process.trap_exit(True)
        test = process.current()
        unwound: list[str] = []

        async def begin() -> None:
            process.register("entered", process.current())
            send(test, "ready")
            try:
                await gen_server.enter_loop(server, Watched(test), name="entered")
            finally:
                unwound.append("its own function")

        pid = process.spawn_link(begin)
        await process.receive(lambda message: message == "ready")
        assert await call("entered", keep("started")) == "started"
        cast(pid, NoReply)
        assert await call(pid, stopping("stopped")) == "stopping"
        assert await process.receive(Exited) == Exited(pid, "stopped")
        assert (messages(), unwound) == ([("terminate", "stopped")], ["its own function"])

    async def test_enter_loop_takes_a_then_and_debug_options(self, server: Any) -> None:
        async def begin(then: Any) -> None:
            await gen_server.enter_loop(server, [], then, debug=["statistics"], hibernate_after=1.0)

        wanted: list[tuple[Any, list[Any]]] = [
            (Continue("first"), [("continue", "first")]),
            (2.0, ["timeout"]),
            (timedelta(seconds=2), ["timeout"]),
            (HIBERNATE, []),
            (None, []),
        ]
        for then, state in wanted:
            pid = process.spawn(begin, then)
            await process.sleep(5.0)
            assert await system.get_state(pid) == state
            counts = await system.statistics(pid, "get")
            assert (counts["messages_in"], counts["messages_out"]) == (state.count("timeout"), 0)
        for wrong, error in ((-1.0, ValueError), ("soon", TypeError)):
            assert isinstance(await expect_down(process.spawn(begin, wrong)), error)

    @pytest.mark.otp("GS-101")
    @pytest.mark.otp("GS-107")
    @pytest.mark.parametrize(
        ("kind", "reason"),
        [
            ("local", "process_not_registered"),
            ("global", "process_not_registered_globally"),
            ("via", ("process_not_registered_via", "names")),
        ],
    )
    async def test_the_name_must_belong_to_the_process(self, server: Any, kind: str, reason: Any) -> None:
        name = await unused_address(kind)

        async def begin(registers: bool) -> None:
            if registers:
                match name:
                    case Global(key):
                        await global_.register_name(key, process.current())
                    case Via(registry, key):
                        Registry.register(registry, key)
                    case _:
                        process.register(name, process.current())
            await gen_server.enter_loop(server, [], name=name)

        await expect_down(process.spawn(begin, False), reason)
        holder = await server.start([], name=name)
        await expect_down(process.spawn(begin, False), reason)
        await stop(holder)
        process.spawn(begin, True)
        await expect_idle()
        assert await call(name, keep("started")) == "started"

    @pytest.mark.otp("GS-103")
    async def test_a_task_that_is_no_process_is_refused(self) -> None:
        """The error is raised at once, where OTP ends with process_was_not_started_by_proc_lib."""

        async def adopted() -> None:
            async with process.adopt():
                await gen_server.enter_loop(Server, [])

        with pytest.raises(RuntimeError, match="plain asyncio task"):
            await asyncio.ensure_future(gen_server.enter_loop(Server, []))
        with pytest.raises(RuntimeError, match="is an adopted asyncio task, which cannot enter a loop"):
            await asyncio.ensure_future(adopted())

    @pytest.mark.otp("GS-104")
    @pytest.mark.otp("GS-105")
    @pytest.mark.parametrize("kind", ["local", "global"])
    async def test_a_registered_parent(self, server: Any, kind: str) -> None:
        name = await unused_address(kind)
        test = process.current()
        process.trap_exit(True)
        if kind == "local":
            process.register(name, test)
        else:
            await global_.register_name(name.key, test)

        async def begin() -> None:
            await gen_server.enter_loop(server, Watched(test))

        for pid in (process.spawn_link(begin), await server.start_link(Watched(test))):
            cast(pid, lambda state: Stop("over", state))
            assert await process.receive(Exited) == Exited(pid, "over")
            assert messages() == [("terminate", "over")]
            await process.receive()

    @pytest.mark.otp("GS-104")
    @pytest.mark.parametrize("named", [True, False])
    async def test_the_end_of_a_registered_parent(self, server: Any, named: bool) -> None:
        test = process.current()

        async def begin() -> None:
            process.trap_exit(True)
            await gen_server.enter_loop(server, Watched(test))

        async def parent() -> None:
            if named:
                process.register("parent", process.current())
            process.spawn_link(begin)
            await process.sleep(1.0)
            raise Exit("over")

        process.spawn(parent)
        assert await process.receive(tuple) == ("terminate", "over")
