"""Servers: starts, calls, casts, returns, ends; with `def` and with `async def` callbacks alike."""

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
    Global,
    Ignored,
    NoNode,
    NoProcess,
    NoReply,
    Ok,
    Pid,
    Reply,
    StartError,
    Stop,
    call,
    cast,
    process,
    reply,
    send,
    stop,
)
from regrow.testing import expect_down

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

    @pytest.mark.otp("GS-004")
    @pytest.mark.otp("GS-019")
    async def test_ignore(self, server: Any) -> None:
        process.trap_exit(True)
        with pytest.raises(Ignored):
            await server.start_link(lambda: IGNORE)
        assert (await process.receive(Exited)).reason == "normal"

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

    async def test_init_that_raises(self, server: Any) -> None:
        def init() -> Any:
            raise ValueError("no")

        with pytest.raises(StartError, match="no") as caught:
            await server.start(init)
        assert isinstance(caught.value.reason, ValueError)

    async def test_init_that_returns_something_else(self, server: Any) -> None:
        with pytest.raises(StartError) as caught:
            await server.start(lambda: 42)
        assert caught.value.reason == ("bad_return_value", 42)

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

    @pytest.mark.otp("GS-132")
    @pytest.mark.parametrize("name", [1, 1.5, [], ("a", "b", "c"), b"bytes"])
    async def test_what_can_be_no_name(self, name: Any) -> None:
        with pytest.raises(TypeError):
            await Server.start([], name=name)

    @pytest.mark.parametrize(("timeout", "error"), [(-1, ValueError), ("5", TypeError), (True, TypeError)])
    async def test_a_timeout_that_is_none(self, timeout: Any, error: type[Exception]) -> None:
        with pytest.raises(error, match=r"start_link\(timeout=\)"):
            await Server.start_link([], timeout=timeout)


class TestCall:
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

    @pytest.mark.otp("GS-137")
    async def test_nobody_there(self) -> None:
        with pytest.raises(NoProcess, match="no process: 'nobody' is not alive, or nobody has that name") as caught:
            await call("nobody", 1, 2.0)
        assert caught.value.reason == ("noproc", ("GenServer", "call", ["nobody", 1, 2.0]))

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

    @pytest.mark.otp("GS-123")
    async def test_a_full_mailbox_of_the_caller_is_not_looked_through(self, server: Any) -> None:
        pid = await server.start([])
        for number in range(10_000):
            send(process.current(), number)
        for number in range(100):
            assert await call(pid, keep(number)) == number
        assert process.info(process.current(), "message_queue_len") == 10_000


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

    async def test_nothing_at_all_is_a_message_without_a_clause(self, server: Any) -> None:
        pid = await server.start([])
        with pytest.raises(CalleeExit, match="NoClause"):
            await call(pid, lambda _from, _state: None)

    @pytest.mark.otp("GS-058")
    @pytest.mark.parametrize("then", [-1, "soon", True, float("nan"), object])
    async def test_something_else_as_then(self, server: Any, then: Any) -> None:
        result: Any = Reply("never", [], then)
        pid = await server.start([])
        with pytest.raises(CalleeExit) as caught:
            await call(pid, lambda _from, _state: result)
        assert caught.value.reason[0] == ("bad_return_value", result)

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

    @pytest.mark.otp("GS-054")
    @pytest.mark.parametrize("ends", [None, RuntimeError("in terminate")])
    async def test_a_last_reply_goes_out_behind_terminate(self, server: Any, ends: BaseException | None) -> None:
        pid = await server.start(Watched(process.current(), ends))
        ref = process.monitor(pid)
        assert await call(pid, lambda _from, state: Stop("normal", state, reply="bye")) == "bye"
        assert process.info(process.current(), "messages")[0] == ("terminate", "normal")
        assert await expect_down(ref) == ("normal" if ends is None else ends)


class TestThen:
    @pytest.mark.otp("GS-064")
    async def test_continue_from_init_comes_before_everything_queued(self, server: Any) -> None:
        def init() -> Any:
            send(process.current(), "queued")
            return Ok([], Continue("first"))

        pid = await server.start(init)
        assert await state_of(pid) == [("continue", "first"), "queued"]

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

    @pytest.mark.otp("GS-066")
    async def test_continue_may_answer_the_call(self, server: Any) -> None:
        def request(from_: From, state: Any) -> Any:
            def answer(state: Any) -> Any:
                reply(from_, "ok")
                return NoReply(state)

            return NoReply(state, Continue(answer))

        assert await call(await server.start([]), request) == "ok"

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

    @pytest.mark.otp("GS-108")
    @pytest.mark.otp("GS-109")
    async def test_hibernate_wakes_for_a_message(self, server: Any) -> None:
        pid = await server.start(lambda: Ok([], HIBERNATE))
        cast(pid, lambda state: NoReply([*state, 1], HIBERNATE))
        assert await call(pid, lambda _from, state: Reply(state, state, HIBERNATE)) == [1]
        send(pid, lambda state: NoReply([*state, 2], HIBERNATE))
        assert await state_of(pid) == [1, 2]


class TestEnds:
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

    @pytest.mark.otp("GS-038")
    @pytest.mark.parametrize("ends", [Exit("other"), RuntimeError("no")])
    async def test_stop_of_a_server_whose_terminate_ends_otherwise(self, server: Any, ends: BaseException) -> None:
        pid = await server.start(Watched(process.current(), ends))
        with pytest.raises(CallExit) as caught:
            await stop(pid)
        assert caught.value.reason[0] == ("other" if isinstance(ends, Exit) else ends)

    async def test_stop_takes_its_turn(self, server: Any) -> None:
        pid = await server.start(Watched(process.current()))

        def first(state: Any) -> Any:
            send(state.by, "first")
            return NoReply(state)

        cast(pid, first)
        await stop(pid)
        assert process.info(process.current(), "messages") == ["first", ("terminate", "normal")]

    @pytest.mark.otp("GS-125")
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


class TestClasses:
    def test_an_option_that_no_class_has(self) -> None:
        with pytest.raises(TypeError, match=r"unknown option nmaed\. Wanted one of id, named, restart"):
            type("Q", (GenServer,), {}, nmaed=True)

    @pytest.mark.otp("GS-130")
    def test_child_spec(self) -> None:
        class Transient(Server, restart="transient", shutdown=1, id="other"):
            pass

        spec = Transient.child_spec(["hello"])
        assert (spec.id, spec.args, spec.restart, spec.shutdown) == ("other", (["hello"],), "transient", 1)
        assert Server.child_spec().args == ()

    async def test_named_by_its_class(self) -> None:
        class Named(Server, named=True):
            pass

        pid = await Named.start_link([])
        assert process.whereis(Named) is pid
        with pytest.raises(AlreadyStarted):
            await Named.start_link([])
