"""significant children and auto_shutdown."""

from __future__ import annotations

from typing import Any

from regrow import ChildSpec, Pid, Supervisor, cast, process
from tests.oracle.actors import child
from tests.oracle.twin import Twin, mailbox, name, result, say, settle

twin = Twin("60_sup_auto_shutdown")


async def started(auto_shutdown: Any, children: list[ChildSpec]) -> Pid:
    process.trap_exit(True)
    return name(await Supervisor.start_link(children, auto_shutdown=auto_shutdown), "sup")


def significant(id: str, restart: str) -> ChildSpec:
    return child(id, trap=True, restart=restart, significant=True)


@twin.block("any_significant: one significant child's normal end stops all")
async def any_significant() -> None:
    children = [child("a", trap=True), significant("b", "transient"), significant("c", "transient")]
    await started("any_significant", children)
    cast("b", ("stop", "normal"))
    say("mailbox", await mailbox())


@twin.block("all_significant: the last significant child's end stops all")
async def all_significant() -> None:
    children = [child("a", trap=True), significant("b", "transient"), significant("c", "temporary")]
    sup = await started("all_significant", children)
    cast("b", ("stop", "normal"))
    await settle()
    say("lives", process.alive(sup))
    cast("c", ("stop", "normal"))
    say("mailbox", await mailbox())


@twin.block("a transient significant child's crash restarts it")
async def transient() -> None:
    sup = await started("any_significant", [significant("b", "transient")])
    cast("b", "crash")
    await settle()
    say("lives", process.alive(sup))


@twin.block("a temporary significant child's crash stops all")
async def temporary() -> None:
    await started("any_significant", [child("a", trap=True), significant("b", "temporary")])
    cast("b", "crash")
    say("mailbox", await mailbox())


@twin.block("terminate_child of a significant child does not stop the supervisor")
async def terminated() -> None:
    sup = await started("any_significant", [child("a", trap=True), significant("b", "transient")])
    say("terminate_child", await result(Supervisor.terminate_child(sup, "b")))
    await settle()
    say("lives", process.alive(sup))


@twin.block("never: a significant child is refused")
async def never() -> None:
    say("start_link", await result(started("never", [significant("b", "transient")])))


@twin.block("a permanent child cannot be significant")
async def permanent() -> None:
    say("start_link", await result(started("any_significant", [significant("b", "permanent")])))


@twin.block("bad auto_shutdown")
async def bad() -> None:
    say("start_link", await result(started("sometimes", [])))


@twin.block("Elixir 1.14's Supervisor takes auto_shutdown?")
async def takes_it() -> None:
    flags = Supervisor.init([], strategy="one_for_one", auto_shutdown="any_significant").flags
    shown = {"intensity": flags.max_restarts, "period": int(flags.max_seconds), "strategy": flags.strategy}
    say("flags", {**shown, "auto_shutdown": flags.auto_shutdown})


RAISED_AT_THE_CALL = "raised in the caller, before there is a supervisor whose start it could fail"
for title, theirs, ours in (
    (
        "never: a significant child is refused",
        "start_link: {:error, {:start_spec, {:bad_combination, [auto_shutdown: :never, significant: true]}}}",
        "start_link: {:error, {:bad_combination, [auto_shutdown: :never, significant: true]}}",
    ),
    (
        "a permanent child cannot be significant",
        "start_link: {:error, {:start_spec, {:bad_combination, [restart: :permanent, significant: true]}}}",
        "start_link: {:error, {:bad_combination, [restart: :permanent, significant: true]}}",
    ),
    (
        "bad auto_shutdown",
        "start_link: {:error, {:supervisor_data, {:invalid_auto_shutdown, :sometimes}}}",
        "start_link: {:error, {:invalid_auto_shutdown, :sometimes}}",
    ),
):
    twin.differs(title, theirs, ours, because=RAISED_AT_THE_CALL)
twin.differs(
    "Elixir 1.14's Supervisor takes auto_shutdown?",
    "flags: %{intensity: 3, period: 5, strategy: :one_for_one}",
    "flags: %{auto_shutdown: :any_significant, intensity: 3, period: 5, strategy: :one_for_one}",
    because="Elixir takes it from 1.15 on; what it left out in 1.14 is no behaviour to copy",
)
