"""What OTP demands of servers, in the order of the catalogue; with `def` and with `async def` callbacks alike.

The rows on requests whose answers come later are in `test_request_ids.py`, those on the words of reports in
`tests/ops/test_logs.py`.
"""

# What a server is to do is told it as a lambda, and the parameters of a lambda cannot be annotated.
# pyright: reportUnknownLambdaType=false, reportUnknownArgumentType=false
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from regrow import (
    HIBERNATE,
    IGNORE,
    Agent,
    AlreadyStarted,
    CalleeExit,
    CallExit,
    CallingSelf,
    CallTimeout,
    Continue,
    Down,
    Error,
    Exit,
    Exited,
    From,
    GenServer,
    GenStatem,
    Global,
    Ignored,
    InvalidChild,
    ModuleSupervisor,
    Node,
    NoNode,
    NoProcess,
    NoReply,
    Ok,
    Pid,
    Ref,
    Registry,
    Reply,
    Service,
    StartError,
    Stop,
    Task,
    Via,
    call,
    cast,
    gen_server,
    global_,
    process,
    reply,
    send,
    stop,
    system,
)
from regrow.kernel.tracebacks import trace_of
from regrow.testing import expect_down, expect_idle
from tests.kernel.test_nodes import Other

pytestmark = pytest.mark.regrow


class Server(GenServer[Any]):
    """Does what it is told: a request is a function of (from_, state) that gives the return."""

    def init(self, arg: Any, /) -> Any:
        return arg() if callable(arg) else Ok(arg)

    def handle_call(self, request: Any, from_: From, state: Any, /) -> Any:
        return request(from_, state)

    def handle_cast(self, request: Any, state: Any, /) -> Any:
        return request(state)

    def handle_info(self, message: Any, state: Any, /) -> Any:
        return message(state) if callable(message) else NoReply([*state, message])

    def handle_continue(self, arg: Any, state: Any, /) -> Any:
        return arg(state) if callable(arg) else NoReply([*state, ("continue", arg)])

    def terminate(self, reason: Any, state: Any, /) -> Any:
        if isinstance(state, Watched):
            send(state.by, ("terminate", reason))
            if state.ends is not None:
                raise state.ends


class Awaiting(Server):
    """The same, and each callback waits before it returns."""

    async def init(self, arg: Any, /) -> Any:
        await process.sleep(0.0)
        return super().init(arg)

    async def handle_call(self, request: Any, from_: From, state: Any, /) -> Any:
        await asyncio.sleep(0)
        return super().handle_call(request, from_, state)

    async def handle_cast(self, request: Any, state: Any, /) -> Any:
        await process.sleep(0.0)
        return super().handle_cast(request, state)

    async def handle_info(self, message: Any, state: Any, /) -> Any:
        await asyncio.sleep(0)
        return super().handle_info(message, state)

    async def handle_continue(self, arg: Any, state: Any, /) -> Any:
        await process.sleep(0.0)
        return super().handle_continue(arg, state)

    async def terminate(self, reason: Any, state: Any, /) -> Any:
        await asyncio.sleep(0)
        super().terminate(reason, state)


class Watched(list[Any]):
    """A state whose server tells `by` when terminate is called, and then raises `ends`."""

    def __init__(self, by: Pid, ends: BaseException | None = None) -> None:
        super().__init__()
        self.by = by
        self.ends = ends


class Shown(Server):
    """Shows of all that it is asked for only that it was asked."""

    def format_status(self, status: dict[str, Any], /) -> dict[str, Any]:
        log = [("shown", event) for event in status["log"]]
        return {**{key: ("shown", status[key]) for key in ("state", "message", "reason")}, "log": log}


class Counting(GenServer[int]):
    """Has no `init` of its own."""

    def handle_call(self, request: Any, from_: From, state: int, /) -> Any:
        return request(from_, state)


@pytest.fixture(params=[Server, Awaiting], ids=["def", "async def"])
def server(request: pytest.FixtureRequest) -> Any:
    """The class of a server whose callbacks are written in either way."""
    return request.param


def keep(value: Any) -> Any:
    """A request that is answered with `value`."""
    return lambda _from, state: Reply(value, state)


async def state_of(pid: Pid) -> Any:
    """The state, behind all that the server was sent before."""
    return await call(pid, lambda _from, state: Reply(state, state))


def later(value: Any, delay: float) -> Any:
    """A request that is answered with `value` after a while."""

    def answer(from_: From, state: Any) -> Any:
        reply(from_, value)
        return NoReply(state)

    def request(from_: From, state: Any) -> Any:
        process.send_after(process.current(), lambda state: answer(from_, state), delay)
        return NoReply(state)

    return request


def stopping(reason: Any) -> Any:
    """A request that is answered, and ends the server."""
    return lambda _from, state: Stop(reason, state, reply="stopping")


def messages() -> list[Any]:
    """What lies in the mailbox of the test."""
    found: list[Any] = process.info(process.current(), "messages")
    return found


async def unused_address(kind: str) -> Any:
    """A name of some kind that nobody has yet."""
    match kind:
        case "local":
            return "named"
        case "global":
            return Global(("named", 1))
        case _:
            if process.whereis("names") is None:
                await Registry.start_link(keys="unique", name="names")
            return Via("names", ("named", 1))


async def start_named(state: Any) -> None:
    """Start a server under the name of the one that the test has on its own node."""
    await Server.start(state, name="named")


async def callers_of(name: str) -> int:
    """How many wait for an answer of a server of this node."""
    pid = process.whereis(name)
    assert pid is not None
    return len(process.info(pid, "monitored_by"))


KINDS = ("local", "global", "via")


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

    async def test_arguments_by_their_names(self, server: Any) -> None:
        pid = await server.start_link(arg=1, name="named", timeout=1.0)
        assert await call(server="named", request=lambda _, state: Reply(state, state + 1), timeout=1.0) == 1
        cast(server=pid, request=lambda state: NoReply(state + 1))
        assert gen_server.abcast(name="named", request=lambda state: NoReply(state + 1)) == "abcast"
        answers, _ = await gen_server.multi_call(name="named", request=lambda _, state: Reply(state, state))
        assert answers == [(process.node(), 4)]
        await stop(server=pid, reason="normal", timeout=1.0)

    @pytest.mark.otp("GS-002")
    async def test_a_limit_for_init_is_none_for_the_server(self, server: Any) -> None:
        pid = await server.start([], timeout=1.0)
        await process.sleep(5.0)
        assert await call(pid, keep("up")) == "up"

    @pytest.mark.otp("GS-004")
    @pytest.mark.otp("GS-019")
    async def test_ignore(self, server: Any) -> None:
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
    async def test_no_start_leaves_a_message(self, server: Any, kind: str) -> None:
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
        """A server without an `init` is Elixir's: its state is its argument. What has none in Python raises this."""

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
    async def test_what_init_raises_is_no_return(self, server: Any) -> None:
        """Python has no throw: a result can only be returned, and whatever is raised is the reason (decision 0006)."""

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

    async def test_init_that_raises(self, server: Any) -> None:
        def init() -> Any:
            raise ValueError("no")

        with pytest.raises(StartError, match="no") as caught:
            await server.start(init)
        assert isinstance(caught.value.reason, ValueError)

    @pytest.mark.parametrize(
        "answer", [42, None, Ok(1, -1), Ok(1, "soon"), Stop("r", 1), Stop("r", reply=1), Reply(1, 2), NoReply(1)]
    )
    async def test_init_that_returns_something_else(self, server: Any, answer: Any) -> None:
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
    async def test_init_that_leaves(self, server: Any, reason: str) -> None:
        def leave() -> Any:
            raise Exit(reason)

        process.trap_exit(True)
        with pytest.raises(StartError) as caught:
            await server.start_link(leave, name="named")
        assert (caught.value.reason, process.whereis("named")) == (reason, None)
        assert (await process.receive(Exited, timeout=1.0)).reason == reason

    async def test_a_start_without_a_link(self, server: Any) -> None:
        pid = await server.start([])
        assert pid not in process.info(process.current(), "links")
        assert process.info(pid, "links") == []

    @pytest.mark.otp("GS-024")
    async def test_init_that_takes_too_long(self) -> None:
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
    async def test_what_can_be_no_name(self, name: Any) -> None:
        with pytest.raises(TypeError):
            await Server.start([], name=name)

    @pytest.mark.parametrize(("timeout", "error"), [(-1, ValueError), ("5", TypeError), (True, TypeError)])
    async def test_a_timeout_that_is_none(self, timeout: Any, error: type[Exception]) -> None:
        with pytest.raises(error, match=r"start_link\(timeout=\)"):
            await Server.start_link([], timeout=timeout)

    @pytest.mark.parametrize("name", [None, "early"])
    async def test_a_monitor_from_the_first_step_on(self, server: Any, name: Any) -> None:
        """However early a server ends, its `Down` says why, and never "noproc"."""
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

    def test_a_monitored_start_asks_for_a_mailbox(self) -> None:
        async def main() -> None:
            async with Node() as node:
                with pytest.raises(RuntimeError, match="plain asyncio task"):
                    await Server.start_monitor([])
                assert len(node.processes) == 1

        asyncio.run(main())


class TestStop:
    @pytest.mark.otp("GS-025")
    @pytest.mark.otp("GS-035")
    @pytest.mark.otp("GS-036")
    @pytest.mark.otp("GS-144")
    async def test_stop(self, server: Any) -> None:
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
    async def test_stop_of_a_server_whose_terminate_ends_otherwise(self, server: Any, ends: BaseException) -> None:
        pid = await server.start(Watched(process.current(), ends))
        with pytest.raises(CallExit) as caught:
            await stop(pid)
        assert caught.value.reason[0] == ("other" if isinstance(ends, Exit) else ends)

    @pytest.mark.otp("GS-039")
    async def test_what_terminate_raises_is_no_return(self, server: Any) -> None:
        """Python has no throw: whatever terminate raises is the reason of the end; what it returns is let go."""

        class Answers(server):  # type: ignore[misc]
            def terminate(self, _reason: Any, _state: Any, /) -> Any:
                return "thrown"

        await stop(await Answers.start([]), "foo")
        raised = LookupError("thrown")
        with pytest.raises(CalleeExit) as caught:
            await stop(await server.start(Watched(process.current(), raised)), "foo")
        assert caught.value.reason[0] is raised

    async def test_stop_takes_its_turn(self, server: Any) -> None:
        pid = await server.start(Watched(process.current()))

        def first(state: Any) -> Any:
            send(state.by, "first")
            return NoReply(state)

        cast(pid, first)
        await stop(pid)
        assert process.info(process.current(), "messages") == ["first", ("terminate", "normal")]

    async def test_a_server_that_stops_itself_is_told_that_it_would_wait_for_ever(self) -> None:
        class Asks(Server):
            async def handle_call(self, _request: Any, _from: From, state: Any, /) -> Any:
                with pytest.raises(CallingSelf) as caught:
                    await stop(process.current())
                return Reply(caught.value.reason, state)

        pid = await Asks.start([])
        assert await call(pid, "stop") == ("calling_self", ("GenServer", "stop", [pid, "normal", None]))

    async def test_stop_that_takes_too_long_is_still_an_order(self, server: Any) -> None:
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

    async def test_stop_of_a_held_server_tells_terminate_of_the_state_it_was_given(self, server: Any) -> None:
        test = process.current()
        pid = await server.start([])
        await system.suspend(pid)
        await system.replace_state(pid, lambda _: Watched(test))
        await stop(pid, "shutdown")
        assert messages() == [("terminate", "shutdown")]

    async def test_stop_with_an_abnormal_reason_is_told_without_a_message(
        self, server: Any, reports: list[Any]
    ) -> None:
        pid = await server.start([])
        await stop(pid, "oops")
        assert (reports[0].reason, reports[0].message, reports[0].client) == ("oops", None, None)


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
    async def test_a_deferred_answer_may_come_from_any_process(self, server: Any) -> None:
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
    async def test_two_deadlines(self, server: Any) -> None:
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
    async def test_a_call_to_oneself_names_what_was_written(self, kind: str) -> None:
        class Asks(Server):
            async def handle_cast(self, request: Any, _state: Any, /) -> Any:
                await call(request or process.current(), "me")

        name = None if kind == "pid" else await unused_address(kind)
        pid, ref = await Asks.start_monitor([], name=name)
        cast(pid, name)
        reason = ("calling_self", ("GenServer", "call", [name or pid, "me", 5.0]))
        assert await expect_down(ref) == reason

    @pytest.mark.otp("GS-137")
    async def test_nobody_there(self) -> None:
        with pytest.raises(NoProcess, match="no process: 'nobody' is not alive, or nobody has that name") as caught:
            await call("nobody", 1, 2.0)
        assert caught.value.reason == ("noproc", ("GenServer", "call", ["nobody", 1, 2.0]))

    async def test_nobody_was_found(self) -> None:
        with pytest.raises(NoProcess, match=r"no process: the server is None, which whereis\(\) gives when nobody"):
            await call(process.whereis("nobody"), 1)

    @pytest.mark.otp("GS-137")
    async def test_nobody_there_any_more(self, server: Any) -> None:
        stopped = await server.start([])
        await stop(stopped)
        for nobody in (stopped, None):
            with pytest.raises(NoProcess) as caught:
                await call(nobody, 1)
            assert caught.value.reason == ("noproc", ("GenServer", "call", [nobody, 1, 5.0]))

    @pytest.mark.parametrize(("timeout", "error"), [(-1, ValueError), ("5", TypeError), (float("nan"), ValueError)])
    async def test_a_timeout_that_is_none(self, timeout: Any, error: type[Exception]) -> None:
        pid = await Server.start([])
        with pytest.raises(error, match=r"call\(timeout=\): wanted seconds"):
            await call(pid, keep(1), timeout)

    def test_from_no_node(self) -> None:
        with pytest.raises(NoNode, match=r"regrow\.run\(main\)[^$]*from_thread"):
            asyncio.run(call("anyone", 1))
        with pytest.raises(NoNode):
            cast("anyone", 1)

    async def test_what_is_no_address(self) -> None:
        with pytest.raises(TypeError):
            await call(42, 1)
        with pytest.raises(TypeError):
            cast(42, 1)

    async def test_a_timedelta(self, server: Any) -> None:
        pid = await server.start([])
        began = process.monotonic()
        with pytest.raises(CallTimeout):
            await call(pid, lambda _from, state: NoReply(state), timedelta(seconds=2))
        assert process.monotonic() - began == pytest.approx(2.0)

    async def test_a_window_for_the_next_call(self, server: Any) -> None:
        pid = await server.start([])
        for delay, expected in ((0.5, True), (1.5, False)):
            assert await call(pid, lambda _from, _state: Reply("ok", [], 1.0)) == "ok"
            await process.sleep(delay)
            assert await call(pid, lambda _from, state: Reply("timeout" not in state, state)) is expected

    async def test_only_the_first_answer_counts(self, server: Any) -> None:
        def thrice(from_: From, state: Any) -> Any:
            reply(from_, 1)
            reply(from_, 2)
            return Reply(3, state)

        pid = await server.start([])
        assert await call(pid, thrice) == 1
        assert await call(pid, keep("next")) == "next"
        assert messages() == []

    async def test_an_unknown_registry(self) -> None:
        """To ask is a mistake of the caller's; to tell never fails."""
        for nobody in (Via("no registry", "key"), Global("nobody"), ("nobody", "nowhere")):
            cast(nobody, "what")
        with pytest.raises(ValueError, match="unknown registry: 'no registry'"):
            await call(Via("no registry", "key"), "what")
        with pytest.raises(TypeError, match=r"Via: wanted a registry.*got 5"):
            await call(Via(5, "key"), "what")

    async def test_a_chain_of_three_servers(self, server: Any) -> None:
        """Each asks the next; an end at the far side comes back as one reason within another."""

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
        assert tell("nobody", "never") is None
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


class TestCodeChange:
    @pytest.mark.otp("GS-075")
    async def test_without_one(self, server: Any) -> None:
        """What is not there is a NotImplementedError; the server goes on with its state and its code."""
        pid = await server.start([])
        await system.suspend(pid)
        await system.replace_state(pid, lambda _: ["replaced"])
        kind, why = await system.change_code(pid, server, "1.0", None)
        assert (kind, type(why)) == ("error", NotImplementedError)
        await system.resume(pid)
        assert await state_of(pid) == ["replaced"]

    async def test_with_one(self) -> None:
        class Changes(Server):
            def code_change(self, old_version: Any, state: Any, extra: Any, /) -> Any:
                return Ok([*state, old_version, extra])

        pid = await Changes.start([])
        await system.suspend(pid)
        assert await system.change_code(pid, Changes, "1.0", "extra") == "ok"
        await system.resume(pid)
        assert await state_of(pid) == ["1.0", "extra"]


class TestNodes:
    """A program may have several nodes. Without others, "all nodes" are this one."""

    @pytest.mark.otp("GS-094")
    @pytest.mark.otp("GS-141")
    async def test_abcast(self, server: Any, node: Node) -> None:
        def add(word: str) -> Any:
            return lambda state: NoReply([*state, word])

        await server.start([], name="named")
        assert gen_server.abcast("named", add("all")) == "abcast"
        assert gen_server.abcast("named", add("this"), nodes=[node.name, "nowhere"]) == "abcast"
        assert gen_server.abcast("nobody", add("none")) == "abcast"
        assert gen_server.abcast("named", add("none"), nodes=[]) == "abcast"
        assert await call(("named", node.name), lambda _from, state: Reply(state, state)) == ["all", "this"]

    @pytest.mark.otp("GS-095")
    async def test_multi_call(self, server: Any, node: Node) -> None:
        here = [node.name]
        await server.start([], name="named")
        assert await gen_server.multi_call("named", keep("ok")) == ([(node.name, "ok")], [])
        assert await gen_server.multi_call("named", later("delayed", 0.001), nodes=here) == (
            [(node.name, "delayed")],
            [],
        )
        within = await gen_server.multi_call("named", lambda _from, _: Reply("ok", True, 1.0), nodes=here)
        assert within == ([(node.name, "ok")], [])
        await process.sleep(0.5)
        window = lambda _from, state: Reply(state is True, state, 1.0)  # noqa: E731 (as the others are told)
        assert await gen_server.multi_call("named", window, nodes=here) == ([(node.name, True)], [])
        assert await gen_server.multi_call("named", stopping("normal"), nodes=here) == ([(node.name, "stopping")], [])
        assert await gen_server.multi_call("named", keep("ok"), nodes=here) == ([], here)

    @pytest.mark.otp("GS-095")
    async def test_whoever_has_no_answer_in_time_is_told_apart(self, server: Any, node: Node) -> None:
        pid = await server.start([], name="named")
        began = process.monotonic()
        many = [node.name, "nowhere", node.name]
        assert await gen_server.multi_call("named", later("late", 5.0), 1.0, nodes=many) == ([], many)
        assert process.monotonic() - began == pytest.approx(1.0)
        await process.sleep(10.0)
        assert messages() == []
        assert process.info(pid, "monitored_by") == []
        assert await gen_server.multi_call("named", lambda _from, _: 1 / 0) == ([], [node.name])

    async def test_a_server_that_asks_all_is_not_there_for_itself(self, node: Node) -> None:
        class Asks(Server):
            async def handle_call(self, _request: Any, _from: From, state: Any, /) -> Any:
                return Reply(await gen_server.multi_call("named", keep("ok")), state)

        await Asks.start([], name="named")
        assert await call("named", "ask") == ([], [node.name])

    async def test_whoever_asks_all_and_is_killed_leaves_nothing_behind(self, server: Any) -> None:
        pid = await server.start([], name="named")
        asker = process.spawn(gen_server.multi_call, "named", later("late", 5.0))
        await process.sleep(1.0)
        assert process.info(pid, "monitored_by") == [asker]
        process.exit(asker, "kill")
        await process.sleep(1.0)
        assert process.info(pid, "monitored_by") == []
        assert await call(pid, keep("up")) == "up"

    @pytest.mark.parametrize("ask", [gen_server.abcast, gen_server.multi_call])
    async def test_what_is_no_name_and_no_nodes(self, ask: Any) -> None:
        for name in (Global("named"), process.current(), None, 1):
            with pytest.raises(TypeError, match="wanted a name on each node"):
                await ask(name, 1)
        with pytest.raises(TypeError, match="wanted a list of nodes; got 'named'"):
            await ask("named", 1, nodes="named")

    @pytest.mark.otp("GS-094")
    @pytest.mark.otp("GS-095")
    @pytest.mark.regrow(clock="real", name="here")
    async def test_two_nodes(self, node: Node) -> None:
        other = Other("there")
        other.thread.start()
        assert other.up.wait(20)
        try:
            for start in (Server.start(["here"], name="named"), other.run(start_named, ["there"])):
                await start
            gen_server.abcast("named", lambda state: NoReply([*state, "told"]))
            ask = lambda _from, state: Reply(state, state)  # noqa: E731 (as the others are told)
            answers = [("here", ["here", "told"]), ("there", ["there", "told"])]
            assert await gen_server.multi_call("named", ask) == (answers, [])
            gone = ["there", "nowhere", other.node, node]
            assert await gen_server.multi_call("named", ask, 20, nodes=gone) == (
                [answers[1], (other.node, ["there", "told"]), (node, ["here", "told"])],
                ["nowhere"],
            )
            assert await gen_server.multi_call("named", lambda _from, state: NoReply(state), 0.01) == (
                [],
                ["here", "there"],
            )
            asker = process.spawn(gen_server.multi_call, "named", lambda _from, state: NoReply(state))
            while await other.run(callers_of, "named") == 0:
                await process.sleep(0.001)
            process.exit(asker, "kill")
            while await other.run(callers_of, "named") > 0:
                await process.sleep(0.001)
            assert await gen_server.multi_call("named", stopping("normal"), nodes=["there"]) == (
                [("there", "stopping")],
                [],
            )
            assert await gen_server.multi_call("named", ask) == (answers[:1], ["there"])
        finally:
            other.stop()
        assert await gen_server.multi_call("named", ask, nodes=["there"]) == ([], ["there"])
        assert await gen_server.multi_call("named", ask) == (answers[:1], [])


class TestEnterLoop:
    """Any process of regrow may become a server, and not only those that `proc_lib` has started."""

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

    async def test_what_follows_and_who_looks_on(self, server: Any) -> None:
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
    async def test_the_name_must_be_its_own(self, server: Any, kind: str, reason: Any) -> None:
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
    async def test_what_is_no_process_of_regrow(self) -> None:
        """The word for it is an error at once, where OTP's reason is process_was_not_started_by_proc_lib."""

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
    async def test_a_parent_that_is_registered(self, server: Any, kind: str) -> None:
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
    async def test_the_end_of_such_a_parent(self, server: Any, named: bool) -> None:
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


class TestHibernate:
    """Nothing is saved by hibernating in Python: the word is taken wherever a timeout is, and means "no timeout"."""

    @pytest.mark.otp("GS-108")
    @pytest.mark.otp("GS-109")
    async def test_hibernate_wakes_for_a_message(self, server: Any) -> None:
        pid = await server.start(lambda: Ok([], HIBERNATE))
        cast(pid, lambda state: NoReply([*state, 1], HIBERNATE))
        assert await call(pid, lambda _from, state: Reply(state, state, HIBERNATE)) == [1]
        send(pid, lambda state: NoReply([*state, 2], HIBERNATE))
        assert await state_of(pid) == [1, 2]

    @pytest.mark.otp("GS-110")
    async def test_it_is_suspended_and_resumed(self, server: Any) -> None:
        pid = await server.start(lambda: Ok([], HIBERNATE))
        await system.suspend(pid)
        send(pid, "meanwhile")
        await process.sleep(5.0)
        assert await system.get_state(pid) == []
        await system.resume(pid)
        await process.sleep(5.0)
        assert await state_of(pid) == ["meanwhile"]

    @pytest.mark.otp("GS-111")
    async def test_hibernate_after_some_time(self, server: Any) -> None:
        pid = await server.start_link([], hibernate_after=0.1)
        await process.sleep(1.0)
        assert await system.get_state(pid) == []
        await process.sleep(1.0)
        assert await call(pid, keep("up")) == "up"
        await process.sleep(1.0)
        cast(pid, lambda state: NoReply([*state, "cast"], 0.5))
        await process.sleep(1.0)
        send(pid, "info")
        await process.sleep(1.0)
        assert await state_of(pid) == ["cast", "timeout", "info"]
        await server.start([], hibernate_after=timedelta(seconds=1))
        await server.start_monitor([], hibernate_after=None)
        for wrong, error in ((-1, ValueError), ("soon", TypeError)):
            with pytest.raises(error, match=r"start_link\(hibernate_after=\)"):
                await server.start_link([], hibernate_after=wrong)


class TestLookingInside:
    @pytest.mark.otp("GS-112")
    @pytest.mark.parametrize("kind", [*KINDS, "pid"])
    async def test_get_status_by_any_name(self, kind: str) -> None:
        name = None if kind == "pid" else await unused_address(kind)
        pid = await Shown.start([1], name=name)
        status = await system.get_status(name or pid)
        found = {key: status[key] for key in ("pid", "module", "status", "state", "log")}
        assert found == {"pid": pid, "module": Shown, "status": "running", "state": ("shown", [1]), "log": []}

    @pytest.mark.otp("GS-115")
    @pytest.mark.parametrize("raised", [Exit(("crash", "terminate")), RuntimeError("in terminate")])
    async def test_a_terminate_that_crashes_is_told_with_the_message_that_ended_it(
        self, reports: list[Any], raised: BaseException
    ) -> None:
        """An `Exit` is told by its reason alone; only an exception has lines to tell."""
        process.trap_exit(True)
        pid = await Shown.start_link(Watched(process.current(), raised))
        request = stopping("stopped")
        assert await call(pid, request) == "stopping"
        reason = raised.reason if isinstance(raised, Exit) else raised
        assert await process.receive(Exited) == Exited(pid, reason)
        report = reports[0]
        assert report.kind == "GenServer terminating"
        assert (report.message, report.state, report.reason) == (
            ("shown", request),
            ("shown", []),
            ("shown", reason),
        )
        if isinstance(reason, Exception):
            assert trace_of(reason)[-1][0].co_qualname == "Server.terminate"

    @pytest.mark.otp("GS-118")
    async def test_all_that_a_status_holds_may_be_shown_otherwise(self, reports: list[Any]) -> None:
        pid = await Shown.start([])
        await system.log(pid, True)
        first = keep("answer")
        assert await call(pid, first) == "answer"
        froms: list[From] = []

        def second(from_: From, state: Any) -> Any:
            froms.append(from_)
            return NoReply(state, 0.5)

        with pytest.raises(CallTimeout):
            await call(pid, second, 1.0)
        status = await system.get_status(pid)
        assert status["state"] == ("shown", ["timeout"])
        events = [event for _, event in status["log"]]
        (_, asked), (_, answer, to, _), *others = events
        assert (asked.request, answer, to) == (first, "answer", asked)
        assert others == [("in", froms[0]), ("noreply", []), ("in", "timeout"), ("noreply", ["timeout"])]
        assert all(word == "shown" for word, _ in status["log"])
        await stop(pid, "oops")
        report = reports[0]
        assert (report.state, report.message, report.reason) == (
            ("shown", ["timeout"]),
            ("shown", None),
            ("shown", "oops"),
        )
        assert report.log == status["log"]

    async def test_a_continue_is_an_event_of_its_own_kind(self) -> None:
        pid = await Server.start(lambda: Ok([], Continue("first")), debug=["log", "statistics"])
        assert await system.log(pid, "get") == [("continue", "first"), ("noreply", [("continue", "first")])]
        counts = await system.statistics(pid, "get")
        assert (counts["messages_in"], counts["messages_out"]) == (0, 0)

    @pytest.mark.otp("GS-123")
    async def test_a_full_mailbox_of_the_caller_is_not_looked_through(self, server: Any) -> None:
        pid = await server.start([])
        for number in range(10_000):
            send(process.current(), number)
        for number in range(100):
            assert await call(pid, keep(number)) == number
        assert process.info(process.current(), "message_queue_len") == 10_000


class TestSignals:
    @pytest.mark.otp("GS-125")
    async def test_a_normal_exit_signal_is_ignored(self, server: Any) -> None:
        async def parent() -> None:
            send(test, await server.start_link([]))
            await process.receive()

        test = process.current()
        starter, ref = process.spawn_monitor(parent)
        pid = await process.receive(Pid)
        send(starter, "end")
        await expect_down(ref, "normal")
        assert await state_of(pid) == []

    @pytest.mark.otp("GS-127")
    @pytest.mark.otp("GS-128")
    async def test_signals(self, server: Any) -> None:
        def trapping() -> Any:
            process.trap_exit(True)
            return Ok([])

        pid = await server.start(trapping)
        process.exit(pid, "shutdown")
        (message,) = await state_of(pid)
        assert message == Exited(process.current(), "shutdown")
        ref = process.monitor(pid)
        process.exit(pid, "kill")
        await expect_down(ref, "killed")

    async def test_the_parents_end_while_trapping_runs_terminate(self, server: Any) -> None:
        test = process.current()

        def trapping() -> Any:
            process.trap_exit(True)
            return Ok(Watched(test))

        async def parent() -> None:
            await server.start_link(trapping)

        process.spawn(parent)
        assert await process.receive(tuple) == ("terminate", "normal")

    @pytest.mark.otp("GS-129")
    @pytest.mark.parametrize(
        ("way", "reason"),
        [
            (lambda state: Stop("over", state), "over"),
            (lambda _state: (_ for _ in ()).throw(Exit("left")), "left"),
            (lambda _state: 1 / 0, ZeroDivisionError),
        ],
        ids=["stop", "exit", "raise"],
    )
    async def test_terminate_is_told_why(self, server: Any, way: Any, reason: Any) -> None:
        pid = await server.start(Watched(process.current()))
        ref = process.monitor(pid)
        cast(pid, way)
        _, told = await process.receive(tuple)
        down = await process.receive(Down)
        assert down.ref is ref
        assert told is down.reason
        assert told == reason or isinstance(told, reason)


class TestClasses:
    def test_an_option_that_no_class_has(self) -> None:
        with pytest.raises(TypeError, match=r"unknown option nmaed\. Wanted one of id, modules, named, restart"):
            type("Q", (GenServer,), {}, nmaed=True)

    @pytest.mark.parametrize("base", [GenServer, GenStatem, Service, Agent, Task, ModuleSupervisor])
    @pytest.mark.parametrize(
        ("option", "value", "wanted"),
        [
            ("restart", "permament", "child Q: restart is one of permanent, transient, temporary; got 'permament'"),
            ("shutdown", -1, "child Q: shutdown is seconds ≥ 0"),
            ("id", [], "a child's id is a string, a class or any other hashable term"),
            ("start", "here", "start is an async function"),
        ],
    )
    def test_an_option_with_a_value_that_no_child_has(self, base: Any, option: str, value: Any, wanted: str) -> None:
        with pytest.raises(InvalidChild, match=wanted):
            type("Q", (base,), {}, **{option: value})

    @pytest.mark.otp("GS-130")
    def test_child_spec(self) -> None:
        class Transient(Server, restart="transient", shutdown=1, id="other"):
            pass

        spec = Transient.child_spec(["hello"])
        assert (spec.id, spec.args, spec.restart, spec.shutdown) == ("other", (["hello"],), "transient", 1)
        assert Server.child_spec().args == ()

        class Started(Server, start=Transient.start, type="supervisor", significant=True):
            pass

        spec = Started.child_spec(["not used"])
        assert (spec.id, spec.start, spec.args) == (Started, Transient.start, ())
        assert (spec.type, spec.shutdown, spec.significant, spec.modules) == (
            "supervisor",
            "infinity",
            True,
            (Started,),
        )

    async def test_named_by_its_class(self) -> None:
        class Named(Server, named=True):
            pass

        pid = await Named.start_link([])
        assert process.whereis(Named) is pid
        with pytest.raises(AlreadyStarted):
            await Named.start_link([])

    @pytest.mark.otp("GS-133")
    @pytest.mark.parametrize("kind", [*KINDS, "via global_"])
    async def test_every_form_of_a_name(self, server: Any, kind: str) -> None:
        name = Via(global_, "named") if kind == "via global_" else await unused_address(kind)
        pid = await server.start_link([], name=name)
        assert await call(name, keep("up")) == "up"
        cast(name, lambda state: NoReply([*state, "told"]))
        assert await state_of(pid) == ["told"]
        if kind == "via global_":
            assert gen_server.whereis(Global("named")) is pid
        await stop(name)
        assert gen_server.whereis(name) is None

    @pytest.mark.otp("GS-139")
    async def test_none_is_no_name(self, server: Any) -> None:
        pid = await server.start_link([], name=None)
        assert not process.info(pid, "registered_name")
        assert process.whereis(None) is None
        assert await server.start_link([], name=None) is not pid

    @pytest.mark.otp("GS-143")
    @pytest.mark.parametrize("kind", KINDS)
    async def test_whereis(self, server: Any, node: Node, kind: str) -> None:
        """`(name, node)` of a node that is not there is nobody: there is no other program to ask."""
        name = await unused_address(kind)
        assert gen_server.whereis(name) is None
        pid = await server.start([], name=name)
        for address in (name, pid, (name, node.name), (name, node)):
            assert gen_server.whereis(address) is pid
        for nobody in ((name, "nowhere"), ("nobody", node.name), None):
            assert gen_server.whereis(nobody) is None
        for wrong in (1, ("a", "b", "c"), [name]):
            with pytest.raises(TypeError):
                gen_server.whereis(wrong)

    async def test_terminate_has_the_state_that_stop_was_given(self) -> None:
        ended: list[Any] = []

        class Stops(GenServer[str]):
            def handle_cast(self, request: Any, _state: str, /) -> Any:
                return Stop("normal", request)

            def terminate(self, _reason: Any, state: str, /) -> None:
                ended.append(state)

        pid = await Stops.start("old")
        ref = process.monitor(pid)
        cast(pid, "new")
        await expect_down(ref, "normal")
        assert ended == ["new"]

    @pytest.mark.otp("GS-144")
    async def test_stop_of_nobody(self) -> None:
        with pytest.raises(NoProcess) as caught:
            await stop(None)
        assert caught.value.reason == ("noproc", ("GenServer", "stop", [None, "normal", None]))
