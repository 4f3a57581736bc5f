"""Links under every order of steps: deaths, unlinking, kills, and calls to a server that is killed."""

from __future__ import annotations

import asyncio
import random
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from regrow import (
    CallExit,
    Down,
    Exit,
    Exited,
    Pid,
    call,
    process,
)
from tests.kernel.signals.nodes import Log, everywhere, seeds, some, some_turns, victim


def of_pids(message: object) -> bool:
    """Return whether this message lists the members of the net."""
    return isinstance(message, list)


async def member(number: int, traps: bool, others: list[int], reason: Any, ready: Pid) -> None:
    """Run a member of a net: link to some, report on request who has ended and why, and end on request."""
    process.trap_exit(traps)
    pids: list[Pid] = await process.receive(of_pids)
    for other in others:
        process.link(pids[other])
    process.send(ready, number)
    reported: list[Any] = []
    while True:
        match await process.receive():
            case Exited(pid, why):
                reported.append((pids.index(pid), why))
            case "end":
                raise Exit(reason)
            case _:
                process.send(ready, sorted(reported))


@some
@given(
    seeds,
    st.integers(2, 7),
    st.lists(st.tuples(st.integers(0, 6), st.integers(0, 6)), max_size=12),
    st.sets(st.integers(0, 6)),
    st.sampled_from(["oops", "normal", "kill", ("shutdown", 1)]),
)
def test_a_death_travels_along_links(
    seed: int, count: int, wanted: list[tuple[int, int]], trapping: set[int], reason: Any
) -> None:
    """In any net of links, members that do not trap exits die; the others get one message for each dead neighbour."""
    pairs = {(one % count, two % count) for one, two in wanted if one % count != two % count}
    neighbours = {one: {other for pair in pairs if one in pair for other in pair} - {one} for one in range(count)}

    async def scenario() -> tuple[list[bool], list[Any]]:
        me = process.current()
        pids: list[Pid] = []
        for number in range(count):
            others = [two for one, two in pairs if one == number]
            pids.append(process.spawn(member, number, number in trapping, others, reason, me))
        for pid in pids:
            process.send(pid, pids)
        for _ in pids:
            await process.receive(int)
        if reason == "kill":
            process.exit(pids[0], "kill")
        else:
            process.send(pids[0], "end")
        await process.sleep(1)
        reported: list[Any] = []
        for number, pid in enumerate(pids):
            if process.alive(pid):
                assert process.info(pid, "links") == [
                    other for other in process.info(pid, "links") if process.alive(other)
                ]
                assert {pids.index(other) for other in process.info(pid, "links")} <= neighbours[number]
                process.send(pid, "report")
                reported.append(await process.receive(list))
        return [process.alive(pid) for pid in pids], reported

    why = "killed" if reason == "kill" else reason
    dead, left = {0}, [0]
    while left:
        for other in neighbours[left.pop()] - dead - trapping:
            if why != "normal":
                dead.add(other)
                left.append(other)
    alive = [number not in dead for number in range(count)]
    survivors = [number for number in range(count) if alive[number]]
    reported = [sorted((other, why) for other in neighbours[one] & dead if one in trapping) for one in survivors]
    assert everywhere(seed, scenario) == (alive, reported)


@some
@given(seeds, st.lists(st.booleans(), min_size=1, max_size=20), st.lists(st.booleans(), min_size=1, max_size=20))
def test_both_ends_agree_on_a_link(seed: int, ones: list[bool], twos: list[bool]) -> None:
    """Two processes link and unlink each other at the same time: in the end both are linked, or neither is."""

    async def restless(links: list[bool], ready: Pid) -> None:
        other = await process.receive(Pid)
        for link in links:
            (process.link if link else process.unlink)(other)
            await asyncio.sleep(0)
        process.send(ready, "done")
        await process.receive("never".__eq__)

    async def scenario() -> None:
        one, two = (process.spawn(restless, links, process.current()) for links in (ones, twos))
        process.send(one, two)
        process.send(two, one)
        for _ in range(2):
            await process.receive("done".__eq__)
        linked = process.info(one, "links") == [two]
        assert linked == (process.info(two, "links") == [one])
        process.exit(one, "oops")
        assert process.alive(two) != linked

    everywhere(seed, scenario)


WAITS = ["receive", "selective", "sleep", "future", "task", "call", "nothing"]


@some
@given(seeds, st.sampled_from(WAITS), st.sampled_from(["raise", "exit", "return", "await", "link", "kill itself"]))
def test_finally_cannot_change_the_reason(seed: int, wait: str, then: str) -> None:
    """Wherever a process waits when it is ended, and whatever its `finally` does, the first reason is reported."""

    async def scenario() -> tuple[list[Any], list[str]]:
        chance = random.Random(seed)
        finished: list[str] = []
        process.register("deaf", process.spawn(process.receive, bytes))
        process.trap_exit(True)
        pid = process.spawn_link(victim, wait, then, finished, process.current())
        ref = process.monitor(pid)
        assert await process.receive() == "waiting"
        await some_turns(chance)
        process.exit(pid, "first")
        process.exit(pid, "second")
        process.exit(pid, "kill")
        assert not process.alive(pid)
        await process.sleep(20)
        found = process.info(process.current(), "messages")
        assert found == [Exited(pid, "first"), Down(ref, pid, "first")]
        return [one.reason for one in found], finished

    reasons, finished = everywhere(seed, scenario)
    assert reasons == ["first", "first"]
    assert finished == [then]


@some
@given(seeds, st.integers(1, 6), st.sampled_from(["exit", "own", "raise"]))
def test_kill_is_not_trapped_and_arrives_as_killed(seed: int, length: int, how: str) -> None:
    """A kill ends a process that traps exits, and arrives along links as "killed"; `Exit("kill")` arrives as "kill"."""

    async def line(left: int, end: Pid) -> None:
        if left:
            process.spawn_link(line, left - 1, end)
        else:
            process.trap_exit(True)
            if how == "own":
                process.exit(process.current(), "kill")
            if how == "raise":
                raise Exit("kill")
            process.send(end, process.current())
        await process.receive()

    async def scenario() -> Any:
        process.trap_exit(True)
        pid = process.spawn_link(line, length, process.current())
        if how == "exit":
            process.exit(await process.receive(Pid), "kill")
        exited = await process.receive(Exited)
        assert exited.pid is pid
        return exited.reason

    assert everywhere(seed, scenario) == ("kill" if how == "raise" else "killed")


@some
@given(seeds)
def test_a_call_returns_the_reply_or_raises_the_end(seed: int) -> None:
    """A call to a server that is being killed returns the reply or fails, and never hangs."""

    async def caller(server: Pid, answer_to: Pid) -> None:
        try:
            process.send(answer_to, await call(server, 1, 5))
        except CallExit as error:
            process.send(answer_to, error.reason[0])

    async def scenario() -> bool:
        server = await Log.start([])
        for _ in range(5):
            process.spawn(caller, server, process.current())
        await asyncio.sleep(0) if seed % 3 else None
        process.exit(server, "kill")
        answers = [await process.receive(timeout=20) for _ in range(5)]
        await process.sleep(20)
        assert process.info(process.current(), "messages") == []
        return set(answers) <= {1, "killed", "noproc"}

    assert everywhere(seed, scenario)
