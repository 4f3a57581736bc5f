"""A state machine in short: enter events, the timeouts, postponed and inserted events."""

from __future__ import annotations

from typing import Any

from regrow import NoClause, gen_statem, process, send, system
from regrow.behaviours.gen_statem.gen_statem import GenStatem
from regrow.behaviours.gen_statem.results import (
    EventTimeout,
    GenericTimeout,
    KeepStateAndData,
    NextEvent,
    NextState,
    Postpone,
    ReplyAction,
    StateTimeout,
)
from tests.oracle.actors import Errand
from tests.oracle.terms import term
from tests.oracle.twin import Twin, ev, result, say, settle, try_say

twin = Twin("72_gen_statem")

Data = dict[str, Any]


class Door(GenStatem[str, Data]):
    def callback_mode(self) -> Any:
        return ["handle_event_function", "state_enter"]

    def init(self, code: object, /) -> Any:
        return NextState("locked", {"code": code})

    def handle_event(self, event_type: Any, content: Any, state: str, data: Data, /) -> Any:
        match event_type, content:
            case "enter", old:
                ev(f"enter {state} from {old}")
            case ("call", from_), ("code", code) if state == "locked":
                if code != data["code"]:
                    return KeepStateAndData([ReplyAction(from_, "wrong")])
                return NextState("open", data, [ReplyAction(from_, "opened"), StateTimeout(0.06, "lock")])
            case "cast", "push" if state == "locked":
                ev("push postponed")
                return KeepStateAndData([Postpone()])
            case "cast", "push":
                ev("pushed")
            case "state_timeout", "lock" if state == "open":
                return NextState("locked", data)
            case ("call", from_), "idle":
                return KeepStateAndData([ReplyAction(from_, "ok"), EventTimeout(0.03, "idle")])
            case "timeout", "idle":
                ev(f"idle in {state}")
            case ("call", from_), "named":
                timeouts = [GenericTimeout("t1", 0.02, 1), GenericTimeout("t2", 0.04, 2)]
                return KeepStateAndData([ReplyAction(from_, "ok"), *timeouts])
            case ("timeout", name), value:
                ev(f"named timeout {name}", value)
            case ("call", from_), "insert":
                return KeepStateAndData([NextEvent("internal", "first"), ReplyAction(from_, "ok")])
            case "internal", inserted:
                ev("internal", inserted)
            case "info", message:
                ev("info", message)
            case _:
                raise NoClause(content)
        return KeepStateAndData()

    def terminate(self, reason: Any, state: str, _data: Data, /) -> None:
        word = "function_clause" if isinstance(reason, NoClause) else reason  # without its stack, as in the callback
        ev(f"terminate in {state}: {term(word)}")


@twin.block("states, state timeout, postpone")
async def states() -> None:
    door = await Door.start_link(42)
    gen_statem.cast(door, "push")
    say("wrong code", await gen_statem.call(door, ("code", 1)))
    say("right code", await gen_statem.call(door, ("code", 42)))
    await settle(150)
    send(door, "hello")
    say("state", await system.get_state(door))
    say("stop", await result(gen_statem.stop(door)))


twin.differs(
    "states, state timeout, postpone",
    "right code: :opened\n<A> pushed",
    "<A> pushed\nright code: :opened",
    because="a machine handles what comes back to it before its caller's turn comes; on the BEAM they run side by side",
)


@twin.block("event timeout: cancelled by any event; named timeouts are not")
async def event_timeout() -> None:
    door = await Door.start_link(42)
    say("idle", await gen_statem.call(door, "idle"))
    await settle(60)
    say("idle", await gen_statem.call(door, "idle"))
    send(door, "interrupt")
    await settle(60)
    say("named", await gen_statem.call(door, "named"))
    send(door, "interrupt")
    await settle(80)


@twin.block("an inserted internal event comes before messages that wait")
async def inserted() -> None:
    door = await Door.start_link(42)
    await system.suspend(door)
    errand = Errand(lambda: gen_statem.call(door, "insert"))
    await settle(30)
    send(door, "waiting")
    await system.resume(door)
    answer = await errand.wait()
    await settle(30)  # the machine is done with all that waited
    say("call", answer)


twin.differs(
    "an inserted internal event comes before messages that wait",
    "call: :ok\n<A> info: :waiting",
    "<A> info: :waiting\ncall: :ok",
    because="two other processes run side by side on the BEAM; here the twin waits for both, whichever is the first",
)


@twin.block("errors")
async def errors() -> None:
    door = await Door.start(42)
    await try_say("unknown call", lambda: gen_statem.call(door, "nope"))
    assert not process.alive(door)
    await try_say("call of the dead", lambda: gen_statem.call(door, "nope"))
