"""Monitors: DOWN in all its forms."""

from __future__ import annotations

from typing import Any

from regrow import Down, Exit, Exited, Ref, process
from tests.oracle.twin import Twin, exit_reason_of, kill, mailbox, name, say, settle, until

twin = Twin("31_monitors")


def returns() -> str:
    """Return."""
    return "ok"


def raises() -> None:
    """Raise."""
    raise RuntimeError("boom")


def ends_itself() -> None:
    """Send oneself the signal that cannot be trapped."""
    process.exit(process.current(), "kill")


def leaves(reason: object) -> None:
    """Leave with a reason."""
    raise Exit(reason)


async def sleeps() -> None:
    """Live until it is ended."""
    await process.sleep(None)


async def waits() -> None:
    """Live until a message comes."""
    await process.receive()


@twin.block("DOWN reasons")
async def down_reasons() -> None:
    for function, *args in (
        (returns,),
        (leaves, "normal"),
        (leaves, "shutdown"),
        (leaves, "oops"),
        (raises,),
        (leaves, "kill"),
        (ends_itself,),
    ):
        pid, ref = process.spawn_monitor(function, *args)
        name(pid, "p")
        down = await process.receive(Down)
        assert down.ref is ref
        say("got", down)


twin.differs(
    "DOWN reasons",
    """got: {:DOWN, <ref 6>, :process, <p>, {{:nocatch, :x}, <stack>}}
got: {:DOWN, <ref 7>, :process, <p>, :kill}
got: {:DOWN, <ref 8>, :process, <p>, :killed}""",
    """got: {:DOWN, <ref 6>, :process, <p>, :kill}
got: {:DOWN, <ref 7>, :process, <p>, :killed}""",
    because="Python has no throw: what is raised is an exception",
)


@twin.block("a process that is already dead: :noproc")
async def already_dead() -> None:
    dead = process.spawn(leaves, "the_real_reason")
    await until(lambda: not process.alive(dead))
    process.monitor(dead)
    say("mailbox", await mailbox(20))


@twin.block("by name")
async def by_name() -> None:
    pid = process.spawn(sleeps)
    process.register("mon_me", pid)
    process.monitor("mon_me")
    await kill(pid)
    say("DOWN carries {name, node}", await mailbox(20))
    process.monitor("nobody")
    say("nobody", await mailbox(20))


@twin.block("two monitors of one process: two refs, two DOWNs")
async def two_monitors() -> None:
    pid = process.spawn(waits)
    a = process.monitor(pid)
    b = process.monitor(pid)
    say("different refs", a != b)
    process.send(pid, "end")
    say("sorted", sorted(("a" if down.ref is a else "b", down.reason) for down in await mailbox()))


@twin.block("demonitor")
async def demonitor() -> None:
    pid = process.spawn(waits)
    ref = process.monitor(pid)
    say("demonitor", process.demonitor(ref))
    process.send(pid, "end")
    say("mailbox", await mailbox(20))
    _, ref = process.spawn_monitor(returns)
    await settle()
    say("demonitor after the DOWN arrived", process.demonitor(ref))
    say("mailbox", await mailbox(20))
    _, ref = process.spawn_monitor(returns)
    await settle()
    say("with :flush", process.demonitor(ref, flush=True))
    say("mailbox", await mailbox(20))
    ref = process.monitor(process.spawn(sleeps))
    say("with :info, live", process.demonitor(ref, info=True))
    say("with :info, again", process.demonitor(ref, info=True))
    say("an unknown ref", process.demonitor(Ref()))


@twin.block("monitoring oneself never fires; it gives a ref")
async def oneself() -> None:
    ref: Any = process.monitor(process.current())
    say("monitor self", isinstance(ref, Ref))
    say("mailbox", await mailbox(10))


@twin.block("a monitor is one-way: the watcher's death does nothing to the watched")
async def one_way() -> None:
    pid = process.spawn(sleeps)

    def watcher() -> None:
        process.monitor(pid)
        raise Exit("oops")

    say("watcher ended with", await exit_reason_of(watcher))
    say("watched lives", process.alive(pid))
    say("monitored_by", ("monitored_by", process.info(pid, "monitored_by")))


@twin.block("a monitor needs no trap_exit and does not kill")
async def does_not_kill() -> None:
    process.spawn_monitor(leaves, "oops")
    say("mailbox", await mailbox(20))


@twin.block("spawn_link and monitor: EXIT and DOWN both come")
async def both() -> None:
    process.trap_exit(True)
    pid = name(process.spawn_link(leaves, "oops"), "p")
    process.monitor(pid)
    found = await mailbox(20)
    say("mailbox, sorted", sorted(found, key=lambda message: not isinstance(message, Exited)))


@twin.block("alias: a reply address that can be switched off")
async def alias() -> None:
    first = process.alias()
    process.send(first, "one")
    say("mailbox", await mailbox(5))
    say("unalias", process.unalias(first))
    process.send(first, "two")
    say("mailbox", await mailbox(5))
    say("unalias again", process.unalias(first))
    second = process.alias("reply")
    process.send(second, "first")
    process.send(second, "second")
    say("alias for one reply", await mailbox(5))
