"""Replies that come twice, late, or to an ended caller."""

from __future__ import annotations

from typing import Any

from regrow import From, GenServer, NoReply, Ok, Reply, call, process, reply, send, stop
from tests.oracle.actors import Errand
from tests.oracle.twin import Twin, attempt, kill, mailbox, result, say, settle, try_say, until

twin = Twin("08_gs_late_replies")


class S(GenServer[Any]):
    def init(self, _arg: object) -> Ok[Any]:
        return Ok(None)

    async def handle_call(self, request: Any, from_: From, state: Any) -> Any:
        match request:
            case "twice":
                reply(from_, "first")
                reply(from_, "second")
                return NoReply(state)
            case "twice_apart":
                reply(from_, "first")
                await process.receive(lambda message: message == "go")
                reply(from_, "second")
                return NoReply(state)
            case "keep":
                return NoReply(from_)
            case "answer_kept":
                reply(state, "kept_answer")
                return Reply("ok", state)
            case _:
                return Reply(state, state)


@twin.block("replying twice before the caller runs: the second lands in its mailbox")
async def twice() -> None:
    server = await S.start_link()
    say("call", await call(server, "twice"))
    say("mailbox", await mailbox())


twin.differs(
    "replying twice before the caller runs: the second lands in its mailbox",
    "mailbox: [{[:alias | <ref 1>], :second}]",
    "mailbox: []",
    because="a request is answered once: what comes later is dropped, whenever it comes",
)


@twin.block("a second reply after the caller went on: dropped (its alias is gone)")
async def twice_apart() -> None:
    server = await S.start_link()
    say("call", await call(server, "twice_apart"))
    send(server, "go")
    say("mailbox", await mailbox())


@twin.block("with timeout :infinity there is no alias in OTP 25: the second reply lands in the mailbox")
async def twice_without_limit() -> None:
    server = await S.start_link()
    say("call", await call(server, "twice_apart", None))
    send(server, "go")
    say("mailbox", await mailbox())


twin.differs(
    "with timeout :infinity there is no alias in OTP 25: the second reply lands in the mailbox",
    "mailbox: [{<ref 1>, :second}]",
    "mailbox: []",
    because="a request is answered once, also one without a time limit",
)


@twin.block("a late reply after a timeout is dropped, even when the caller calls again")
async def late() -> None:
    server = await S.start_link()
    await try_say("call", lambda: call(server, "keep", 0.02))
    say("the server answers the first call during the second", await call(server, "answer_kept"))
    say("mailbox", await mailbox())


@twin.block("a reply to a caller that died: :ok")
async def to_the_dead() -> None:
    server = await S.start_link()
    caller = process.spawn(lambda: call(server, "keep"))

    async def is_kept() -> bool:
        return await call(server, "get") is not None

    await until(is_kept)
    await kill(caller)
    say("reply", await call(server, "answer_kept"))


@twin.block("the server may stop knowing nothing of the waiting caller: the caller gets its reason")
async def stopped_with_a_caller() -> None:
    server = await S.start_link()
    errand = Errand(lambda: attempt(lambda: call(server, "keep")))
    await settle()
    say("stop", await result(stop(server)))
    say("the waiting caller", await errand.wait())
