"""one_for_one: only the child that ended is restarted."""

from __future__ import annotations

from typing import Any

from regrow import CallReturn, ChildSpec, From, GenServer, Pid, Reply, Supervisor, call, cast, process, system
from tests.oracle.actors import child
from tests.oracle.twin import Twin, await_new, kill, name, result, say, settle

twin = Twin("50_sup_one_for_one")


async def started(children: list[ChildSpec], **options: Any) -> Pid:
    return name(await Supervisor.start_link(children, strategy="one_for_one", **options), "sup")


@twin.block("start order, crash of the middle one, stop order", raced=True)
async def order() -> None:
    sup = await started([child("a", trap=True), child("b", trap=True), child("c", trap=True)])
    say("which_children (last started first)", await Supervisor.which_children(sup))
    cast("b", "crash")
    await settle()
    say("which_children", await Supervisor.which_children(sup))
    say("kill a", await kill("a"))
    await settle()
    say("stop", await result(Supervisor.stop(sup)))


@twin.block("children that do not trap exits have no terminate at shutdown")
async def not_trapping() -> None:
    sup = await started([child("a"), child("b", trap=True)])
    say("stop", await result(Supervisor.stop(sup)))


@twin.block("a permanent child that stops normally is restarted as well")
async def permanent() -> None:
    sup = await started([child("a")])
    cast("a", ("stop", "normal"))
    await settle()
    say("children", await Supervisor.which_children(sup))


class Counter(GenServer[int]):
    """Stands for the scenario's Agent, which is only there to have a state."""

    def handle_call(self, request: int, _from: From, count: int) -> CallReturn[int]:
        return Reply(count + request, count + request)


@twin.block("the restarted child starts from its first arguments: state is lost")
async def state_is_lost() -> None:
    sup = await Supervisor.start_link([ChildSpec("A", lambda: Counter.start_link(0, name="Cnt"))])
    await call("Cnt", 5)
    say("before", await call("Cnt", 0))
    old = process.whereis("Cnt")
    assert old is not None
    process.exit(old, "kill")
    await await_new("Cnt", old)
    say("after", await call("Cnt", 0))
    await Supervisor.stop(sup)


@twin.block("two children crash at once: restarted in the order of their exit messages")
async def two_at_once() -> None:
    sup = await started([child("a"), child("b"), child("c")])
    await system.suspend(sup)
    await kill("c")
    await kill("a")
    await system.resume(sup)
    await settle()
    say("ids in order", [one.id for one in await Supervisor.which_children(sup)])


twin.differs(
    "start order, crash of the middle one, stop order",
    "kill a: :killed\n<a2> start",
    "<a2> start\nkill a: :killed",
    because="supervisor and block hear of the end at once; nothing says who goes first, and here the supervisor does",
)
