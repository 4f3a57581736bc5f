"""one_for_all: the others are stopped in reverse start order, then all start in start order."""

from __future__ import annotations

from typing import Any

from regrow import ChildSpec, Pid, Supervisor, cast, process
from tests.oracle.actors import child
from tests.oracle.twin import Twin, kill, mailbox, name, result, say, settle

twin = Twin("51_sup_one_for_all")


async def started(children: list[ChildSpec], **options: Any) -> Pid:
    return name(await Supervisor.start_link(children, strategy="one_for_all", **options), "sup")


@twin.block("crash of the middle one")
async def middle() -> None:
    sup = await started([child("a", trap=True), child("b", trap=True), child("c", trap=True)])
    cast("b", "crash")
    await settle()
    say("stop", await result(Supervisor.stop(sup)))


@twin.block("a transient child that ends normally: nothing happens to the others")
async def transient() -> None:
    sup = await started([child("a", trap=True), child("b", trap=True, restart="transient"), child("c", trap=True)])
    cast("b", ("stop", "normal"))
    await settle()
    say("children", await Supervisor.which_children(sup))
    say("then a crashes: does b come back?")
    await kill("a")
    await settle()
    say("children", await Supervisor.which_children(sup))


@twin.block("a temporary sibling of the crashed child is stopped and not started again")
async def temporary_sibling() -> None:
    sup = await started([child("a", trap=True), child("t", trap=True, restart="temporary"), child("c", trap=True)])
    cast("a", "crash")
    await settle()
    say("children", await Supervisor.which_children(sup))


@twin.block("a temporary child that crashes: no restart of anyone")
async def temporary() -> None:
    sup = await started([child("a", trap=True), child("t", trap=True, restart="temporary")])
    cast("t", "crash")
    await settle()
    say("children", await Supervisor.which_children(sup))


@twin.block("one restart of all counts once")
async def counts_once() -> None:
    sup = await started([child("a"), child("b"), child("c")], max_restarts=1)
    process.trap_exit(True)
    await kill("a")
    await settle()
    say("sup lives", process.alive(sup))
    await kill("b")
    say("mailbox", await mailbox())
