"""Signals and their order: links, monitors, aliases, names; under many seeds, with and without direct hand-over."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from regrow import (
    CalleeExit,
    CallExit,
    Down,
    Exit,
    Exited,
    From,
    GenServer,
    Node,
    NoReply,
    Pid,
    Ref,
    Reply,
    VirtualClock,
    call,
    cast,
    process,
)
from regrow.kernel.trace import Trace


class Log(GenServer[list[Any]]):
    """Remembers what came, in its order."""

    def handle_call(self, request: Any, _from: From, state: list[Any]) -> Any:
        return Reply(state, state) if request == "seen" else Reply(request, [*state, request])

    def handle_cast(self, request: Any, state: list[Any]) -> Any:
        return NoReply([*state, request])

    handle_info = handle_cast


def under(seed: int | None, function: Callable[[], Any]) -> Any:
    """What an async function gives as a process of a node with this seed."""
    found: list[Any] = []

    async def keep() -> None:
        try:
            found.append(await function())
        except BaseException as error:
            found.append(error)
            raise

    async def main() -> None:
        async with Node(seed=seed, clock=VirtualClock()) as node:
            mine = node.launch(keep, (), node.init)
            await node.ended(mine)

    asyncio.run(main())
    if isinstance(found[0], BaseException):
        raise found[0]
    return found[0]


seeds = given(st.integers(0, 10_000))
some = settings(max_examples=40, deadline=None)


@some
@given(st.integers(0, 10_000), st.lists(st.sampled_from(["send", "cast", "call"]), max_size=12))
def test_order_between_two_processes(seed: int, ways: list[str]) -> None:
    """Whatever is sent from one process to another arrives in the order sent, under any seed."""

    async def sender(server: Pid, word: str) -> None:
        for number, way in enumerate(ways):
            message = (word, number)
            match way:
                case "send":
                    process.send(server, message)
                case "cast":
                    cast(server, message)
                case _:
                    assert await call(server, message) == message

    async def scenario() -> list[Any]:
        server = await Log.start_link([])
        refs = [process.spawn_monitor(sender, server, word)[1] for word in "abc"]
        for _ in refs:
            assert (await process.receive(Down)).reason == "normal"
        seen: list[Any] = await call(server, "seen")
        return seen

    seen = under(seed, scenario)
    for word in "abc":
        assert [number for who, number in seen if who == word] == list(range(len(ways)))


@some
@seeds
def test_one_down_a_monitor_and_the_name_is_free(seed: int) -> None:
    """Each monitor fires once, with the reason of the end, and the name is free when that is seen."""

    async def named() -> None:
        process.register("name", process.current())
        await process.receive()
        raise Exit("done")

    async def watcher(pid: Pid, answer_to: Pid) -> None:
        refs: list[Ref] = [process.monitor(pid) for _ in range(3)]
        process.send(answer_to, "watching")
        while refs:
            down = await process.receive(Down)
            assert down.reason in ("done", "noproc")
            assert process.whereis("name") is None
            assert not process.alive(pid)
            refs.remove(down.ref)
        with pytest.raises(TimeoutError):
            await process.receive(timeout=1)

    async def scenario() -> None:
        pid = process.spawn(named)
        watchers = [process.spawn_monitor(watcher, pid, process.current()) for _ in range(4)]
        for _ in watchers:
            await process.receive("watching".__eq__)
        process.send(pid, "end")
        for _ in watchers:
            assert (await process.receive(Down)).reason == "normal"

    under(seed, scenario)


@some
@seeds
def test_unlink_and_demonitor_are_barriers(seed: int) -> None:
    """After unlink and demonitor(flush=True) nothing of the other's end arrives, whenever it came."""

    async def scenario() -> None:
        process.trap_exit(True)
        pid = process.spawn_link(process.receive)
        ref = process.monitor(pid)
        process.send(pid, "end")
        if seed % 2:
            await asyncio.sleep(0)
        process.unlink(pid)
        process.demonitor(ref, flush=True)
        before = process.info(process.current(), "messages")
        await process.sleep(1)
        assert process.info(process.current(), "messages") == before
        assert all(isinstance(message, Exited) for message in before)

    under(seed, scenario)


@some
@seeds
def test_a_call_gives_an_answer_or_the_end(seed: int) -> None:
    """A call to a server that is being killed gives the answer or fails, and never hangs; the caller sees one of both."""

    async def caller(server: Pid, answer_to: Pid) -> None:
        try:
            process.send(answer_to, await call(server, 1, 5))
        except CallExit as error:
            process.send(answer_to, error.reason[0])

    async def scenario() -> list[Any]:
        server = await Log.start([])
        for _ in range(5):
            process.spawn(caller, server, process.current())
        await asyncio.sleep(0) if seed % 3 else None
        process.exit(server, "kill")
        return [await process.receive(timeout=20) for _ in range(5)]

    assert set(under(seed, scenario)) <= {1, "killed", "noproc"}


async def shuffled() -> list[str]:
    """The order in which some processes take their turns."""
    seen: list[str] = []

    async def worker(word: str) -> None:
        for _ in range(3):
            seen.append(word)
            await asyncio.sleep(0)

    refs = [process.spawn_monitor(worker, word) for word in "abcdef"]
    for _ in refs:
        await process.receive(Down)
    return seen


def test_a_seed_repeats_and_another_differs() -> None:
    """The same seed gives the same order; some other seed another; no seed the order of making."""
    orders = [under(seed, shuffled) for seed in range(8)]
    assert orders == [under(seed, shuffled) for seed in range(8)]
    assert len({tuple(order) for order in orders}) > 4
    assert under(None, shuffled) == list("abcdef" * 3)


def test_hand_over_is_a_coin_under_a_seed() -> None:
    """Under a seed a call is sometimes handed over and sometimes queued."""

    async def scenario() -> list[bool]:
        server = await Log.start_link([])
        scheduler = server.node.scheduler
        found: list[bool] = []
        step = scheduler.step

        def watched(one: Any, value: object) -> None:
            if one.pid is server:
                found.append(scheduler.depth > 0)
            step(one, value)

        scheduler.step = watched  # type: ignore[method-assign, assignment]
        for number in range(20):
            assert await call(server, number) == number
        return found

    found = under(1, scenario)
    assert set(found) == {True, False}


@pytest.mark.parametrize("mode", ["explicit_unalias", "demonitor", "reply_demonitor"])
async def test_monitors_that_are_aliases(node: Node, mode: str) -> None:
    """A monitor's ref may be an address, until unalias, until it fires, or for one message."""
    pid = process.spawn(process.receive)
    ref = process.monitor(pid, alias=mode, tag="tagged")
    process.send(ref, "first")
    process.send(ref, "second")
    process.send(pid, "end")
    await process.sleep(1)
    process.send(ref, "after the end")
    found = [process.info(process.current(), "messages")][0]
    texts = [message for message in found if isinstance(message, str)]
    downs = [message for message in found if isinstance(message, Down)]
    match mode:
        case "explicit_unalias":
            assert texts == ["first", "second", "after the end"]
            assert process.unalias(ref)
        case "demonitor":
            assert texts == ["first", "second"]
        case _:
            assert texts == ["first"]
    assert [down.tag for down in downs] == ([] if mode == "reply_demonitor" else ["tagged"])
    assert not process.unalias(ref)


async def test_trace_points(node: Node) -> None:
    """Whoever listens is told of spawns, sends, replies, names, links and ends; one that raises listens no more."""
    told: list[str] = []
    trace = node.trace = Trace()

    def listen(point: str, who: object, whom: object, what: object) -> None:
        told.append(point)

    def broken(point: str, who: object, whom: object, what: object) -> None:
        raise ValueError(point)

    trace.listeners[listen] = None
    trace.listeners[broken] = None
    server = await Log.start_link([], name="log")
    assert await call(server, 1) == 1
    cast(server, 2)
    process.send(server, 3)
    process.unlink(server)
    process.exit(server, "kill")
    node.trace = None
    assert {"spawn", "register", "link", "send", "reply", "exit"} <= set(told)
    assert told.count("send") == 3
    assert list(trace.listeners) == [listen]


async def test_info_and_dictionary(node: Node) -> None:
    """info tells what the kernel knows, and nothing of the dead; the dictionary is the process's own."""
    me = process.current()
    process.put("key", 1)
    assert process.put("key", 2) == 1
    assert process.get("key") == 2
    assert process.get("other", "default") == "default"
    assert process.get_keys() == ["key"]
    process.set_label("label")
    pid = process.spawn_link(process.receive)
    ref = process.monitor(pid)
    process.register("named", pid)
    found = process.info(me)
    assert found["dictionary"] == {"key": 2}
    assert found["label"] == "label"
    assert pid in found["links"]
    assert found["monitors"] == [pid]
    assert found["status"] == "running"
    await process.sleep(1)
    other = process.info(pid)
    assert other["registered_name"] == "named"
    assert other["status"] == "waiting"
    assert other["monitored_by"] == [me]
    assert other["parent"] is me
    assert other["initial_call"] is process.receive
    assert process.erase("key") == 2
    with pytest.raises(ValueError, match="wanted one of"):
        process.info(pid, "nonsense")
    process.demonitor(ref)
    process.unlink(pid)
    process.exit(pid, "kill")
    assert process.info(pid) is None
    assert process.info(pid, "links") is None
    assert "named" not in process.registered()


async def test_what_a_function_may_be(node: Node) -> None:
    """`def` and `async def` run as processes; what they return is no reason; odd results and StopIteration are told apart."""

    class Socket:
        """Has a `send`, and is no coroutine."""

        def send(self, data: object) -> object:
            return data

    async def returns() -> int:
        return 1

    def stops() -> None:
        raise StopIteration(1)

    async def reason_of(function: Any) -> Any:
        process.spawn_monitor(function)
        return (await process.receive(Down)).reason

    assert await reason_of(returns) == "normal"
    assert await reason_of(Socket) == "normal"
    assert await reason_of(int) == "normal"
    assert isinstance(await reason_of(stops), RuntimeError)
    text: Any = "x"
    assert isinstance(await reason_of(lambda: asyncio.sleep(text)), TypeError)


async def test_errors_of_use(node: Node) -> None:
    """Wrong arguments are refused where they are given, with what was wanted."""
    wrong: Any = "name"
    for function in (process.link, process.unlink, process.alive, process.info):
        with pytest.raises(TypeError, match="wanted a pid, got 'name'"):
            function(wrong)
    for bad in (
        lambda: process.exit(wrong, "x"),
        lambda: process.demonitor(wrong),
        lambda: process.register(wrong, wrong),
        lambda: process.register(12, process.current()),
        lambda: process.send(12, "x"),
        lambda: process.monitor(process.alias()),
    ):
        with pytest.raises(TypeError, match="wanted"):
            bad()
    with pytest.raises(ValueError, match="nobody has this name"):
        process.send("nobody", 1)
    with pytest.raises(ValueError, match="alias"):
        process.alias("nonsense")
    with pytest.raises(ValueError, match="alias"):
        process.monitor(process.current(), alias="nonsense")
    sleeper = process.spawn(process.sleep, 1)
    with pytest.raises(CalleeExit):
        await call(sleeper, "x", 10)
