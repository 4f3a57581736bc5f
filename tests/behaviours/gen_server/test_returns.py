# What a server is to do is told it as a lambda, and the parameters of a lambda cannot be annotated.
# pyright: reportUnknownLambdaType=false, reportUnknownArgumentType=false
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false
"""Returns."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from regrow import (
    HIBERNATE,
    IGNORE,
    CalleeExit,
    Continue,
    Error,
    From,
    GenServer,
    NoReply,
    Ok,
    Reply,
    Stop,
    call,
    cast,
    process,
    reply,
    send,
    system,
)
from regrow.testing import expect_down
from tests.behaviours.gen_server.servers import Watched, messages, state_of

pytestmark = pytest.mark.regrow


class TestReturns:
    @pytest.mark.otp("GS-051")
    @pytest.mark.parametrize("value", [42, "reply", ("reply", 1), Ok(1), Error("x"), IGNORE, HIBERNATE])
    async def test_something_else_from_handle_call(self, server: Any, value: Any) -> None:
        pid = await server.start([])
        with pytest.raises(CalleeExit) as caught:
            await call(pid, lambda _from, _state: value)
        why, _ = caught.value.reason
        assert why == ("bad_return_value", value)

    @pytest.mark.parametrize("value", [42, Ok(1), Reply(1, 2)])
    async def test_something_else_from_handle_cast_and_handle_info(self, server: Any, value: Any) -> None:
        for tell in (cast, send):
            pid = await server.start([])
            ref = process.monitor(pid)
            tell(pid, lambda _state: value)
            assert await expect_down(ref) == ("bad_return_value", value)

    @pytest.mark.parametrize("value", [Stop("r"), Stop("r", reply=1)])
    async def test_a_stop_without_a_state(self, server: Any, value: Any) -> None:
        pid = await server.start(Watched(process.current()))
        with pytest.raises(CalleeExit) as caught:
            await call(pid, lambda _from, _state: value)
        assert caught.value.reason[0] == ("bad_return_value", value)
        assert messages() == [("terminate", ("bad_return_value", value))]

    @pytest.mark.parametrize("value", [Stop("r", []), Stop("r"), Stop("r", [], reply=1), Reply(1, [])])
    async def test_who_is_not_asked_gives_no_answer(self, server: Any, value: Any) -> None:
        reason = "r" if value.__class__ is Stop and value.has_state and not value.has_reply else None
        for tell in (cast, send):
            for then in (lambda _state: value, lambda state: NoReply(state, Continue(lambda _state: value))):
                pid, ref = await server.start_monitor([])
                tell(pid, then)
                assert await expect_down(ref) == (reason or ("bad_return_value", value))

    async def test_nothing_at_all_is_a_message_without_a_clause(self, server: Any) -> None:
        pid = await server.start([])
        with pytest.raises(CalleeExit, match="NoClause"):
            await call(pid, lambda _from, _state: None)

    @pytest.mark.otp("GS-054")
    @pytest.mark.parametrize("ends", [None, RuntimeError("in terminate")])
    async def test_a_last_reply_goes_out_behind_terminate(self, server: Any, ends: BaseException | None) -> None:
        pid = await server.start(Watched(process.current(), ends))
        ref = process.monitor(pid)
        assert await call(pid, lambda _from, state: Stop("normal", state, reply="bye")) == "bye"
        assert process.info(process.current(), "messages")[0] == ("terminate", "normal")
        assert await expect_down(ref) == ("normal" if ends is None else ends)

    @pytest.mark.otp("GS-055")
    async def test_what_a_handler_raises_is_no_return(self, server: Any) -> None:
        """Python has no throw: a raised result is the TypeError that Python makes of it (decision 0006)."""

        def raises_a_result(*_: Any) -> Any:
            raise NoReply([])  # type: ignore[misc]  # pyright: ignore[reportGeneralTypeIssues]

        with pytest.raises(CalleeExit) as caught:
            await call(await server.start([]), raises_a_result)
        assert isinstance(caught.value.reason[0], TypeError)
        for tell in (cast, send):
            pid, ref = await server.start_monitor([])
            tell(pid, raises_a_result)
            assert isinstance(await expect_down(ref), TypeError)

    @pytest.mark.otp("GS-058")
    @pytest.mark.parametrize("then", [-1, "soon", True, float("nan"), object])
    async def test_something_else_as_then(self, server: Any, then: Any) -> None:
        result: Any = Reply("never", [], then)
        pid = await server.start([])
        with pytest.raises(CalleeExit) as caught:
            await call(pid, lambda _from, _state: result)
        assert caught.value.reason[0] == ("bad_return_value", result)

    @pytest.mark.otp("GS-061")
    async def test_casts(self, server: Any) -> None:
        pid, ref = await server.start_monitor(Watched(process.current()))

        def does(word: str, then: Any = None) -> Any:
            def request(state: Any) -> Any:
                send(state.by, word)
                return NoReply(state, then)

            return request

        tell: Any = cast  # which gives nothing, whatever becomes of it
        assert tell(pid, does("at once")) is None
        assert tell(pid, does("with work to come", Continue(does("the work")))) is None
        assert tell(pid, does("before the end")) is None
        assert tell(pid, lambda state: Stop("stopped", state)) is None
        assert tell(pid, does("never")) is None
        await expect_down(ref, "stopped")
        words = ["at once", "with work to come", "the work", "before the end", ("terminate", "stopped")]
        assert messages() == words
        assert tell(pid, does("never")) is None
        assert tell("unknown", "never") is None
        lingering = await server.start([])
        assert tell(lingering, lambda state: NoReply([*state, "cast"], 0.5)) is None
        await process.sleep(1.0)
        assert await state_of(lingering) == ["cast", "timeout"]


class TestThen:
    @pytest.mark.otp("GS-064")
    async def test_continue_from_init_comes_before_everything_queued(self, server: Any) -> None:
        def init() -> Any:
            send(process.current(), "queued")
            return Ok([], Continue("first"))

        pid = await server.start(init)
        assert await state_of(pid) == [("continue", "first"), "queued"]

    @pytest.mark.otp("GS-066")
    async def test_continue_may_answer_the_call(self, server: Any) -> None:
        def request(from_: From, state: Any) -> Any:
            def answer(state: Any) -> Any:
                reply(from_, "ok")
                return NoReply(state)

            return NoReply(state, Continue(answer))

        assert await call(await server.start([]), request) == "ok"

    @pytest.mark.otp("GS-067")
    async def test_continue_behind_continue(self, server: Any) -> None:
        def then(number: int) -> Any:
            def step(state: Any) -> Any:
                return NoReply([*state, number], Continue(then(number + 1)) if number < 3 else None)

            return step

        pid = await server.start([])
        for tell in (cast, send):
            tell(pid, lambda state: NoReply(state, Continue(then(1))))
            send(pid, "queued")
        assert await state_of(pid) == [1, 2, 3, "queued", 1, 2, 3, "queued"]

    @pytest.mark.otp("GS-069")
    async def test_continue_may_stop(self, server: Any) -> None:
        pid = await server.start(lambda: Ok([], Continue(lambda state: Stop("normal", state))))
        assert await expect_down(pid) in ("normal", "noproc")

    async def test_a_timeout_when_nothing_comes(self, server: Any) -> None:
        pid = await server.start(lambda: Ok([], 1.0))
        await process.sleep(0.9)
        cast(pid, lambda state: NoReply(state, timedelta(seconds=1)))
        await process.sleep(0.9)
        assert await call(pid, lambda _from, state: Reply(list(state), state, 1)) == []
        await process.sleep(5.0)
        assert await state_of(pid) == ["timeout"]

    async def test_a_timeout_of_nothing_loses_to_a_message_that_waits(self, server: Any) -> None:
        def init() -> Any:
            send(process.current(), "queued")
            return Ok([], 0)

        assert await state_of(await server.start(init)) == ["queued"]

    async def test_a_system_request_lets_a_timeout_begin_anew(self, server: Any) -> None:
        pid = await server.start(lambda: Ok([], 1.0))
        await process.sleep(0.6)
        assert await system.get_state(pid) == []
        await process.sleep(0.6)
        await system.suspend(pid)
        await process.sleep(5.0)
        await system.resume(pid)
        await process.sleep(0.9)
        assert await system.get_state(pid) == []
        await process.sleep(1.1)
        assert await system.get_state(pid) == ["timeout"]

    @pytest.mark.otp("GS-070")
    @pytest.mark.otp("GS-071")
    async def test_a_callback_that_is_not_there(self) -> None:
        class Bare(GenServer[None]):
            pass

        pid = await Bare.start()
        with pytest.raises(CalleeExit) as caught:
            await call(pid, "what")
        assert "no handle_call" in str(caught.value.reason[0])
        pid = await Bare.start()
        ref = process.monitor(pid)
        cast(pid, "what")
        assert "no handle_cast" in str(await expect_down(ref))
