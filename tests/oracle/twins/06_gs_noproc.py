"""Requests to servers that are not there."""

from __future__ import annotations

from typing import Any

from regrow import From, GenServer, Global, Ok, Reply, Via, call, cast, gen_server, process, send, stop, system
from regrow.kernel.requests import CallRequest
from tests.oracle.actors import Registry
from tests.oracle.twin import Twin, attempt, say, settle, try_say

twin = Twin("06_gs_noproc")


class S(GenServer[int]):
    def init(self, _arg: object) -> Ok[int]:
        return Ok(0)

    async def handle_call(self, request: Any, _from: From, state: int) -> Any:
        myself = process.current()
        if request == "self_call":
            return Reply(await attempt(lambda: call(myself, "x")), state)
        return Reply(await attempt(lambda: stop(myself, "normal", 0.05)), state)


@twin.block("a dead pid")
async def dead_pid() -> None:
    server = await S.start()
    await stop(server)
    await try_say("call", lambda: call(server, "x"))
    await try_say("cast", lambda: cast(server, "x"))
    await try_say("send", lambda: send(server, "x"))
    await try_say("stop", lambda: stop(server))
    await try_say("sys.get_state", lambda: system.get_state(server))
    await try_say("Process.exit", lambda: process.exit(server, "kill"))
    await try_say("alive?", lambda: process.alive(server))
    say("info", process.info(server))


@twin.block("an unknown name")
async def unknown_name() -> None:
    await try_say("call", lambda: call("nobody", "x"))
    await try_say("cast", lambda: cast("nobody", "x"))
    await try_say("send raises", lambda: send("nobody", "x"))
    await try_say("send to {name, node} does not", lambda: send(("nobody", "nonode@nohost"), "x"))
    await try_say("Process.send too", lambda: process.send("nobody", "x"))
    await try_say("stop", lambda: stop("nobody"))
    say("whereis", gen_server.whereis("nobody"))
    process.send_after("nobody", "x", 0.001)
    say("send_after", True)


for label in ("send raises", "Process.send too"):
    twin.differs(
        "an unknown name",
        label + r': {:ERROR, %ArgumentError{message: "errors were found at the given arguments:\n\n'
        r'  * 1st argument: invalid destination\n"}}',
        label + """: {:ERROR, %ValueError{message: "cannot send to 'nobody': no process has this name. """
        """See `whereis(name)`"}}""",
        because="an error of use is a ValueError that says what was wanted",
    )


@twin.block("{name, node}")
async def name_and_node() -> None:
    await try_say("this node", lambda: call(("nobody", "nonode@nohost"), "x"))
    await try_say("unknown node", lambda: call(("nobody", "no@where"), "x"))
    await try_say("cast to an unknown node", lambda: cast(("nobody", "no@where"), "x"))


@twin.block("via and global")
async def via_and_global() -> None:
    via = Via(Registry, ("R", "k"))
    await try_say("call via", lambda: call(via, "x"))
    await try_say("cast via", lambda: cast(via, "x"))
    await try_say("stop via", lambda: stop(via))
    say("whereis via", gen_server.whereis(via))
    await try_say("call global", lambda: call(Global("k"), "x"))
    await try_say("cast global", lambda: cast(Global("k"), "x"))
    await try_say("call via an unknown registry", lambda: call(Via("NoReg", "k"), "x"))


twin.differs(
    "via and global",
    'call via an unknown registry: {:ERROR, %ArgumentError{message: "unknown registry: NoReg"}}',
    "call via an unknown registry: {:ERROR, %ValueError{message: "
    "\"unknown registry: 'NoReg'. Start it first, or pass the object itself\"}}",
    because="an error of use is a ValueError that says what to do",
)


@twin.block("a server calling itself")
async def calling_itself() -> None:
    server = await S.start_link()
    await try_say("call", lambda: call(server, "self_call"))
    await try_say("stop", lambda: call(server, "self_stop"))


async def answer_by_hand() -> None:
    request = await process.receive(CallRequest)
    gen_server.reply(request, "plain_process_answers")


@twin.block("not a server at all")
async def not_a_server() -> None:
    await try_say("call nil", lambda: call(None, "x"))  # type: ignore[call-overload]
    await try_say("call 1", lambda: call(1, "x"))  # type: ignore[call-overload]
    silent = process.spawn(settle, 1_000_000)
    await try_say("call to a process that never answers", lambda: call(silent, "x", 0.02))
    plain = process.spawn(answer_by_hand)
    await try_say("call to a process that answers by hand", lambda: call(plain, "x", 0.05))


twin.differs(
    "not a server at all",
    "call 1: {:ERROR, %FunctionClauseError{module: GenServer, function: :whereis, arity: 1, "
    "kind: nil, args: nil, clauses: nil}}",
    'call 1: {:ERROR, %TypeError{message: "wanted an address: a pid, a name (a string or a class), '
    'Global, Via or (name, node); got 1"}}',
    because="an error of use is a TypeError that says what was wanted",
)
