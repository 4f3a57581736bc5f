"""The shutdown of children by a supervisor: in reverse order, one at a time, each with its shutdown."""

from __future__ import annotations

from collections.abc import Awaitable
from typing import Any

from regrow import ChildSpec, GenServer, NoReply, Ok, Pid, Supervisor, cast, process, system
from tests.oracle.actors import child
from tests.oracle.terms import term
from tests.oracle.twin import Twin, down, ev, kill, name, result, say, settle, try_say

twin = Twin("55_sup_shutdown")


async def started(children: list[Any]) -> Pid:
    return name(await Supervisor.start_link(children, strategy="one_for_one"), "sup")


async def took(doing: Awaitable[None]) -> float:
    began = process.monotonic()
    await doing
    return (process.monotonic() - began) * 1000


async def stopped(spec: ChildSpec) -> None:
    sup = await started([spec])
    ref = process.monitor("a")
    await Supervisor.stop(sup)
    say("a down with", await down(ref))


@twin.block("reverse order, each awaited before the next")
async def reverse() -> None:
    sup = await started([child(id, trap=True, linger=30) for id in "abc"])
    milliseconds = await took(Supervisor.stop(sup))
    say("one after the other (about 90 ms)", 85 <= milliseconds <= 140)


@twin.block("shutdown: ms — a child that takes longer is killed")
async def limited() -> None:
    sup = await started([child("a", trap=True, linger=500, shutdown=0.05)])
    ref = process.monitor("a")
    milliseconds = await took(Supervisor.stop(sup))
    say("a down with", await down(ref))
    say("about 50 ms", 45 <= milliseconds <= 100)


twin.add("shutdown: :brutal_kill — no terminate", stopped, child("a", trap=True, shutdown="brutal_kill"))
twin.add("shutdown: :infinity", stopped, child("a", trap=True, linger=100, shutdown="infinity"))


@twin.block("shutdown: 0 is a time limit of nothing, not brutal_kill")
async def nothing() -> None:
    sup = await started([child("a", shutdown=0)])
    ref = process.monitor("a")
    await Supervisor.stop(sup)
    say("a (not trapping) down with one of :shutdown, :killed", await down(ref) in ("shutdown", "killed"))


@twin.block("a child that does not trap dies of :shutdown at once")
async def at_once() -> None:
    sup = await started([child("a", linger=1000)])
    ref = process.monitor("a")
    milliseconds = await took(Supervisor.stop(sup))
    say("a down with", await down(ref))
    say("at once", milliseconds < 30)


class Busy(GenServer[None]):
    @classmethod
    async def begin(cls) -> Pid:
        return await cls.start_link(name="busy")

    def init(self, _arg: None) -> Ok[None]:
        process.trap_exit(True)
        return Ok(None)

    async def handle_cast(self, request: object, state: None) -> NoReply[None]:
        assert request == "work"
        ev("works")
        await settle(80)
        ev("work done")
        return NoReply(state)

    def terminate(self, reason: object, _state: None) -> None:
        ev("terminate", reason)


@twin.block("a child busy in a callback gets its terminate only after it")
async def busy() -> None:
    sup = await started([ChildSpec(Busy, Busy.begin)])
    cast("busy", "work")
    await settle(20)
    await Supervisor.stop(sup)


@twin.block("messages that wait in the child's mailbox before the shutdown are handled first")
async def waiting() -> None:
    sup = await started([child("a", trap=True)])
    await system.suspend("a")
    process.send("a", "waiting")

    async def resume() -> None:
        await settle(30)
        await system.resume("a")

    process.spawn(resume)
    pid = process.whereis("a")
    assert pid is not None
    say("alive", process.alive(pid))
    await settle(60)
    await Supervisor.stop(sup)


@twin.block("the supervisor's own end: reasons given to stop; children always get :shutdown")
async def own_end() -> None:
    for reason in ("normal", "shutdown", "oops"):
        sup = await Supervisor.start_link([child("a", trap=True)])
        process.unlink(sup)
        ref = process.monitor(sup)
        await try_say(f"stop {term(reason)}", lambda: result(Supervisor.stop(sup, reason)))  # noqa: B023
        say("supervisor down with", await down(ref))


@twin.block(
    "the supervisor is killed: its linked children die of :killed, without terminate unless they trap", raced=True
)
async def killed() -> None:
    sup = await started([child("a"), child("b", trap=True)])
    process.unlink(sup)
    first, second = process.monitor("a"), process.monitor("b")
    await kill(sup)
    say("a down with", await down(first))
    say("b (traps; its parent died) down with", await down(second))


@twin.block("exit signals to a supervisor: from its parent it stops, from others they are ignored")
async def signals() -> None:
    sup = await started([child("a", trap=True)])
    process.unlink(sup)
    main = process.current()

    async def stranger() -> None:
        process.exit(sup, "oops")
        process.send(main, "sent")

    process.spawn(stranger)
    await process.receive(lambda message: message == "sent")
    await settle()
    say("alive after a stranger's signal", process.alive(sup))
    ref = process.monitor(sup)
    process.exit(sup, "from_parent")
    say("down", await down(ref))


@twin.block("the parent's normal exit stops the supervisor too")
async def parent() -> None:
    main = process.current()

    async def short_lived() -> None:
        process.send(main, await Supervisor.start_link([child("a", trap=True)]))
        await process.receive(lambda message: message == "end")

    pid = process.spawn(short_lived)
    sup = await process.receive(Pid)
    ref = process.monitor(sup)
    process.send(pid, "end")
    say("supervisor down", await down(ref))
