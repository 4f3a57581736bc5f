"""`stop`."""

from __future__ import annotations

from typing import Any

from regrow import Exit, GenServer, NoReply, cast, process, stop
from tests.oracle.actors import Errand
from tests.oracle.terms import term
from tests.oracle.twin import Twin, attempt, down, ev, exit_reason_of, result, say, settle, try_say

twin = Twin("18_gs_stop_api")


class S(GenServer[Any]):
    async def handle_cast(self, request: Any, state: Any) -> Any:
        await settle(request[1])
        ev("work done")
        return NoReply(state)

    async def terminate(self, reason: Any, state: Any) -> None:
        ev("terminate", reason)
        match state:
            case int(milliseconds):
                await settle(milliseconds)
            case ("exit", other):
                raise Exit(other)
            case _:
                pass


@twin.block("reasons")
async def reasons() -> None:
    for reason in ("normal", "shutdown", ("shutdown", 1), "oops"):
        server = await S.start()
        ref = process.monitor(server)
        say(f"stop {term(reason)}", await result(stop(server, reason)))
        say("down", await down(ref))


@twin.block("stop waits its turn in the mailbox: what was cast before it is done first")
async def in_turn() -> None:
    server = await S.start()
    cast(server, ("work", 20))
    cast(server, ("work", 20))
    say("stop", await result(stop(server)))


@twin.block("timeout")
async def timeout() -> None:
    server = await S.start(100)
    await try_say("stop, timeout 20, terminate takes 100 ms", lambda: stop(server, "normal", 0.02))
    say("alive", process.alive(server))
    await settle(150)
    say("later", process.alive(server))


@twin.block("terminate exits with another reason")
async def another_reason() -> None:
    server = await S.start(("exit", "other"))
    await try_say("stop :normal", lambda: stop(server, "normal"))


async def stop_linked(reason: str) -> None:
    server = await S.start_link()
    await stop(server, reason)
    await settle()
    raise Exit("survived")


@twin.block("linked, not trapping: stop with an abnormal reason takes the caller along")
async def linked() -> None:
    say("caller ends with", await exit_reason_of(lambda: stop_linked("oops")))
    say("caller ends with", await exit_reason_of(lambda: stop_linked("normal")))
    say("caller ends with", await exit_reason_of(lambda: stop_linked("shutdown")))


@twin.block("two stops at once: the second sees the end of the first")
async def two_stops() -> None:
    server = await S.start(60)
    errand = Errand(lambda: attempt(lambda: stop(server)))
    await settle(20)
    await try_say("second stop", lambda: stop(server, "shutdown"))
    say("first", await errand.wait())


@twin.block("stop a plain process")
async def plain_process() -> None:
    plain = process.spawn(settle, 1_000_000)
    await try_say("stop", lambda: stop(plain, "normal", 0.03))


@twin.block("stop with reason :kill is an ordinary reason")
async def reason_kill() -> None:
    server = await S.start()
    ref = process.monitor(server)
    await try_say("stop :kill", lambda: stop(server, "kill"))
    say("down", await down(ref))
