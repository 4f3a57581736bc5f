# Tests send a server lambdas that say what to do, and the parameters of a lambda cannot be annotated.
# pyright: reportUnknownLambdaType=false, reportUnknownArgumentType=false
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false
"""The results of a server's callbacks."""

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
    async def test_handle_call_returns_an_invalid_result(self, server: Any, value: Any) -> None:
        pid = await server.start([])
        with pytest.raises(CalleeExit) as caught:
            await call(pid, lambda _from, _state: value)
        why, _ = caught.value.reason
        assert why == ("bad_return_value", value)

    @pytest.mark.parametrize("value", [42, Ok(1), Reply(1, 2)])
    async def test_handle_cast_and_handle_info_return_an_invalid_result(self, server: Any, value: Any) -> None:
        for deliver in (cast, send):
            pid = await server.start([])
            ref = process.monitor(pid)
            deliver(pid, lambda _state: value)
            assert await expect_down(ref) == ("bad_return_value", value)

    @pytest.mark.parametrize("value", [Stop("r"), Stop("r", reply=1)])
    async def test_a_stop_may_have_no_state(self, server: Any, value: Any) -> None:
        pid = await server.start(Watched(process.current()))
        with pytest.raises(CalleeExit) as caught:
            await call(pid, lambda _from, _state: value)
        assert caught.value.reason[0] == ("bad_return_value", value)
        assert messages() == [("terminate", ("bad_return_value", value))]

    @pytest.mark.parametrize("value", [Stop("r", []), Stop("r"), Stop("r", [], reply=1), Reply(1, [])])
    async def test_a_cast_or_a_message_cannot_be_answered(self, server: Any, value: Any) -> None:
        reason = "r" if value.__class__ is Stop and value.has_state and not value.has_reply else None
        for deliver in (cast, send):
            for then in (lambda _state: value, lambda state: NoReply(state, Continue(lambda _state: value))):
                pid, ref = await server.start_monitor([])
                deliver(pid, then)
                assert await expect_down(ref) == (reason or ("bad_return_value", value))

    async def test_a_callback_that_returns_none_has_no_clause_for_the_message(self, server: Any) -> None:
        pid = await server.start([])
        with pytest.raises(CalleeExit, match="NoClause"):
            await call(pid, lambda _from, _state: None)

    @pytest.mark.otp("GS-054")
    @pytest.mark.parametrize("ends", [None, RuntimeError("in terminate")])
    async def test_a_last_reply_is_sent_after_terminate(self, server: Any, ends: BaseException | None) -> None:
        pid = await server.start(Watched(process.current(), ends))
        ref = process.monitor(pid)
        assert await call(pid, lambda _from, state: Stop("normal", state, reply="bye")) == "bye"
        assert process.info(process.current(), "messages")[0] == ("terminate", "normal")
        assert await expect_down(ref) == ("normal" if ends is None else ends)

    @pytest.mark.otp("GS-055")
    async def test_a_raised_result_does_not_count_as_returned(self, server: Any) -> None:
        """Python has no throw: a raised result is the TypeError that Python raises instead (decision 0006)."""

        def raises_a_result(*_: Any) -> Any:
            raise NoReply([])  # type: ignore[misc]  # pyright: ignore[reportGeneralTypeIssues]

        with pytest.raises(CalleeExit) as caught:
            await call(await server.start([]), raises_a_result)
        assert isinstance(caught.value.reason[0], TypeError)
        for deliver in (cast, send):
            pid, ref = await server.start_monitor([])
            deliver(pid, raises_a_result)
            assert isinstance(await expect_down(ref), TypeError)

    @pytest.mark.otp("GS-058")
    @pytest.mark.parametrize("then", [-1, "soon", True, float("nan"), object])
    async def test_an_invalid_then(self, server: Any, then: Any) -> None:
        result: Any = Reply("never", [], then)
        pid = await server.start([])
        with pytest.raises(CalleeExit) as caught:
            await call(pid, lambda _from, _state: result)
        assert caught.value.reason[0] == ("bad_return_value", result)

    @pytest.mark.otp("GS-061")
    async def test_casts_return_none(self, server: Any) -> None:
        pid, ref = await server.start_monitor(Watched(process.current()))

        def does(word: str, then: Any = None) -> Any:
            def request(state: Any) -> Any:
                send(state.by, word)
                return NoReply(state, then)

            return request

        deliver: Any = cast  # a cast returns None, even if it is not delivered
        assert deliver(pid, does("at once")) is None
        assert deliver(pid, does("with work to come", Continue(does("the work")))) is None
        assert deliver(pid, does("before the end")) is None
        assert deliver(pid, lambda state: Stop("stopped", state)) is None
        assert deliver(pid, does("never")) is None
        await expect_down(ref, "stopped")
        words = ["at once", "with work to come", "the work", "before the end", ("terminate", "stopped")]
        assert messages() == words
        assert deliver(pid, does("never")) is None
        assert deliver("unknown", "never") is None
        lingering = await server.start([])
        assert deliver(lingering, lambda state: NoReply([*state, "cast"], 0.5)) is None
        await process.sleep(1.0)
        assert await state_of(lingering) == ["cast", "timeout"]


class TestThen:
    @pytest.mark.otp("GS-064")
    async def test_a_continue_from_init_comes_before_queued_messages(self, server: Any) -> None:
        def init() -> Any:
            send(process.current(), "queued")
            return Ok([], Continue("first"))

        pid = await server.start(init)
        assert await state_of(pid) == [("continue", "first"), "queued"]

    @pytest.mark.otp("GS-066")
    async def test_a_continue_may_answer_the_call(self, server: Any) -> None:
        def request(from_: From, state: Any) -> Any:
            def answer(state: Any) -> Any:
                reply(from_, "ok")
                return NoReply(state)

            return NoReply(state, Continue(answer))

        assert await call(await server.start([]), request) == "ok"

    @pytest.mark.otp("GS-067")
    async def test_a_continue_may_follow_a_continue(self, server: Any) -> None:
        def then(number: int) -> Any:
            def step(state: Any) -> Any:
                return NoReply([*state, number], Continue(then(number + 1)) if number < 3 else None)

            return step

        pid = await server.start([])
        for deliver in (cast, send):
            deliver(pid, lambda state: NoReply(state, Continue(then(1))))
            send(pid, "queued")
        assert await state_of(pid) == [1, 2, 3, "queued", 1, 2, 3, "queued"]

    @pytest.mark.otp("GS-069")
    async def test_a_continue_may_stop_the_server(self, server: Any) -> None:
        pid = await server.start(lambda: Ok([], Continue(lambda state: Stop("normal", state))))
        assert await expect_down(pid) in ("normal", "noproc")

    async def test_a_timeout_fires_without_a_message(self, server: Any) -> None:
        pid = await server.start(lambda: Ok([], 1.0))
        await process.sleep(0.9)
        cast(pid, lambda state: NoReply(state, timedelta(seconds=1)))
        await process.sleep(0.9)
        assert await call(pid, lambda _from, state: Reply(list(state), state, 1)) == []
        await process.sleep(5.0)
        assert await state_of(pid) == ["timeout"]

    async def test_a_timeout_of_0_comes_after_a_queued_message(self, server: Any) -> None:
        def init() -> Any:
            send(process.current(), "queued")
            return Ok([], 0)

        assert await state_of(await server.start(init)) == ["queued"]

    async def test_a_system_message_restarts_a_timeout(self, server: Any) -> None:
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
    async def test_a_callback_is_missing(self) -> None:
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
