"""Stop from each callback; the order of reply and terminate; each reason, seen from outside."""

from __future__ import annotations

from functools import partial
from typing import Any

from regrow import Exit, From, GenServer, Stop, call, cast, process, reply, send
from tests.oracle.actors import Errand
from tests.oracle.terms import term
from tests.oracle.twin import Twin, down, ev, exit_reason_of, say, settle, try_say

twin = Twin("11_gs_stop_returns")


class S(GenServer[Any]):
    def handle_call(self, request: Any, from_: From, state: Any) -> Any:
        match request:
            case ("stop", reason, value):
                return Stop(reason, state, reply=value)
            case ("reply_then_stop", reason):
                reply(from_, "early")
                return Stop(reason, state)
            case _:
                return Stop(request[1], state)

    def handle_cast(self, request: Any, state: Any) -> Any:
        return Stop(request[1], state)

    def handle_info(self, message: Any, state: Any) -> Any:
        return Stop(message[1], state)

    async def terminate(self, reason: Any, state: Any) -> str:
        ev("terminate", reason)
        if state == "wait":
            await process.receive(lambda message: message == "go")
            ev("terminate goes on")
        return "ignored_value"


@twin.block("the reply of {:stop, r, reply, s} comes after terminate (the caller waits for it)")
async def reply_after_terminate() -> None:
    server = await S.start("wait")
    ref = process.monitor(server)

    async def ask() -> None:
        say("caller has its reply", await call(server, ("stop", "normal", "bye")))

    errand = Errand(ask)
    await settle(60)
    say("main says go")
    send(server, "go")
    await errand.wait()
    say("down", await down(ref))


@twin.block("GenServer.reply and then {:stop, r, s}: the caller has its reply before terminate")
async def reply_before_terminate() -> None:
    server = await S.start("wait")
    ref = process.monitor(server)
    say("call", await call(server, ("reply_then_stop", "normal")))
    await settle()
    send(server, "go")
    say("down", await down(ref))


async def stop_each_way(reason: Any) -> None:
    for how in ("cast", "info", "call"):
        server = await S.start()
        ref = process.monitor(server)
        if how == "cast":
            cast(server, ("stop", reason))
        elif how == "info":
            send(server, ("stop", reason))
        else:
            await try_say("call", partial(call, server, ("stop", reason, "reply")))
        say(f"{how}: down", await down(ref))


REASONS: list[Any] = ["normal", "shutdown", ("shutdown", "x"), "oops"]
for given in REASONS:
    twin.add(f"stop {term(given)} from cast, info and call", stop_each_way, given)


async def starter(reason: Any) -> None:
    server = await S.start_link()
    cast(server, ("stop", reason))
    await settle()
    raise Exit("survived")


@twin.block("linked, not trapping: which reasons take the starter along")
async def linked() -> None:
    for reason in [*REASONS, "kill"]:
        say(f"{term(reason)}: starter ends with", await exit_reason_of(partial(starter, reason)))
