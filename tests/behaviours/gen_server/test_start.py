# Tests send a server lambdas that say what to do, and the parameters of a lambda cannot be annotated.
# pyright: reportUnknownLambdaType=false, reportUnknownArgumentType=false
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false
"""Starts of servers: init, names, links, and failed starts."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from regrow import (
    IGNORE,
    AlreadyStarted,
    Continue,
    Down,
    Error,
    Exit,
    Exited,
    From,
    GenServer,
    Global,
    Ignored,
    Node,
    NoProcess,
    NoReply,
    Ok,
    Ref,
    Reply,
    StartError,
    Stop,
    call,
    cast,
    gen_server,
    process,
    stop,
)
from regrow.testing import expect_idle
from tests.behaviours.gen_server.servers import KINDS, Server, keep, messages, state_of, stopping, unused_address

pytestmark = pytest.mark.regrow


class Counting(GenServer[int]):
    """A server without an `init`."""

    def handle_call(self, request: Any, from_: From, state: int, /) -> Any:
        return request(from_, state)


class TestStart:
    @pytest.mark.otp("GS-001")
    @pytest.mark.otp("GS-134")
    async def test_start_call_cast_stop(self, server: Any) -> None:
        pid = await server.start_link(1)
        assert pid in process.info(process.current(), "links")
        assert await call(pid, lambda _from, state: Reply(("was", state), state + 1)) == ("was", 1)
        cast(pid, lambda state: NoReply(state + 1))
        assert await state_of(pid) == 3
        await stop(pid)
        with pytest.raises(NoProcess):
            await call(pid, keep(1), 0.001)

    async def test_init_takes_arguments_by_name(self, server: Any) -> None:
        pid = await server.start_link(arg=1, name="named", timeout=1.0)
        assert await call(server="named", request=lambda _, state: Reply(state, state + 1), timeout=1.0) == 1
        cast(server=pid, request=lambda state: NoReply(state + 1))
        assert gen_server.abcast(name="named", request=lambda state: NoReply(state + 1)) == "abcast"
        answers, _ = await gen_server.multi_call(name="named", request=lambda _, state: Reply(state, state))
        assert answers == [(process.node(), 4)]
        await stop(server=pid, reason="normal", timeout=1.0)

    @pytest.mark.otp("GS-002")
    async def test_the_start_timeout_limits_init_alone(self, server: Any) -> None:
        pid = await server.start([], timeout=1.0)
        await process.sleep(5.0)
        assert await call(pid, keep("up")) == "up"

    @pytest.mark.otp("GS-004")
    @pytest.mark.otp("GS-019")
    async def test_init_ignores_the_start(self, server: Any) -> None:
        process.trap_exit(True)
        with pytest.raises(Ignored):
            await server.start_link(lambda: IGNORE)
        assert (await process.receive(Exited)).reason == "normal"

    @pytest.mark.otp("GS-006")
    async def test_a_linked_end_is_one_message(self, server: Any) -> None:
        process.trap_exit(True)
        pid = await server.start_link([])
        assert await call(pid, stopping("stopped")) == "stopping"
        await expect_idle()
        assert messages() == [Exited(pid, "stopped")]

    @pytest.mark.otp("GS-008")
    @pytest.mark.otp("GS-009")
    @pytest.mark.otp("GS-013")
    async def test_a_name_that_is_taken(self, server: Any) -> None:
        ran: list[int] = []
        pid = await server.start([], name="named")
        with pytest.raises(AlreadyStarted, match="'named' is running already") as caught:
            await server.start(lambda: ran.append(1), name="named")
        assert (caught.value.pid, caught.value.reason, ran) == (pid, ("already_started", pid), [])
        await stop("named")
        await server.start([], name="named")
        assert process.info(process.current(), "messages") == []

    @pytest.mark.otp("GS-011")
    async def test_a_global_name(self, server: Any) -> None:
        await server.start([], name=Global(("any", 1)))
        with pytest.raises(AlreadyStarted):
            await server.start([], name=Global(("any", 1)))
        assert await call(Global(("any", 1)), keep("yes")) == "yes"
        await stop(Global(("any", 1)))
        assert process.whereis(Global(("any", 1))) is None

    @pytest.mark.otp("GS-013")
    @pytest.mark.parametrize("kind", KINDS)
    async def test_a_failed_start_leaves_no_message(self, server: Any, kind: str) -> None:
        process.trap_exit(True)
        name = await unused_address(kind)
        for start in (server.start, server.start_link, server.start_monitor):
            started = await start([], name=name)
            pid, ref = started if isinstance(started, tuple) else (started, None)
            assert await call(name, keep("up")) == "up"
            with pytest.raises(AlreadyStarted) as caught:
                await start([], name=name)
            assert caught.value.pid is pid
            assert messages() == []
            process.unlink(pid)
            await stop(name)
            await expect_idle()
            assert messages() == ([] if ref is None else [Down(ref, pid, "normal")])

    @pytest.mark.otp("GS-016")
    @pytest.mark.otp("GS-017")
    async def test_an_init_that_is_not_implemented(self) -> None:
        """A server without `init` starts as in Elixir: its state is its argument. An abstract `init` raises."""

        class Abstract(Server):
            def init(self, arg: Any, /) -> Any:
                raise NotImplementedError("a queue says how it begins")

        with pytest.raises(StartError, match="a queue says how it begins") as caught:
            await Abstract.start([])
        assert isinstance(caught.value.reason, NotImplementedError)
        process.trap_exit(True)
        with pytest.raises(StartError) as caught:
            await Abstract.start_link([])
        await expect_idle()
        (message,) = messages()
        assert isinstance(message, Exited)
        assert message.reason is caught.value.reason
        assert await state_of(await Counting.start(3)) == 3

    @pytest.mark.otp("GS-020")
    async def test_an_exception_of_init_is_the_reason(self, server: Any) -> None:
        """Python has no throw: a result can only be returned, and an exception is the reason (decision 0006)."""

        def raises_a_result() -> Any:
            raise Ok(1)  # type: ignore[misc]  # pyright: ignore[reportGeneralTypeIssues]

        def raises_a_term() -> Any:
            raise Exit("x")

        with pytest.raises(StartError) as caught:
            await server.start(raises_a_result)
        assert isinstance(caught.value.reason, TypeError)
        with pytest.raises(StartError) as caught:
            await server.start(raises_a_term)
        assert caught.value.reason == "x"

    @pytest.mark.otp("GS-015")
    @pytest.mark.otp("GS-022")
    @pytest.mark.parametrize(
        ("answer", "reason", "ends_with"), [(Stop("no"), "no", "no"), (Error("no"), "no", "normal")]
    )
    async def test_a_failed_init_has_freed_its_name(
        self, server: Any, answer: Any, reason: str, ends_with: str
    ) -> None:
        process.trap_exit(True)
        with pytest.raises(StartError, match=f"{server.__name__} did not start: 'no'") as caught:
            await server.start_link(lambda: answer, name="named")
        assert (caught.value.reason, process.whereis("named")) == (reason, None)
        assert (await process.receive(Exited)).reason == ends_with

    @pytest.mark.otp("GS-022")
    async def test_an_error_from_init_is_a_normal_end(self, server: Any, reports: list[Any]) -> None:
        with pytest.raises(StartError) as caught:
            await server.start_link(lambda: Error(("no", 1)))
        assert caught.value.reason == ("no", 1)
        await expect_idle()
        assert (messages(), list(reports)) == ([], [])

    async def test_init_raises(self, server: Any) -> None:
        def init() -> Any:
            raise ValueError("no")

        with pytest.raises(StartError, match="no") as caught:
            await server.start(init)
        assert isinstance(caught.value.reason, ValueError)

    @pytest.mark.parametrize(
        "answer", [42, None, Ok(1, -1), Ok(1, "soon"), Stop("r", 1), Stop("r", reply=1), Reply(1, 2), NoReply(1)]
    )
    async def test_init_returns_an_invalid_result(self, server: Any, answer: Any) -> None:
        process.trap_exit(True)
        with pytest.raises(StartError) as caught:
            await server.start_link(lambda: answer, name="named")
        assert caught.value.reason == ("bad_return_value", answer)
        assert process.whereis("named") is None
        assert (await process.receive(Exited, timeout=1.0)).reason == ("bad_return_value", answer)

    @pytest.mark.parametrize("kind", KINDS)
    @pytest.mark.parametrize("answer", [IGNORE, Stop("no"), Error("no")])
    async def test_a_name_is_free_when_the_start_has_failed(self, server: Any, kind: str, answer: Any) -> None:
        name = await unused_address(kind)
        for _ in range(3):
            with pytest.raises((Ignored, StartError)):
                await server.start(lambda: answer, name=name)
            assert gen_server.whereis(name) is None

    @pytest.mark.parametrize("reason", ["normal", "shutdown", "oops"])
    async def test_init_exits(self, server: Any, reason: str) -> None:
        def leave() -> Any:
            raise Exit(reason)

        process.trap_exit(True)
        with pytest.raises(StartError) as caught:
            await server.start_link(leave, name="named")
        assert (caught.value.reason, process.whereis("named")) == (reason, None)
        assert (await process.receive(Exited, timeout=1.0)).reason == reason

    async def test_start_does_not_link(self, server: Any) -> None:
        pid = await server.start([])
        assert pid not in process.info(process.current(), "links")
        assert process.info(pid, "links") == []

    @pytest.mark.otp("GS-024")
    async def test_init_takes_too_long(self) -> None:
        class Slow(GenServer[None]):
            async def init(self, _arg: None, /) -> Any:
                await process.sleep(10.0)
                return Ok(None)

        process.trap_exit(True)
        with pytest.raises(StartError) as caught:
            await Slow.start_link(timeout=0.5)
        assert caught.value.reason == "timeout"
        await process.sleep(20.0)
        assert process.info(process.current(), "messages") == []

    @pytest.mark.otp("GS-132")
    @pytest.mark.parametrize("name", [1, 1.5, [], ("a", "b", "c"), b"bytes"])
    async def test_invalid_names_are_refused(self, name: Any) -> None:
        with pytest.raises(TypeError):
            await Server.start([], name=name)

    @pytest.mark.parametrize(("timeout", "error"), [(-1, ValueError), ("5", TypeError), (True, TypeError)])
    async def test_an_invalid_timeout_is_refused(self, timeout: Any, error: type[Exception]) -> None:
        with pytest.raises(error, match=r"start_link\(timeout=\)"):
            await Server.start_link([], timeout=timeout)

    @pytest.mark.parametrize("name", [None, "early"])
    async def test_start_monitor_watches_from_the_first_step(self, server: Any, name: Any) -> None:
        """However early a server ends, its `Down` has the reason, and never "noproc"."""
        early: Any = Ok([], Continue(lambda state: Stop(("shutdown", "early"), state)))
        pid, ref = await server.start_monitor(lambda: early, name=name)
        assert isinstance(ref, Ref)
        assert await process.receive(Down, timeout=1.0) == Down(ref, pid, ("shutdown", "early"))
        assert process.info(process.current(), "links") == []

    @pytest.mark.parametrize("answer", [Stop("no"), Error("no"), IGNORE, 42])
    async def test_a_monitored_start_that_fails_leaves_no_message(self, server: Any, answer: Any) -> None:
        with pytest.raises((StartError, Ignored)):
            await server.start_monitor(lambda: answer)
        await expect_idle()
        assert (messages(), process.info(process.current(), "monitors")) == ([], [])

    def test_start_monitor_needs_a_mailbox(self) -> None:
        async def main() -> None:
            async with Node() as node:
                with pytest.raises(RuntimeError, match="plain asyncio task"):
                    await Server.start_monitor([])
                assert len(node.processes) == 1

        asyncio.run(main())
