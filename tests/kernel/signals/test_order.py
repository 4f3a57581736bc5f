"""The order of messages and signals under every order of steps."""

from __future__ import annotations

import random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from regrow import (
    Down,
    Exit,
    Exited,
    Pid,
    Ref,
    call,
    cast,
    process,
)
from tests.kernel.signals.nodes import Log, everywhere, seeds, some, some_turns


async def ends(*pids: Pid) -> list[Any]:
    """Return the reasons with which processes end, as separate monitors report them."""
    refs = [process.monitor(pid) for pid in pids]
    downs = [await process.receive(Down) for _ in refs]
    return [down.reason for ref in refs for down in downs if down.ref is ref]


WAYS = ["send", "cast", "call", "name", "alias", "exit"]


@some
@given(seeds, st.lists(st.sampled_from(WAYS), max_size=12))
def test_order_between_two_processes(seed: int, ways: list[str]) -> None:
    """Messages, casts, calls and exit signals of one process arrive in the order sent, by whatever address."""

    async def sender(server: Pid, alias: Any, word: str) -> None:
        for number, way in enumerate(ways):
            message = (word, number)
            match way:
                case "send":
                    process.send(server, message)
                case "cast":
                    cast(server, message)
                case "name":
                    process.send("log", message)
                case "alias":
                    process.send(alias, message)
                case "exit":
                    process.exit(server, message)
                case _:
                    assert await call(server, message) == message

    async def scenario() -> dict[str, list[int]]:
        server = await Log.start([], name="log")
        alias = await call(server, "alias")
        refs = [process.spawn_monitor(sender, server, alias, word)[1] for word in "abc"]
        for _ in refs:
            assert (await process.receive(Down)).reason == "normal"
        seen: list[Any] = await call(server, "seen")
        return {word: [number for who, number in seen if who == word] for word in "abc"}

    assert everywhere(seed, scenario) == {word: list(range(len(ways))) for word in "abc"}


@some
@given(seeds, st.lists(st.sampled_from(["send", "alias", "exit"]), max_size=8), st.sampled_from(["normal", "oops"]))
def test_the_down_comes_last(seed: int, ways: list[str], reason: str) -> None:
    """A process's messages and signals arrive in order; then its EXIT, if it was linked; then its DOWN."""

    async def sender(to: Pid, alias: Any) -> None:
        for number, way in enumerate(ways):
            match way:
                case "send":
                    process.send(to, number)
                case "alias":
                    process.send(alias, number)
                case _:
                    process.exit(to, number)
        raise Exit(reason)

    async def scenario() -> list[Any]:
        process.trap_exit(True)
        me = process.current()
        pid = process.spawn_link(sender, me, process.alias())
        ref = process.monitor(pid)
        came: list[Any] = []
        while not came or came[-1] != ("DOWN", reason):
            match await process.receive():
                case Exited(who, why):
                    assert who is pid
                    came.append(("EXIT", why))
                case Down(one, who, why):
                    assert (one, who) == (ref, pid)
                    came.append(("DOWN", why))
                case number:
                    came.append(number)
        await process.sleep(1)
        assert process.info(me, "messages") == []
        return came

    sent = [("EXIT", number) if way == "exit" else number for number, way in enumerate(ways)]
    assert everywhere(seed, scenario) == [*sent, ("EXIT", reason), ("DOWN", reason)]


@some
@given(seeds, st.integers(0, 5), st.integers(0, 5))
def test_nothing_overtakes_an_exit_signal(seed: int, before: int, after: int) -> None:
    """A process that is sent messages, a reason and messages again may see the first, and never the last."""

    async def victim(to: Pid) -> None:
        while True:
            process.send(to, await process.receive())

    async def killer(pid: Pid) -> None:
        for _ in range(before):
            process.send(pid, "may reach")
        process.exit(pid, "killed by signal")
        for _ in range(after):
            process.send(pid, "may not reach")

    async def scenario() -> list[Any]:
        pid = process.spawn(victim, process.current())
        process.spawn(killer, pid)
        reasons = await ends(pid)
        await process.sleep(1)
        assert "may not reach" not in process.info(process.current(), "messages")
        return reasons

    assert everywhere(seed, scenario)[0] in ("killed by signal", "noproc")


@some
@given(seeds, st.sampled_from(["exit", "kill", "return", "raise"]))
def test_each_monitor_fires_once_and_the_name_is_free(seed: int, end: str) -> None:
    """Each monitor fires once, with the reason of the end; by then the process is dead and its name is free."""

    async def named() -> None:
        process.register("name", process.current())
        match await process.receive():
            case "exit":
                raise Exit("done")
            case "raise":
                raise LookupError
            case _:
                return

    async def watcher(pid: Pid, answer_to: Pid) -> None:
        addresses: list[Pid | str] = [pid, "name", pid]
        refs: dict[Ref, object] = {process.monitor(address): address for address in addresses}
        process.send(answer_to, "watching")
        reasons: list[object] = []
        while refs:
            down = await process.receive(Down)
            assert process.whereis("name") is None
            assert process.registered() == []
            assert not process.alive(pid)
            assert process.info(pid) is None
            assert refs.pop(down.ref) == down.pid
            reasons.append(down.reason if type(down.reason) is str else type(down.reason))
        with pytest.raises(TimeoutError):
            await process.receive(timeout=1)
        process.send(answer_to, tuple(reasons))

    async def scenario() -> list[Any]:
        pid = process.spawn(named)
        await process.sleep(1)
        watchers = [process.spawn(watcher, pid, process.current()) for _ in range(3)]
        for _ in watchers:
            await process.receive("watching".__eq__)
        if end == "kill":
            process.exit(pid, "kill")
        else:
            process.send(pid, end)
        return [await process.receive(tuple) for _ in watchers]

    reason = {"exit": "done", "kill": "killed", "return": "normal", "raise": LookupError}[end]
    assert everywhere(seed, scenario) == [(reason,) * 3] * 3


@some
@given(seeds)
def test_demonitor_and_unlink_are_barriers(seed: int) -> None:
    """After demonitor(flush=True) and unlink the other's end sends nothing; the result of demonitor is true."""

    async def ending(chance: random.Random) -> None:
        await some_turns(chance)
        raise Exit("over")

    async def scenario() -> None:
        process.trap_exit(True)
        me = process.current()
        chance = random.Random(seed)
        for _ in range(10):
            pid = process.spawn_link(ending, chance)
            kept, flushed, queried = process.monitor(pid), process.monitor(pid), process.monitor(pid)
            await some_turns(chance)
            live = process.demonitor(queried, info=True)
            assert live == process.alive(pid)
            assert any(isinstance(one, Down) and one.ref is queried for one in process.info(me, "messages")) != live
            process.unlink(pid)
            exited = [one for one in process.info(me, "messages") if isinstance(one, Exited)]
            assert len(exited) == (not live)
            process.demonitor(flushed, flush=True)
            await process.sleep(1)
            found = process.info(me, "messages")
            assert [one for one in found if isinstance(one, Exited)] == exited
            downs = [one.ref for one in found if isinstance(one, Down)]
            assert sorted(downs) == sorted([kept] if live else [kept, queried])
            while process.info(me, "messages"):
                await process.receive()

    everywhere(seed, scenario)


@some
@given(seeds)
def test_a_name_has_one_owner(seed: int) -> None:
    """Of many processes that want a name one gets it; after a kill the next one does: never two, never a dead one."""

    async def wants(to: Pid) -> None:
        while True:
            try:
                process.register("throne", process.current())
                break
            except ValueError:
                holder = process.whereis("throne")
                assert holder is not None
                assert process.alive(holder)
                process.monitor("throne")
                await process.receive(Down)
        process.send(to, process.current())
        await process.receive("never".__eq__)

    async def scenario() -> int:
        pids = [process.spawn(wants, process.current()) for _ in range(6)]
        reigned: list[Pid] = []
        for _ in pids:
            reigned.append(await process.receive(Pid))
            assert process.whereis("throne") is reigned[-1]
            process.exit(reigned[-1], "kill")
        assert sorted(reigned) == pids
        return len(reigned)

    assert everywhere(seed, scenario) == 6
