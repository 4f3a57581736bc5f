"""start_child, terminate_child, restart_child, delete_child, which_children, count_children."""

from __future__ import annotations

from typing import Any

from regrow import ChildSpec, GenServer, Pid, Stop, Supervisor, call, cast, process
from tests.oracle.actors import child
from tests.oracle.twin import Twin, attempt, kill, mailbox, name, result, say, settle, try_say

twin = Twin("57_sup_children_api")


async def started(children: list[Any]) -> Pid:
    return name(await Supervisor.start_link(children, strategy="one_for_one"), "sup")


@twin.block("the life of a child")
async def life() -> None:
    sup = await started([])
    say("start_child", await result(Supervisor.start_child(sup, child("a", trap=True))))
    say("start_child, same id, running", await result(Supervisor.start_child(sup, child("a"))))
    say("restart_child, running", await result(Supervisor.restart_child(sup, "a")))
    say("delete_child, running", await result(Supervisor.delete_child(sup, "a")))
    say("terminate_child", await result(Supervisor.terminate_child(sup, "a")))
    say("children", await Supervisor.which_children(sup))
    say("terminate_child again", await result(Supervisor.terminate_child(sup, "a")))
    say("start_child, same id, terminated", await result(Supervisor.start_child(sup, child("a"))))
    say("restart_child", await result(Supervisor.restart_child(sup, "a")))
    say("terminate_child", await result(Supervisor.terminate_child(sup, "a")))
    say("delete_child", await result(Supervisor.delete_child(sup, "a")))
    say("delete_child again", await result(Supervisor.delete_child(sup, "a")))
    say("terminate_child of an unknown id", await result(Supervisor.terminate_child(sup, "a")))
    say("restart_child of an unknown id", await result(Supervisor.restart_child(sup, "a")))
    say("children", await Supervisor.which_children(sup))


@twin.block("terminate_child of a temporary child removes its spec; of a permanent one it does not restart")
async def terminated() -> None:
    sup = await started([child("t", restart="temporary"), child("p")])
    say("terminate t", await result(Supervisor.terminate_child(sup, "t")))
    say("terminate p", await result(Supervisor.terminate_child(sup, "p")))
    await settle()
    say("children", await Supervisor.which_children(sup))
    say("restart t", await result(Supervisor.restart_child(sup, "t")))


def by_generation(generation: int) -> object:
    return {2: ("stop", "bad"), 3: "ignore"}.get(generation, "ok")


async def undefined_for_none(starting: Any) -> Any:
    """A start that was ignored is {:ok, :undefined} there and None here."""
    answer = await result(starting)
    return ("ok", "undefined") if answer == "ok" else answer


@twin.block("restart_child whose init fails")
async def restart_fails() -> None:
    sup = await started([child("a", init=by_generation)])
    await Supervisor.terminate_child(sup, "a")
    say("restart", await undefined_for_none(Supervisor.restart_child(sup, "a")))
    say("restart", await undefined_for_none(Supervisor.restart_child(sup, "a")))
    say("restart", await undefined_for_none(Supervisor.restart_child(sup, "a")))
    say("children", await Supervisor.which_children(sup))


@twin.block("terminate_child by pid is for DynamicSupervisor only")
async def by_pid() -> None:
    sup = await started([child("a")])
    await try_say("by pid", lambda: result(Supervisor.terminate_child(sup, process.whereis("a"))))


@twin.block("count_children")
async def count() -> None:
    inner = ChildSpec("sub", (Supervisor.start_link, ([child("x")],)), type="supervisor")
    sup = await started([child("a"), child("b"), inner, child("i", init="ignore")])
    say("count", await Supervisor.count_children(sup))
    await Supervisor.terminate_child(sup, "a")
    say("count after terminate_child", await Supervisor.count_children(sup))
    say("which", await Supervisor.which_children(sup))


async def slow_again(generation: int) -> str:
    if generation > 1:
        await settle(200)
    return "ok"


@twin.block("calls during a restart wait for it")
async def during() -> None:
    sup = await started([child("a", init=slow_again)])
    await kill("a")
    await settle(50)
    say("which_children", await Supervisor.which_children(sup))


class Selfish(GenServer[None]):
    async def init(self, sup: Pid) -> Stop[None]:
        return Stop(await attempt(lambda: call(sup, "which_children", 0.05)))


SELFISH = "a child that wants its own supervisor in init: deadlock until the timeout"


@twin.block(SELFISH)
async def selfish() -> None:
    sup = await started([])
    say("start_child", await result(Supervisor.start_child(sup, (Selfish, sup))))
    say("the supervisor lives", process.alive(sup))


TIMED_OUT = "{:EXIT, {:timeout, {GenServer, :call, [<sup>, :which_children, 50]}}}"
SPEC = "{:child, :undefined, Selfish, {Selfish, :start_link, [<sup>]}, :permanent, false, 5000, :worker, [Selfish]}"
twin.differs(
    SELFISH,
    f"start_child: {{:error, {{{TIMED_OUT}, {SPEC}}}}}",
    "start_child: {:error, {:EXIT, {{:deadlock, [<A>, <sup>]}, {GenServer, :call, [<sup>, :which_children, 50]}}}}",
    because="the caller has just written the spec; the error is the reason: a cycle of calls is found at once",
)


@twin.block("an unknown message to a supervisor is ignored, an unknown cast or call crashes it")
async def unknown() -> None:
    process.trap_exit(True)
    sup = await started([child("a", trap=True)])
    process.send(sup, "what")
    await settle()
    say("alive after a message", process.alive(sup))
    cast(sup, "what")
    say("after a cast", await mailbox())
    sup = await started([])
    await try_say("call", lambda: call(sup, "what"))
    say("mailbox", await mailbox())


twin.differs(
    "an unknown message to a supervisor is ignored, an unknown cast or call crashes it",
    "<a1> terminate: :shutdown\nafter a cast: [{:EXIT, <sup>, {:function_clause, <stack>}}]",
    "after a cast: []",
    because="an unknown cast is logged like a message: a stray cast need not end a whole tree",
)
twin.differs(
    "an unknown message to a supervisor is ignored, an unknown cast or call crashes it",
    "mailbox: [{:EXIT, <sup>, {:function_clause, <stack>}}]",
    "mailbox: [{:EXIT, <sup>, {:function_clause, <stack>}}]\n<a1> terminate: :shutdown",
    because="the first supervisor lives on to the end of the block",
)
