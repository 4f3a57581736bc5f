"""DynamicSupervisor."""

from __future__ import annotations

from typing import Any

from regrow import ChildSpec, GenServer, Ok, Pid, cast, process
from regrow.behaviours.agent.agent import Agent
from regrow.behaviours.supervision.dynamic_supervisor import DynamicSupervisor
from tests.oracle.actors import child
from tests.oracle.terms import inspected
from tests.oracle.twin import Twin, down, ev, kill, mailbox, name, result, say, settle, try_say

twin = Twin("61_dynamic_supervisor")


async def started(**options: Any) -> Pid:
    return name(await DynamicSupervisor.start_link(**options), "sup")


async def start_child(sup: Any, spec: Any) -> Any:
    """Return OTP's result: a child that is not to run is "ignore"."""
    found = await result(DynamicSupervisor.start_child(sup, spec))
    return "ignore" if found == "ok" else found


@twin.block("start, count, which, terminate")
async def start_count_which_terminate() -> None:
    sup = await started()
    a = await DynamicSupervisor.start_child(sup, child("a", trap=True))
    await DynamicSupervisor.start_child(sup, child("b", trap=True))
    rows = await DynamicSupervisor.which_children(sup)
    say("which (sorted): ids are :undefined", sorted(rows, key=lambda row: row.pid))
    say("count", await DynamicSupervisor.count_children(sup))
    say("the same id again is fine, but the name is taken", await start_child(sup, child("a")))
    say("terminate_child", await result(DynamicSupervisor.terminate_child(sup, a)))
    say("again", await result(DynamicSupervisor.terminate_child(sup, a)))
    say("a stranger's pid", await result(DynamicSupervisor.terminate_child(sup, process.current())))
    say("count", await DynamicSupervisor.count_children(sup))


@twin.block("restart types")
async def restart_types() -> None:
    sup = await started(max_restarts=10)
    endings: list[Any] = [("stop", "normal"), ("stop", ("shutdown", 1)), "crash"]
    for restart in ("permanent", "transient", "temporary"):
        for how in endings:
            ref = process.monitor(await DynamicSupervisor.start_child(sup, child("x", restart=restart)))
            cast("x", how)
            await down(ref)
            await settle(30)
            now = process.whereis("x")
            say(f"{restart}, {inspected(how)}: restarted", now is not None)
            say("  count", await DynamicSupervisor.count_children(sup))
            if now is not None:
                await DynamicSupervisor.terminate_child(sup, now)


@twin.block("max_children")
async def max_children() -> None:
    sup = await started(max_children=1)
    a = await DynamicSupervisor.start_child(sup, child("a"))
    say("second", await start_child(sup, child("b")))
    await DynamicSupervisor.terminate_child(sup, a)
    say("after terminate", (await start_child(sup, child("b")))[0])


async def start_x(extra: str, arg: str) -> Pid:
    ev("start_link", (extra, arg))
    return await Agent.start_link(lambda: (extra, arg))


@twin.block("extra_arguments come first")
async def extra_arguments() -> None:
    sup = await started(extra_arguments=["extra"])
    say("start_child", await start_child(sup, ChildSpec("X", (start_x, ["arg"]))))


@twin.block(":ignore and failing starts leave nothing behind")
async def failing_starts() -> None:
    sup = await started()
    say(":ignore", await start_child(sup, child("a", init="ignore")))
    say("{:stop, r}", await start_child(sup, child("a", init=("stop", "bad"))))
    say("raise", await start_child(sup, child("a", init=("raise", "boom"))))
    say("bad spec", await start_child(sup, {"id": "a"}))
    say("count", await DynamicSupervisor.count_children(sup))


def once(otherwise: Any) -> Any:
    """An init that is right for the first generation."""

    def init(generation: int) -> Any:
        return "ok" if generation == 1 else otherwise

    return init


@twin.block("a restart that fails in init: tried again, each try counting")
async def failing_restart() -> None:
    process.trap_exit(True)
    sup = await started(max_restarts=3)
    await kill(await DynamicSupervisor.start_child(sup, child("a", init=once(("stop", "cannot")))))
    say("mailbox", await mailbox())


@twin.block("a restart that ignores removes the child")
async def ignored_restart() -> None:
    sup = await started()
    await kill(await DynamicSupervisor.start_child(sup, child("a", init=once("ignore"))))
    await settle()
    say("count", await DynamicSupervisor.count_children(sup))


@twin.block("intensity: the 4th restart in 5 s ends it with :shutdown")
async def intensity() -> None:
    process.trap_exit(True)
    sup = await started()
    await DynamicSupervisor.start_child(sup, child("a"))
    for _ in range(4):
        await kill("a")
        await settle(50)
    say("mailbox", await mailbox())
    say("alive", process.alive(sup))


class Slow(GenServer[None]):
    def init(self, _arg: object) -> Ok[None]:
        process.trap_exit(True)
        return Ok(None)

    async def terminate(self, _reason: object, _state: None) -> None:
        await settle(100)


@twin.block("stop ends all children at the same time, not in order")
async def stop_at_once() -> None:
    sup = await started()
    for id in ("a", "b", "c"):
        start = (Agent.start_link, (process.trap_exit, True))
        await DynamicSupervisor.start_child(sup, ChildSpec(id, start))
    for _ in range(3):
        await DynamicSupervisor.start_child(sup, Slow)
    began = process.monotonic()
    await try_say("stop", lambda: DynamicSupervisor.stop(sup))
    say("3 x 100 ms of terminate took about 100 ms", 0.095 <= process.monotonic() - began <= 0.18)


@twin.block("which strategies")
async def strategies() -> None:
    process.trap_exit(True)
    wrong: Any = "one_for_all"
    say("one_for_all", await result(DynamicSupervisor.start_link(strategy=wrong)))
    say("none: one_for_one is the default", (await result(DynamicSupervisor.start_link()))[0])


twin.differs(
    "which strategies",
    "one_for_all: {:error, {:supervisor_data, {:invalid_strategy, :one_for_all}}}",
    "one_for_all: {:error, {:invalid_strategy, :one_for_all}}",
    because="an error of use is raised where the mistake is, before there is a supervisor whose data it could be",
)


@twin.block("start_child to a supervisor that is not there")
async def nobody() -> None:
    await try_say("start_child", lambda: DynamicSupervisor.start_child("nobody", child("a")))


NOBODY = "start_child: {:EXIT, {:noproc, {GenServer, :call, [:nobody, {:start_child, "
twin.differs(
    "start_child to a supervisor that is not there",
    NOBODY + "{{T.Child, :start_link, [[id: :a]]}, :permanent, 5000, :worker, [T.Child]}}, :infinity]}}}",
    NOBODY + "%{id: :a, start: {T.Child, :start_link, [[id: :a]]}}}, :infinity]}}}",
    because="a child's spec travels as it is",
)
