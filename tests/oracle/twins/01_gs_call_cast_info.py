"""The three kinds of requests, the arguments of each callback, and their shared FIFO mailbox."""

from __future__ import annotations

from typing import Any

from regrow import (
    CallReturn,
    Cast,
    CastReturn,
    From,
    GenServer,
    NoReply,
    Ok,
    Reply,
    call,
    cast,
    process,
    send,
    stop,
    system,
)
from regrow.kernel.requests import BY_MESSAGE, CallRequest
from tests.oracle.actors import Errand
from tests.oracle.terms import term
from tests.oracle.twin import Twin, ev, mailbox, result, say, settle

twin = Twin("01_gs_call_cast_info")

State = list[object]


class S(GenServer[State]):
    def init(self, arg: object) -> Ok[State]:
        ev("init", arg)
        return Ok([])

    def handle_call(self, request: object, from_: From, state: State) -> CallReturn[State]:
        ev(f"call from {term(from_.pid)}", request)
        return Reply(("re", request), [*state, request])

    def handle_cast(self, request: object, state: State) -> CastReturn[State]:
        ev("cast", request)
        return NoReply([*state, request])

    def handle_info(self, message: object, state: State) -> CastReturn[State]:
        ev("info", message)
        return NoReply([*state, message])

    def terminate(self, reason: object, state: State) -> None:
        ev("terminate", (reason, state))


@twin.block("call, cast, info")
async def call_cast_info() -> None:
    server = await S.start_link("arg")
    say("call", await call(server, "a"))
    cast(server, "b")
    say("cast", "ok")
    await settle(1)
    say("send", send(server, "c"))
    say("call", await call(server, "d"))
    say("state", await system.get_state(server))
    say("stop", await result(stop(server)))


@twin.block("one sender's messages of all kinds arrive in sending order")
async def sending_order() -> None:
    server = await S.start_link("arg")
    await system.suspend(server)
    cast(server, 1)
    send(server, 2)
    cast(server, 3)
    send(server, 4)

    async def ask() -> Any:
        await settle(20)
        return await call(server, 5)

    errand = Errand(ask)
    await settle(60)
    cast(server, 6)
    await system.resume(server)
    answer = await errand.wait()
    await settle(1)
    say("call", answer)
    say("state", await system.get_state(server))


@twin.block("a cast's tuple sent by hand is a cast; a call's tuple is a call")
async def by_hand() -> None:
    server = await S.start_link("arg")
    send(server, Cast("by_hand"))
    request = CallRequest(process.current(), "by_hand")
    request.state = BY_MESSAGE
    assert send(server, request) is request
    say("reply", await mailbox())


class F(GenServer[None]):
    def handle_call(self, _request: object, from_: From, state: None) -> CallReturn[None]:
        return Reply(from_, state)


@twin.block("caller identity: the from tag")
async def from_tag() -> None:
    server = await F.start_link()
    say("from of a call", await call(server, "from"))
    say("from of a call with :infinity", await call(server, "from", None))
    assert process.alive(server)


twin.differs(
    "caller identity: the from tag",
    "from of a call with :infinity: {<main>, <ref 2>}",
    "from of a call with :infinity: {<main>, [:alias | <ref 2>]}",
    because="a call without a deadline is no other kind of request here: it, too, drops what comes late",
)
