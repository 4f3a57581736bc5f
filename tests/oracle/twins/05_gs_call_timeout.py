"""A call that times out exits the caller; the server continues, and its late reply is dropped."""

from __future__ import annotations

from typing import Any

from regrow import From, GenServer, NoReply, Ok, Reply, call, process, reply
from tests.oracle.twin import Twin, ev, exit_reason_of, mailbox, say, settle, try_say

twin = Twin("05_gs_call_timeout")


class S(GenServer[int]):
    def init(self, _arg: object) -> Ok[int]:
        return Ok(0)

    async def handle_call(self, request: Any, from_: From, count: int) -> Any:
        match request:
            case ("sleep", int(milliseconds)):
                await settle(milliseconds)
                ev("replying")
                return Reply(count, count + 1)
            case "never":
                return NoReply(count)
            case "later":
                process.send_after(process.current(), ("reply", from_), 0.08)
                return NoReply(count)
            case _:
                return Reply(count, count)

    def handle_info(self, message: Any, count: int) -> Any:
        _, from_ = message
        reply(from_, "late")
        ev("GenServer.reply", "ok")
        return NoReply(count + 1)


@twin.block("exit reason")
async def exit_reason() -> None:
    server = await S.start_link()
    await try_say("call by pid", lambda: call(server, ("sleep", 80), 0.02))
    say("server alive", process.alive(server))
    say("late reply in the mailbox?", await mailbox(120))
    say("the work was done all the same", await call(server, "n"))


@twin.block("by name: the exit reason names the server as it was called")
async def by_name() -> None:
    await S.start_link(name="Srv")
    await try_say("call by name", lambda: call("Srv", "never", 0.02))
    await try_say("call by {name, node}", lambda: call(("Srv", "nonode@nohost"), "never", 0.02))
    await try_say("timeout 0", lambda: call("Srv", "n", 0))
    await settle()
    say("mailbox", await mailbox(10))


@twin.block("reply/2 long after the caller gave up: :ok, and dropped")
async def late_reply() -> None:
    server = await S.start_link()
    await try_say("call", lambda: call(server, "later", 0.02))
    say("mailbox", await mailbox(120))


@twin.block("uncaught, the timeout ends the caller with this reason")
async def uncaught() -> None:
    server = await S.start_link()
    say("caller", await exit_reason_of(lambda: call(server, "never", 0.01)))
    say("server alive", process.alive(server))


@twin.block("bad timeouts")
async def bad_timeouts() -> None:
    server = await S.start_link()
    await try_say("negative", lambda: call(server, "n", -1))
    await try_say("float", lambda: call(server, "n", 1.5))
    await try_say("nil", lambda: call(server, "n", None))


NO_CLAUSE = (
    "{:ERROR, %FunctionClauseError{module: GenServer, function: :call, arity: 3, kind: nil, args: nil, clauses: nil}}"
)
twin.differs(
    "bad timeouts",
    f"negative: {NO_CLAUSE}",
    'negative: {:ERROR, %ValueError{message: "call(timeout=): wanted seconds ≥ 0, got -1. Use None to wait for ever"}}',
    because="an error of use is a ValueError that says what was wanted",
)
twin.differs("bad timeouts", f"float: {NO_CLAUSE}", "float: 0", because="a time is seconds, and a float is one")
twin.differs("bad timeouts", f"nil: {NO_CLAUSE}", "nil: 0", because="None is what :infinity is on the BEAM")


@twin.block("default timeout is 5000")
async def default_timeout() -> None:
    server = await S.start_link()
    began = process.monotonic()
    await try_say("call", lambda: call(server, "never"))
    say("after about 5 s", 4.99 <= process.monotonic() - began <= 5.2)
