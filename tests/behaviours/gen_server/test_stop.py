# Tests send a server lambdas that say what to do, and the parameters of a lambda cannot be annotated.
# pyright: reportUnknownLambdaType=false, reportUnknownArgumentType=false
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false
"""Stops of servers."""

from __future__ import annotations

from typing import Any

import pytest

from regrow import (
    CalleeExit,
    CallExit,
    CallingSelf,
    CallTimeout,
    Exit,
    From,
    Node,
    NoProcess,
    NoReply,
    Reply,
    call,
    cast,
    process,
    send,
    stop,
    system,
)
from regrow.testing import expect_down
from tests.behaviours.gen_server.servers import KINDS, Server, Watched, keep, messages, unused_address

pytestmark = pytest.mark.regrow


class TestStop:
    @pytest.mark.otp("GS-025")
    @pytest.mark.otp("GS-035")
    @pytest.mark.otp("GS-036")
    @pytest.mark.otp("GS-144")
    async def test_a_server_stops(self, server: Any) -> None:
        pid = await server.start([])
        ref = process.monitor(pid)
        await stop(pid, ("error", "test"))
        await expect_down(ref, ("error", "test"))
        with pytest.raises(NoProcess) as caught:
            await stop(pid)
        assert caught.value.reason == ("noproc", ("GenServer", "stop", [pid, "normal", None]))

    @pytest.mark.otp("GS-027")
    async def test_stop_with_a_wrong_timeout_leaves_the_server_alone(self, server: Any) -> None:
        pid = await server.start([])
        with pytest.raises(ValueError, match=r"stop\(timeout=\)"):
            await stop(pid, timeout=-1)
        assert await call(pid, keep("up")) == "up"

    @pytest.mark.otp("GS-029")
    async def test_stop_by_name_and_node(self, server: Any, node: Node) -> None:
        pid = await server.start([], name="named")
        await stop(("named", node.name))
        assert not process.alive(pid)
        with pytest.raises(NoProcess):
            await stop(("named", node.name))

    @pytest.mark.otp("GS-030")
    @pytest.mark.otp("GS-146")
    @pytest.mark.parametrize("kind", KINDS)
    async def test_stop_by_name(self, server: Any, kind: str) -> None:
        name = await unused_address(kind)
        pid = await server.start([], name=name)
        await stop(name)
        assert not process.alive(pid)
        with pytest.raises(NoProcess) as caught:
            await stop(name)
        assert caught.value.reason == ("noproc", ("GenServer", "stop", [name, "normal", None]))

    @pytest.mark.otp("GS-038")
    @pytest.mark.parametrize("ends", [Exit("other"), RuntimeError("no")])
    async def test_stop_of_a_server_whose_terminate_fails(self, server: Any, ends: BaseException) -> None:
        pid = await server.start(Watched(process.current(), ends))
        with pytest.raises(CallExit) as caught:
            await stop(pid)
        assert caught.value.reason[0] == ("other" if isinstance(ends, Exit) else ends)

    @pytest.mark.otp("GS-039")
    async def test_an_exception_of_terminate_is_the_reason(self, server: Any) -> None:
        """Python has no throw: an exception of terminate is the reason of the end; its result is ignored."""

        class Answers(server):  # type: ignore[misc]
            def terminate(self, _reason: Any, _state: Any, /) -> Any:
                return "thrown"

        await stop(await Answers.start([]), "foo")
        raised = LookupError("thrown")
        with pytest.raises(CalleeExit) as caught:
            await stop(await server.start(Watched(process.current(), raised)), "foo")
        assert caught.value.reason[0] is raised

    async def test_stop_waits_for_queued_messages(self, server: Any) -> None:
        pid = await server.start(Watched(process.current()))

        def first(state: Any) -> Any:
            send(state.by, "first")
            return NoReply(state)

        cast(pid, first)
        await stop(pid)
        assert process.info(process.current(), "messages") == ["first", ("terminate", "normal")]

    async def test_a_server_that_stops_itself_gets_an_error(self) -> None:
        class Asks(Server):
            async def handle_call(self, _request: Any, _from: From, state: Any, /) -> Any:
                with pytest.raises(CallingSelf) as caught:
                    await stop(process.current())
                return Reply(caught.value.reason, state)

        pid = await Asks.start([])
        assert await call(pid, "stop") == ("calling_self", ("GenServer", "stop", [pid, "normal", None]))

    async def test_a_stop_that_times_out_still_stops_the_server(self, server: Any) -> None:
        class Busy(server):  # type: ignore[misc]
            async def handle_info(self, _message: Any, state: Any, /) -> Any:
                await process.sleep(5.0)
                return NoReply(state)

        pid, ref = await Busy.start_monitor([])
        send(pid, "work")
        with pytest.raises(CallTimeout) as caught:
            await stop(pid, "normal", 1.0)
        assert caught.value.reason == ("timeout", ("GenServer", "stop", [pid, "normal", 1.0]))
        await expect_down(ref, "normal", timeout=10.0)
        assert process.monotonic() == pytest.approx(1005.0)

    async def test_a_server_that_is_killed_while_it_terminates(self) -> None:
        class Killed(Server):
            def terminate(self, _reason: Any, _state: Any, /) -> Any:
                process.exit(process.current(), "kill")

        with pytest.raises(CalleeExit) as caught:
            await stop(await Killed.start([]), "foo")
        assert caught.value.reason[0] == "killed"

    async def test_stop_of_a_suspended_server_terminates_with_the_replaced_state(self, server: Any) -> None:
        test = process.current()
        pid = await server.start([])
        await system.suspend(pid)
        await system.replace_state(pid, lambda _: Watched(test))
        await stop(pid, "shutdown")
        assert messages() == [("terminate", "shutdown")]

    async def test_the_report_of_an_abnormal_stop_has_no_message(self, server: Any, reports: list[Any]) -> None:
        pid = await server.start([])
        await stop(pid, "oops")
        assert (reports[0].reason, reports[0].message, reports[0].client) == ("oops", None, None)
