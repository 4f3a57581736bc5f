"""Ok with a timeout, a Continue or HIBERNATE; the order against messages that already wait."""

from __future__ import annotations

from typing import Any

from regrow import (
    HIBERNATE,
    Continue,
    From,
    GenServer,
    NoClause,
    NoReply,
    Ok,
    Reply,
    Stop,
    call,
    cast,
    process,
    send,
    system,
)
from tests.oracle.twin import Twin, ev, mailbox, result, say, settle

twin = Twin("03_gs_init_timeout_continue")


class S(GenServer[Any]):
    def init(self, arg: Any) -> Any:
        match arg:
            case ("pre", answer):
                send(process.current(), "sent_in_init")
                cast(process.current(), "cast_in_init")
                ev("init")
                return answer
            case _:
                ev("init")
                return arg

    async def handle_continue(self, arg: Any, state: Any) -> Any:
        match arg:
            case ("chain", 0):
                ev("continue last")
                return NoReply(state)
            case ("chain", int(left)):
                ev(f"continue {left}")
                return NoReply(state, Continue(("chain", left - 1)))
            case "wait":
                await process.receive(lambda message: message == "go")
                ev("continue, after the caller said go")
                return NoReply(state)
            case ("stop", reason):
                ev("continue stops")
                return Stop(reason, state)
            case "crash":
                raise RuntimeError("in continue")
            case ("timeout", float(seconds)):
                ev("continue -> timeout")
                return NoReply(state, seconds)
            case _:
                ev("continue", arg)
                return NoReply(state)

    def handle_call(self, request: Any, _from: From, state: Any) -> Any:
        match request:
            case ("cont", arg):
                ev("call")
                return Reply("replied", state, Continue(arg))
            case _:
                raise NoClause(request)

    def handle_cast(self, request: Any, state: Any) -> Any:
        match request:
            case ("cont", arg):
                ev("cast")
                return NoReply(state, Continue(arg))
            case _:
                ev("cast", request)
                return NoReply(state)

    def handle_info(self, message: Any, state: Any) -> Any:
        ev("info", message)
        return NoReply(state)

    def terminate(self, reason: Any, _state: Any) -> None:
        ev("terminate", reason)


@twin.block("init timeout: fires as info :timeout when nothing arrives")
async def init_timeout() -> None:
    await S.start_link(Ok(None, 0.03))
    await settle(100)


@twin.block("init timeout: any message cancels it for good")
async def message_cancels() -> None:
    server = await S.start_link(Ok(None, 0.06))
    send(server, "hello")
    await settle(150)


@twin.block("init timeout 0 with a message already waiting: no timeout at all")
async def timeout_zero() -> None:
    await S.start_link(("pre", Ok(None, 0)))
    await settle(60)


@twin.block("init continue: runs before messages that already wait")
async def init_continue() -> None:
    server = await S.start_link(("pre", Ok(None, Continue("setup"))))
    state = await system.get_state(server)
    say("a request of the starter is handled after the continue", state)


@twin.block("a chain of continues runs before any message")
async def chain() -> None:
    await S.start_link(("pre", Ok(None, Continue(("chain", 2)))))
    await settle(40)


@twin.block("continue that sets a timeout")
async def continue_timeout() -> None:
    await S.start_link(Ok(None, Continue(("timeout", 0.02))))
    await settle(80)


@twin.block("the reply is sent before the continue runs")
async def reply_first() -> None:
    server = await S.start_link(Ok(None))
    say("call", await call(server, ("cont", "wait")))
    send(server, "go")
    await settle()
    cast(server, ("cont", "after_cast"))
    await settle()


@twin.block("a continue that stops: start_link has succeeded all the same")
async def continue_stops() -> None:
    process.trap_exit(True)
    answer = await result(S.start_link(Ok(None, Continue(("stop", "oops")))))
    await settle()
    say("start_link", answer)
    say("mailbox", await mailbox())


@twin.block("a continue that raises: start_link has succeeded all the same")
async def continue_raises() -> None:
    process.trap_exit(True)
    answer = await result(S.start_link(Ok(None, Continue("crash"))))
    await settle()
    say("start_link", answer)
    say("mailbox", await mailbox())


class NoCont(GenServer[None]):
    def init(self, _arg: object) -> Ok[None]:
        return Ok(None, Continue("x"))


@twin.block("no handle_continue defined")
async def no_continue() -> None:
    process.trap_exit(True)
    say("start_link", await result(NoCont.start_link()))
    say("mailbox", await mailbox())


twin.differs(
    "no handle_continue defined",
    "mailbox: [{:EXIT, <A>, {:undef, <stack>}}]",
    "mailbox: [{:EXIT, <A>, {%RuntimeError{message: "
    '"the GenServer NoCont attempted to continue but no handle_continue was provided"}, <stack>}}]',
    because="the base class has the method, and says what is missing, as it does for call and cast",
)


@twin.block("hibernate from init: works as before")
async def hibernate() -> None:
    server = await S.start_link(Ok("s", HIBERNATE))
    await settle()
    say("status", ("status", process.info(server, "status")))
    say("state", await system.get_state(server))


twin.differs(
    "hibernate from init: works as before",
    "status: {:current_function, {:erlang, :hibernate, 3}}",
    "status: {:status, :waiting}",
    because="a process that hibernates waits like any other: its mailbox takes no room when it is empty",
)
