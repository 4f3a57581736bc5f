"""max_restarts in max_seconds: one more and the supervisor stops its children and exits with shutdown."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from regrow import ChildSpec, Down, Pid, Supervisor, cast, process
from tests.oracle.actors import child
from tests.oracle.twin import Twin, kill, mailbox, name, result, say, settle, try_say

twin = Twin("54_sup_intensity")
WHOLE_SECONDS = (
    "time is counted in whole seconds: 1.85 s apart can be within max_seconds 1, 1.15 s apart can be outside"
)


async def started(children: list[ChildSpec], **options: Any) -> Pid:
    return name(await Supervisor.start_link(children, strategy="one_for_one", **options), "sup")


async def crash(id: str, times: int) -> None:
    for _ in range(times):
        await kill(id)
        await settle(20)


@twin.block("the default: 3 in 5 seconds; the 4th ends it")
async def default() -> None:
    process.trap_exit(True)
    sup = await started([child("a"), child("b", trap=True)])
    await crash("a", 3)
    say("lives after 3", process.alive(sup))
    await crash("a", 1)
    say("mailbox", await mailbox())


@twin.block("restarts of all children count together")
async def together() -> None:
    process.trap_exit(True)
    sup = await started([child("a"), child("b")], max_restarts=2)
    await crash("a", 1)
    await crash("b", 1)
    say("lives after 2", process.alive(sup))
    await crash("b", 1)
    say("mailbox", await mailbox())


@twin.block("max_restarts 0: the first crash ends it")
async def none() -> None:
    process.trap_exit(True)
    await started([child("a")], max_restarts=0)
    await crash("a", 1)
    say("mailbox", await mailbox())


@twin.block("a temporary child's crash and a transient's normal end count nothing")
async def count_nothing() -> None:
    sup = await started([child("a", restart="temporary"), child("b", restart="transient")], max_restarts=0)
    await crash("a", 1)
    cast("b", ("stop", "normal"))
    await settle()
    say("lives", process.alive(sup))


@twin.block("a window of 1 second slides")
async def slides() -> None:
    process.trap_exit(True)
    sup = await started([child("a")], max_restarts=1, max_seconds=1)
    await crash("a", 1)
    await settle(2100)
    await crash("a", 1)
    say("lives", process.alive(sup))
    await crash("a", 1)
    say("mailbox", await mailbox())


async def after_a_full_second(milliseconds: int) -> None:
    into = process.monotonic() % 1.0
    await settle((1.0 - into) * 1000 + milliseconds)


@twin.block(WHOLE_SECONDS)
async def whole_seconds() -> None:
    process.trap_exit(True)
    sup = await started([child("a")], max_restarts=1, max_seconds=1)
    await after_a_full_second(50)
    await kill("a")
    await settle(1850)
    await kill("a")
    await settle()
    say("50 ms and 1900 ms after a full second: lives", process.alive(sup))
    await Supervisor.stop(sup)  # it lives here, and has the name
    sup = await started([child("a")], max_restarts=1, max_seconds=1)
    await after_a_full_second(900)
    await kill("a")
    await settle(1150)
    await kill("a")
    await settle()
    say("900 ms and 2050 ms after a full second: lives", process.alive(sup))


twin.differs(
    WHOLE_SECONDS,
    "50 ms and 1900 ms after a full second: lives: false\n<a3> start\n<a4> start\n<a5> start",
    "<a3> start\n50 ms and 1900 ms after a full second: lives: true\n<a4> start\n<a5> start\n<a6> start",
    because="exact time is counted here: 1.85 s is more than max_seconds 1, whatever the second hand shows",
)


def from_generation(works: Callable[[int], bool], reason: str) -> Callable[[int], Any]:
    return lambda generation: "ok" if works(generation) else ("stop", reason)


@twin.block("a restart that fails in init is tried again at once, each try counting")
async def tried_again() -> None:
    process.trap_exit(True)
    first_only = from_generation(lambda generation: generation == 1, "cannot")
    sup = await started([child("a", init=first_only), child("b", trap=True)])
    process.monitor(sup)
    await kill("a")
    say("mailbox", sorted(await mailbox(), key=lambda message: isinstance(message, Down)))


@twin.block("a restart that fails twice and then works")
async def works_then() -> None:
    sup = await started([child("a", init=from_generation(lambda generation: generation not in (2, 3), "not_yet"))])
    await kill("a")
    await settle()
    say("children", await Supervisor.which_children(sup))


@twin.block("the supervisor that gives up exits with :shutdown whatever the child's reason")
async def gives_up() -> None:
    process.trap_exit(True)
    await started([child("a")], max_restarts=0)
    cast("a", ("stop", "some_reason"))
    say("mailbox", await mailbox())


@twin.block("bad options")
async def bad_options() -> None:
    process.trap_exit(True)
    wrong: Any = "one_for_none"
    await try_say("max_restarts -1", lambda: result(Supervisor.start_link([], max_restarts=-1)))
    await try_say("max_seconds 0", lambda: result(Supervisor.start_link([], max_seconds=0)))
    say("no strategy", await result(Supervisor.start_link([])))
    await try_say("unknown strategy", lambda: result(Supervisor.start_link([], strategy=wrong)))


RAISED_AT_THE_CALL = "raised in the caller as InvalidFlags, before there is a supervisor whose data it could be"
for theirs, ours in (
    (
        "max_restarts -1: {:error, {:supervisor_data, {:invalid_intensity, -1}}}",
        "max_restarts -1: {:error, {:invalid_intensity, -1}}",
    ),
    (
        "max_seconds 0: {:error, {:supervisor_data, {:invalid_period, 0}}}",
        "max_seconds 0: {:error, {:invalid_period, 0}}",
    ),
    (
        "unknown strategy: {:error, {:supervisor_data, {:invalid_strategy, :one_for_none}}}",
        "unknown strategy: {:error, {:invalid_strategy, :one_for_none}}",
    ),
):
    twin.differs("bad options", theirs, ours, because=RAISED_AT_THE_CALL)
twin.differs(
    "bad options",
    'no strategy: {:ERROR, %ArgumentError{message: "expected :strategy option to be given"}}',
    "no strategy: {:ok, <A>}",
    because="strategy has a default, one_for_one, as in Erlang's supervisor",
)
