"""Links: the exits that they propagate, and the messages of a process that traps exits."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from regrow import Exit, Pid, process
from tests.oracle.terms import term
from tests.oracle.twin import Twin, down, ev, exit_reason_of, mailbox, name, say, settle, try_say, until

twin = Twin("30_links")

REASONS: list[Any] = ["normal", "shutdown", ("shutdown", 1), "oops", "kill", "killed"]


def exits(reason: object) -> Callable[[], None]:
    """A function that leaves its process with `reason`."""

    def leave() -> None:
        raise Exit(reason)

    return leave


def does_nothing() -> str:
    """Return."""
    return "done"


def raises() -> None:
    """Raise."""
    raise RuntimeError("boom")


async def sleeps() -> None:
    """Live until it is ended."""
    await process.sleep(None)


def survivor(child: Callable[[], Any]) -> Callable[[], Any]:
    """A parent that links a child and would live on."""

    async def parent() -> None:
        process.spawn_link(child)
        await settle()
        raise Exit("survived")

    return parent


@twin.block("spawn_link: child exits; parent does not trap")
async def parent_does_not_trap() -> None:
    for reason in REASONS:
        ended = await exit_reason_of(survivor(exits(reason)))
        say(f"child exit({term(reason)}): parent ends with", ended)
    say("child returns: parent ends with", await exit_reason_of(survivor(does_nothing)))
    say("child raises: parent ends with", await exit_reason_of(survivor(raises)))

    async def parent() -> None:
        process.exit(process.spawn_link(sleeps), "kill")
        await settle()
        raise Exit("survived")

    say("child killed: parent ends with", await exit_reason_of(parent))


@twin.block("spawn_link: child exits; parent traps")
async def parent_traps() -> None:
    process.trap_exit(True)
    for reason in REASONS:
        name(process.spawn_link(exits(reason)), "child")
        say(f"child exit({term(reason)})", await mailbox(20))
    child = name(process.spawn_link(sleeps), "child")
    process.exit(child, "kill")
    say("child killed", await mailbox(20))


@twin.block("links are symmetric: the parent's exit takes the child along, except :normal")
async def symmetric() -> None:
    main = process.current()

    async def parent(reason: object) -> None:
        process.send(main, ("child", process.spawn_link(sleeps)))
        await process.receive()
        raise Exit(reason)

    for reason in REASONS:
        pid = process.spawn(parent, reason)
        child: Pid = (await process.receive(lambda message: type(message) is tuple))[1]
        ref = process.monitor(child)
        process.send(pid, "go")
        say(f"parent exit({term(reason)}): child", await down(ref, 40))
        process.exit(child, "kill")


@twin.block("a chain of links: the first reason travels along; a trapping process in the middle stops it")
async def chain() -> None:
    main = process.current()

    async def link_of_the_chain(number: int, after: Pid | None, traps: bool) -> None:
        name(process.current(), f"p{number}")
        if after is not None:
            process.link(after)
        process.trap_exit(traps)
        process.send(main, ("ready", number))
        message = await process.receive()
        if message == "go":
            raise Exit("first")
        ev("got", message)
        await process.sleep(None)

    for trap_at in (None, 2):
        pids: list[Pid] = []
        for number in (3, 2, 1):
            after = pids[0] if pids else None
            pids.insert(0, process.spawn(link_of_the_chain, number, after, number == trap_at))
            await process.receive(tuple)
        refs = [process.monitor(pid) for pid in pids]
        process.send(pids[0], "go")
        await settle()
        say(f"trapping: {term(trap_at)}; p1, p2, p3 down with", [await down(ref, 20) for ref in refs])


@twin.block("linking a dead process: noproc as an EXIT message when trapping, else an exit")
async def linking_the_dead() -> None:
    dead = process.spawn(does_nothing)
    await until(lambda: not process.alive(dead))

    async def links_it() -> None:
        process.link(dead)
        await settle()
        raise Exit("survived")

    await try_say("link, not trapping, raises or not", lambda: exit_reason_of(links_it))
    process.trap_exit(True)
    await try_say("link, trapping", lambda: process.link(dead))
    say("mailbox", await mailbox(20))


@twin.block("link twice is one link; unlink once undoes it")
async def twice() -> None:
    async def waits() -> None:
        await process.receive()
        raise Exit("oops")

    pid = process.spawn(waits)
    process.link(pid)
    process.link(pid)
    say("links", ("links", process.info(process.current(), "links")))
    say("unlink", process.unlink(pid))
    say("unlink again", process.unlink(pid))
    process.send(pid, "end")
    await settle()
    say("survived")


@twin.block("link to oneself")
async def oneself() -> None:
    await try_say("link", lambda: process.link(process.current()))
    say("links", ("links", process.info(process.current(), "links")))


@twin.block("after unlink no EXIT message arrives, but one that already arrived stays")
async def unlink() -> None:
    process.trap_exit(True)
    pid = process.spawn_link(exits("oops"))
    await settle()
    process.unlink(pid)
    say("mailbox", await mailbox(20))


@twin.block("trap_exit set late: only exits from then on become messages")
async def trap_exit() -> None:
    say("flag gives the old value", process.trap_exit(True))
    say("flag gives the old value", process.trap_exit(False))


twin.differs(
    "linking a dead process: noproc as an EXIT message when trapping, else an exit",
    "link, not trapping, raises or not: {:noproc, <stack>}",
    "link, not trapping, raises or not: {:noproc, {:process, :link, [<A>]}}",
    because="both raise in link; the BEAM adds a stack to the reason, and we the call that failed",
)
