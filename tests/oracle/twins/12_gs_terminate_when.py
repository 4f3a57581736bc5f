"""The ends of a server in which terminate runs, and those in which it does not."""

from __future__ import annotations

from typing import Any

from regrow import Exit, GenServer, NoClause, NoReply, Ok, Stop, cast, process, stop
from tests.oracle.terms import Thrown, term
from tests.oracle.twin import Twin, down, ev, say

twin = Twin("12_gs_terminate_when")


class S(GenServer[str]):
    def init(self, trap: bool) -> Ok[str]:
        process.trap_exit(trap)
        return Ok("st")

    def handle_cast(self, request: Any, state: str) -> Any:
        match request:
            case "raise":
                raise RuntimeError("boom")
            case ("exit", reason):
                raise Exit(reason)
            case ("throw", value):
                raise Thrown(value)
            case ("stop", reason):
                return Stop(reason, state)
            case "self_kill":
                process.exit(process.current(), "kill")
            case ("self_signal", reason):
                process.exit(process.current(), reason)
            case _:
                raise NoClause(request)
        return NoReply(state)

    def handle_info(self, message: Any, state: str) -> Any:
        ev("handle_info", message)
        return NoReply(state)

    def terminate(self, reason: Any, state: str) -> None:
        ev("terminate", (reason, state))


async def end_it(trap: bool, what: tuple[str, Any]) -> None:
    server = await S.start(trap)
    ref = process.monitor(server)
    match what:
        case ("cast", request):
            cast(server, request)
        case ("signal", reason):
            process.exit(server, reason)
        case (_, reason):
            await stop(server, reason)
    say("down", await down(ref, 80))
    process.exit(server, "kill")


WAYS: list[Any] = [
    ("cast", "raise"),
    ("cast", ("exit", "normal")),
    ("cast", ("exit", "oops")),
    ("cast", ("throw", "x")),
    ("cast", ("stop", "normal")),
    ("cast", ("stop", "shutdown")),
    ("cast", ("stop", "oops")),
    ("cast", "self_kill"),
    ("cast", ("self_signal", "normal")),
    ("cast", ("self_signal", "oops")),
    ("signal", "normal"),
    ("signal", "shutdown"),
    ("signal", ("shutdown", 1)),
    ("signal", "oops"),
    ("signal", "kill"),
    ("stop", "normal"),
    ("stop", "oops"),
]
for traps in (False, True):
    for way in WAYS:
        title = f"trap_exit {term(traps)}: {term(way)} from a process that is not the parent"
        twin.add(title, end_it, traps, way)
    twin.differs(
        f"trap_exit {term(traps)}: {{:cast, {{:throw, :x}}}} from a process that is not the parent",
        "<A> terminate: {{:bad_return_value, :x}, :st}\ndown: {:bad_return_value, :x}",
        '<A> terminate: {{%Thrown{message: "x"}, <stack>}, :st}\ndown: {%Thrown{message: "x"}, <stack>}',
        because="Python has no throw: what a callback raises is an error and never a return",
    )
