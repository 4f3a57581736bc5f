"""A timeout behind the state of NoReply and Reply."""

from __future__ import annotations

from typing import Any

from regrow import From, GenServer, NoReply, Reply, call, cast, process, send, system
from tests.oracle.twin import Twin, down, ev, say, settle

twin = Twin("10_gs_idle_timeout")


class S(GenServer[None]):
    def handle_call(self, request: Any, _from: From, state: None) -> Any:
        match request:
            case ("t", seconds):
                return Reply("ok", state, seconds)
            case _:
                return Reply("plain", state)

    def handle_cast(self, request: Any, state: None) -> Any:
        _, seconds = request
        return NoReply(state, seconds)

    def handle_info(self, message: Any, state: None) -> Any:
        match message:
            case "timeout":
                ev("info :timeout")
                return NoReply(state)
            case ("t", seconds):
                return NoReply(state, seconds)
            case _:
                ev("info", message)
                return NoReply(state)


@twin.block("after a call")
async def after_a_call() -> None:
    server = await S.start_link()
    say("call", await call(server, ("t", 0.03)))
    await settle(80)
    say("it fires once only", await call(server, "plain"))
    await settle(80)


@twin.block("after a cast, cancelled by a call that sets none")
async def after_a_cast() -> None:
    server = await S.start_link()
    cast(server, ("t", 0.05))
    say("call", await call(server, "plain"))
    await settle(120)


@twin.block("a system message (get_state) does not cancel it, but makes it wait its whole time anew")
async def system_message() -> None:
    server = await S.start_link()
    cast(server, ("t", 0.2))
    await settle(120)
    say("get_state after 120 of 200 ms", await system.get_state(server))
    await settle(140)
    say("after 260 ms: nothing yet")
    await settle(150)


@twin.block("timeout 0 with a message waiting: the message wins and cancels it")
async def zero_with_mail() -> None:
    server = await S.start_link()
    await system.suspend(server)
    send(server, ("t", 0))
    send(server, "waiting")
    await system.resume(server)
    await settle(60)


@twin.block("timeout 0 with nothing waiting")
async def zero() -> None:
    server = await S.start_link()
    send(server, ("t", 0))
    await settle(60)


@twin.block("replaced by a later one; :infinity means none")
async def replaced() -> None:
    server = await S.start_link()
    cast(server, ("t", 0.03))
    cast(server, ("t", float("inf")))
    await settle(80)
    say("no timeout so far")
    cast(server, ("t", 0.03))
    await settle(80)


@twin.block("a message :timeout sent by anyone is the same thing")
async def sent_by_anyone() -> None:
    server = await S.start_link()
    send(server, "timeout")
    await settle(40)


@twin.block("negative timeout")
async def negative() -> None:
    server = await S.start()
    ref = process.monitor(server)
    cast(server, ("t", -0.001))
    say("down", await down(ref))
