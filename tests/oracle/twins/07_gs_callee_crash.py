"""The callee ends during the call: the shape of the caller's exit reason."""

from __future__ import annotations

from typing import Any

from regrow import Exit, From, GenServer, NoClause, NoReply, Ok, Pid, Reply, Stop, call, process, send, system
from tests.oracle.terms import Thrown, term
from tests.oracle.twin import Twin, attempt, down, exit_reason_of, mailbox, say, settle, try_say

twin = Twin("07_gs_callee_crash")


class S(GenServer[str]):
    def init(self, _arg: object) -> Ok[str]:
        return Ok("state")

    async def handle_call(self, request: Any, _from: From, state: str) -> Any:
        match request:
            case "raise":
                raise RuntimeError("boom")
            case "arith":
                return Reply(1 / len(""), state)
            case "throw":
                raise Thrown("thrown")
            case ("exit", reason):
                raise Exit(reason)
            case ("stop", reason):
                return Stop(reason, state)
            case ("stop_reply", reason):
                return Stop(reason, state, reply="the_reply")
            case "bad":
                return "bad_value"
            case "kill_me":
                process.exit(process.current(), "kill")
                return NoReply(state)
            case "wait":
                return NoReply(state)
            case "self_exit_normal":
                process.exit(process.current(), "normal")
                return NoReply(state)
            case "no_return":
                await process.receive(lambda message: message == "never")
                return NoReply(state)
            case _:
                raise NoClause(request)


async def callee_ends(request: Any) -> None:
    server = await S.start()
    ref = process.monitor(server)
    await try_say("caller", lambda: call(server, request))
    say("server went down with", await down(ref))
    say("left in the mailbox", await mailbox(5))


REQUESTS: list[Any] = [
    "raise",
    "arith",
    "throw",
    ("exit", "normal"),
    ("exit", "shutdown"),
    ("exit", ("shutdown", 1)),
    ("exit", "oops"),
    ("stop", "normal"),
    ("stop", "shutdown"),
    ("stop", ("shutdown", 1)),
    ("stop", "oops"),
    ("stop_reply", "normal"),
    ("stop_reply", "oops"),
    "bad",
    "kill_me",
    "self_exit_normal",
    "no_clause_for_this",
]
for asked in REQUESTS:
    twin.add(f"call {term(asked)}", callee_ends, asked)

twin.differs(
    "call :throw",
    "caller: {:EXIT, {{:bad_return_value, :thrown}, {GenServer, :call, [<A>, :throw, 5000]}}}\n"
    "server went down with: {:bad_return_value, :thrown}",
    'caller: {:EXIT, {{%Thrown{message: "thrown"}, <stack>}, {GenServer, :call, [<A>, :throw, 5000]}}}\n'
    'server went down with: {%Thrown{message: "thrown"}, <stack>}',
    because="Python has no throw: what a callback raises is an error and never a return",
)


async def end_later(server: Pid, reason: str) -> None:
    await settle()
    process.exit(server, reason)


@twin.block("killed from outside while the caller waits")
async def killed_from_outside() -> None:
    server = await S.start()
    process.spawn(end_later, server, "kill")
    await try_say("caller", lambda: call(server, "no_return"))


@twin.block("exit signal :shutdown from outside while the caller waits")
async def shut_down_from_outside() -> None:
    server = await S.start(name="Named")
    process.spawn(end_later, server, "shutdown")
    await try_say("caller by name", lambda: call("Named", "wait"))


async def ask_and_tell(main: Pid, server: Pid, number: int, request: Any) -> None:
    send(main, (number, await attempt(lambda: call(server, request))))


@twin.block("two callers queued behind a crash: both exit with the crash reason")
async def two_callers() -> None:
    server = await S.start()
    await system.suspend(server)
    for number, request in ((1, ("stop", "oops")), (2, "wait")):
        process.spawn(ask_and_tell, process.current(), server, number, request)
        await settle(20)
    await system.resume(server)
    say("callers", sorted(await mailbox(), key=lambda message: message[0]))


@twin.block("start_link'ed and crashing in a call: caught by the caller, yet the link kills it")
async def caught_and_linked() -> None:
    async def caller() -> None:
        server = await S.start_link()
        await attempt(lambda: call(server, ("exit", "oops")))
        await settle()
        raise Exit("survived")

    say("caller ends with", await exit_reason_of(caller))
