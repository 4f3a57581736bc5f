# Tests send a server lambdas that say what to do, and the parameters of a lambda cannot be annotated.
# pyright: reportUnknownLambdaType=false, reportUnknownArgumentType=false
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false
"""Calls: replies, timeouts, wrong addresses, and calls to oneself."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from regrow import (
    CalleeExit,
    CallingSelf,
    CallTimeout,
    Exit,
    Exited,
    From,
    GenServer,
    Global,
    NoNode,
    NoProcess,
    NoReply,
    Reply,
    Stop,
    Via,
    call,
    cast,
    process,
    reply,
    stop,
)
from regrow.testing import expect_down
from tests.behaviours.gen_server.servers import KINDS, Server, keep, later, messages, unused_address

pytestmark = pytest.mark.regrow


class TestCall:
    @pytest.mark.otp("GS-041")
    @pytest.mark.otp("GS-043")
    @pytest.mark.otp("GS-044")
    @pytest.mark.parametrize("reason", ["shutdown", ("shutdown", "reason")])
    @pytest.mark.parametrize("way", ["exit", "stop"])
    async def test_a_normal_end_in_a_call(self, server: Any, way: str, reason: Any, reports: list[Any]) -> None:
        def leave(_from: From, state: Any) -> Any:
            if way == "exit":
                raise Exit(reason)
            return Stop(reason, state)

        process.trap_exit(True)
        pid = await server.start_link([])
        with pytest.raises(CalleeExit) as caught:
            await call(pid, leave)
        assert caught.value.reason == (reason, ("GenServer", "call", [pid, leave, 5.0]))
        assert await process.receive(Exited) == Exited(pid, reason)
        assert list(reports) == []

    @pytest.mark.otp("GS-048")
    @pytest.mark.otp("GS-093")
    async def test_a_deferred_reply_may_come_from_any_process(self, server: Any) -> None:
        def later(from_: From, state: Any) -> Any:
            process.send_after(helper, from_, 1.0)
            return NoReply(state)

        async def answer() -> None:
            reply(await process.receive(From), "late")

        helper = process.spawn(answer)
        pid = await server.start([])
        assert await call(pid, later) == "late"

    @pytest.mark.otp("GS-050")
    async def test_a_late_reply_is_dropped(self, server: Any) -> None:
        kept: list[From] = []

        def unanswered(from_: From, state: Any) -> Any:
            kept.append(from_)
            return NoReply(state)

        pid = await server.start([])
        with pytest.raises(CallTimeout, match=r"did not answer .* within 0\.5 s\.") as caught:
            await call(pid, unanswered, 0.5)
        reason: Any = caught.value.reason
        why, place = reason
        assert (why, place[0], place[1]) == ("timeout", "GenServer", "call")
        reply(kept[0], "late")
        assert await call(pid, keep("next")) == "next"
        assert process.info(process.current(), "messages") == []

    @pytest.mark.otp("GS-050")
    async def test_two_calls_have_two_deadlines(self, server: Any) -> None:
        pid = await server.start([])
        assert await call(pid, later("delayed", 0.001), 0.03) == "delayed"
        with pytest.raises(CallTimeout):
            await call(pid, later("delayed", 0.03), 0.001)
        await process.sleep(1.0)
        assert (await call(pid, keep("up")), messages()) == ("up", [])

    @pytest.mark.otp("GS-060")
    @pytest.mark.otp("GS-136")
    async def test_a_call_to_oneself(self, server: Any) -> None:
        async def ask() -> Any:
            await call("me", 1, None)

        class Asks(server):  # type: ignore[misc]
            async def handle_cast(self, _request: Any, _state: Any, /) -> Any:
                await ask()

        pid = await Asks.start([], name="me")
        ref = process.monitor(pid)
        cast(pid, 1)
        assert await expect_down(ref) == ("calling_self", ("GenServer", "call", ["me", 1, None]))
        process.register("test", process.current())
        with pytest.raises(CallingSelf, match="asked itself 1, and would wait for its own answer for ever"):
            await call("test", 1)

    @pytest.mark.otp("GS-136")
    @pytest.mark.parametrize("kind", [*KINDS, "pid"])
    async def test_a_call_to_oneself_names_the_address_as_written(self, kind: str) -> None:
        class Asks(Server):
            async def handle_cast(self, request: Any, _state: Any, /) -> Any:
                await call(request or process.current(), "me")

        name = None if kind == "pid" else await unused_address(kind)
        pid, ref = await Asks.start_monitor([], name=name)
        cast(pid, name)
        reason = ("calling_self", ("GenServer", "call", [name or pid, "me", 5.0]))
        assert await expect_down(ref) == reason

    @pytest.mark.otp("GS-137")
    async def test_a_call_to_an_unknown_name(self) -> None:
        with pytest.raises(
            NoProcess, match="no process: 'unknown' is not alive, or no process has that name"
        ) as caught:
            await call("unknown", 1, 2.0)
        assert caught.value.reason == ("noproc", ("GenServer", "call", ["unknown", 1, 2.0]))

    async def test_a_call_to_none(self) -> None:
        with pytest.raises(NoProcess, match=r"no process: the server is None, which whereis\(\) returns when"):
            await call(process.whereis("unknown"), 1)  # type: ignore[arg-type]

    @pytest.mark.otp("GS-137")
    async def test_a_call_to_a_dead_process(self, server: Any) -> None:
        stopped = await server.start([])
        await stop(stopped)
        unknown: Any
        for unknown in (stopped, None):
            with pytest.raises(NoProcess) as caught:
                await call(unknown, 1)
            assert caught.value.reason == ("noproc", ("GenServer", "call", [unknown, 1, 5.0]))

    @pytest.mark.parametrize(("timeout", "error"), [(-1, ValueError), ("5", TypeError), (float("nan"), ValueError)])
    async def test_an_invalid_timeout_is_refused(self, timeout: Any, error: type[Exception]) -> None:
        pid = await Server.start([])
        with pytest.raises(error, match=r"call\(timeout=\): wanted seconds"):
            await call(pid, keep(1), timeout)

    def test_a_call_without_a_node(self) -> None:
        with pytest.raises(NoNode, match=r"regrow\.run\(main\)[^$]*from_thread"):
            asyncio.run(call("anyone", 1))
        with pytest.raises(NoNode):
            cast("anyone", 1)

    async def test_an_invalid_address_is_refused(self) -> None:
        with pytest.raises(TypeError):
            await call(42, 1)  # type: ignore[call-overload]
        with pytest.raises(TypeError):
            cast(42, 1)  # type: ignore[arg-type]

    async def test_a_timeout_may_be_a_timedelta(self, server: Any) -> None:
        pid = await server.start([])
        began = process.monotonic()
        with pytest.raises(CallTimeout):
            await call(pid, lambda _from, state: NoReply(state), timedelta(seconds=2))
        assert process.monotonic() - began == pytest.approx(2.0)

    async def test_the_timeout_of_a_result_waits_for_the_next_call(self, server: Any) -> None:
        pid = await server.start([])
        for delay, expected in ((0.5, True), (1.5, False)):
            assert await call(pid, lambda _from, _state: Reply("ok", [], 1.0)) == "ok"
            await process.sleep(delay)
            assert await call(pid, lambda _from, state: Reply("timeout" not in state, state)) is expected

    async def test_only_the_first_reply_counts(self, server: Any) -> None:
        def thrice(from_: From, state: Any) -> Any:
            reply(from_, 1)
            reply(from_, 2)
            return Reply(3, state)

        pid = await server.start([])
        assert await call(pid, thrice) == 1
        assert await call(pid, keep("next")) == "next"
        assert messages() == []

    async def test_a_call_through_an_unknown_registry(self) -> None:
        """A call is a mistake of the caller; a cast never fails."""
        for unknown in (Via("no registry", "key"), Global("unknown"), ("unknown", "nowhere")):
            cast(unknown, "what")
        with pytest.raises(ValueError, match="unknown registry: 'no registry'"):
            await call(Via("no registry", "key"), "what")
        with pytest.raises(TypeError, match=r"Via: wanted a registry.*got 5"):
            await call(Via(5, "key"), "what")

    async def test_a_reason_passes_a_chain_of_three_servers(self, server: Any) -> None:
        """Each server calls the next; the end of the last comes back as one reason within another."""

        class Asks(GenServer[Any]):
            async def handle_call(self, request: Any, _from: From, following: Any, /) -> Any:
                return Reply(("through", await call(following, request)), following)

        last = await server.start([])
        middle = await Asks.start(last)
        first = await Asks.start(middle)
        assert await call(first, keep("answer")) == ("through", ("through", "answer"))

        def crash(_from: From, _state: Any) -> Any:
            raise RuntimeError("at the end")

        with pytest.raises(CalleeExit) as caught:
            await call(first, crash)
        reason: Any = caught.value.reason
        why, place = reason
        assert place[2][0] is first
        assert why[1][2][0] is middle
        assert why[0][1][2][0] is last
        assert isinstance(why[0][0], RuntimeError)
        assert [process.alive(pid) for pid in (first, middle, last)] == [False, False, False]
