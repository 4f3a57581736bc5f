"""Requests without a clause: info is logged and ignored, call and cast crash the server."""

from __future__ import annotations

from typing import Any

from regrow import From, GenServer, NoClause, NoReply, Reply, Stop, call, cast, process, send, system
from tests.oracle.terms import term
from tests.oracle.twin import Twin, down, kill, logs, result, say, try_say

twin = Twin("14_gs_unhandled", logs="plain")


class Bare(GenServer[str]):
    pass


class Some(GenServer[str]):
    def handle_call(self, request: Any, _from: From, state: str) -> Any:
        match request:
            case "a":
                return Reply("a", state)
            case _:
                raise NoClause(request)

    def handle_cast(self, request: Any, state: str) -> Any:
        match request:
            case "a":
                return NoReply(state)
            case _:
                raise NoClause(request)

    def handle_info(self, message: Any, state: str) -> Any:
        match message:
            case "a":
                return NoReply(state)
            case _:
                raise NoClause(message)


@twin.block("no handle_info at all: logged, state kept")
async def no_handle_info() -> None:
    server = await Bare.start("st")
    send(server, "what")
    say("state", await system.get_state(server))
    await logs()
    server = await Bare.start("st", name="Named")
    send(server, ("what", 1))
    await logs()
    say("alive", process.alive(server))


@twin.block("no handle_call at all")
async def no_handle_call() -> None:
    server = await Bare.start("st")
    await try_say("call", lambda: call(server, "what"))
    await logs()


@twin.block("no handle_cast at all")
async def no_handle_cast() -> None:
    server = await Bare.start("st")
    ref = process.monitor(server)
    cast(server, "what")
    say("down", await down(ref))
    await logs()


@twin.block("handle_info with other clauses only: the default is gone, it crashes")
async def other_infos() -> None:
    server = await Some.start("st")
    ref = process.monitor(server)
    send(server, "what")
    say("down", await down(ref))
    await logs()


@twin.block("handle_call with other clauses only")
async def other_calls() -> None:
    server = await Some.start("st", name="Named2")
    await try_say("call", lambda: call(server, "what"))
    await logs()


class E(GenServer[str]):
    def handle_cast(self, request: Any, state: str) -> Any:
        return Stop(request, state)


@twin.block("which ends are logged")
async def which_ends() -> None:
    reasons: list[Any] = ["normal", "shutdown", ("shutdown", "x"), "oops", ("oops", 1), "kill"]
    for reason in reasons:
        server = await E.start("st")
        ref = process.monitor(server)
        cast(server, reason)
        say(f"stop {term(reason)}: down", await down(ref))
        await logs()
    await kill(await E.start("st"))
    say("killed from outside")
    await logs()
    await kill(await E.start("st"), "oops")
    say("exit signal :oops from outside, not trapping")
    await logs()


class I(GenServer[None]):  # noqa: E742
    def init(self, arg: Any) -> Any:
        if arg == "raise":
            raise RuntimeError("boom")
        return Stop(arg[1])


@twin.block("init that fails: is it logged?")
async def failing_init() -> None:
    say("{:stop, :oops}", await result(I.start(("stop", "oops"))))
    await logs()
    say("raise", await result(I.start("raise")))
    await logs()


NAMES = "the words name the class of a server that has no name"
NO_ARITY = "a function has no arity here"
twin.differs(
    "no handle_info at all: logged, state kept",
    "log [error] Bare <A> received unexpected message in handle_info/2: :what\n"
    "log [error] Bare Named received unexpected message in handle_info/2: {:what, 1}",
    "log [error] Bare <A> received unexpected message in handle_info: :what\n"
    "log [error] Bare Named received unexpected message in handle_info: {:what, 1}",
    because=NO_ARITY,
)
twin.differs(
    "no handle_call at all",
    'call: {:EXIT, {{%RuntimeError{message: "attempted to call GenServer <A> but no handle_call/3 clause was provided"},'
    " <stack>}, {GenServer, :call, [<A>, :what, 5000]}}}\n"
    "log [error] GenServer <A> terminating\n"
    "    ** (RuntimeError) attempted to call GenServer <A> but no handle_call/3 clause was provided\n"
    "        <stack>",
    'call: {:EXIT, {{%RuntimeError{message: "attempted to call the GenServer Bare but no handle_call was provided"},'
    " <stack>}, {GenServer, :call, [<A>, :what, 5000]}}}\n"
    "log [error] GenServer <A> (Bare) terminating\n"
    "    ** (RuntimeError) attempted to call the GenServer Bare but no handle_call was provided",
    because="it is the class that lacks the method; and no line of the user's own code was running",
)
for block in ("no handle_call at all", "handle_call with other clauses only"):
    twin.differs(
        block,
        "    Client <main> is alive\n    \n        <stack>",
        "    Client <main> is alive\n        <stack>",
        because="the empty line is Logger's and says nothing",
    )
twin.differs(
    "no handle_cast at all",
    'down: {%RuntimeError{message: "attempted to cast GenServer <A> but no handle_cast/2 clause was provided"},'
    " <stack>}\n"
    "log [error] GenServer <A> terminating\n"
    "    ** (RuntimeError) attempted to cast GenServer <A> but no handle_cast/2 clause was provided\n"
    "        <stack>",
    'down: {%RuntimeError{message: "attempted to cast the GenServer Bare but no handle_cast was provided"}, <stack>}\n'
    "log [error] GenServer <A> (Bare) terminating\n"
    "    ** (RuntimeError) attempted to cast the GenServer Bare but no handle_cast was provided",
    because="it is the class that lacks the method; and no line of the user's own code was running",
)
NO_CLAUSE = "    ** (regrow.NoClause) no clause for 'what'. A callback returned None for it, or raised NoClause"
twin.differs(
    "handle_info with other clauses only: the default is gone, it crashes",
    "log [error] GenServer <A> terminating\n"
    "    ** (FunctionClauseError) no function clause matching in Some.handle_info/2",
    f"log [error] GenServer <A> (Some) terminating\n{NO_CLAUSE}",
    because=f"NoClause names the message that has no case; {NAMES}",
)
twin.differs(
    "handle_call with other clauses only",
    "    ** (FunctionClauseError) no function clause matching in Some.handle_call/3",
    NO_CLAUSE,
    because="NoClause names the message that has no case",
)
for letter in "ABC":
    twin.differs(
        "which ends are logged",
        f"log [error] GenServer <{letter}> terminating",
        f"log [error] GenServer <{letter}> (E) terminating",
        because=NAMES,
    )
