"""Spawning, names, flags, info, and selective receive."""

from __future__ import annotations

import asyncio
import random
from typing import Any

import pytest

from regrow import Down, Exit, Exited, Node, Pid, VirtualClock, process
from regrow.testing import expect_down, expect_idle, expect_message
from tests.kernel.process.processes import dead_pid, does, doing, forever, messages


@pytest.mark.otp("PR-071")
async def test_invalid_names_are_refused(node: Node) -> None:
    """A name is a string other than "undefined", or a class; its owner is a living pid."""
    register: Any = process.register
    me = process.current()
    wrong: Any
    for wrong in ({"a", "b"}, ("a", "b"), ["a"], None, 12, b"name"):
        with pytest.raises(TypeError, match="wanted a name"):
            register(wrong, me)
        with pytest.raises(TypeError, match="wanted a name"):
            process.unregister(wrong)
    with pytest.raises(ValueError, match="undefined"):
        register("undefined", me)
    for no_pid in (process.make_ref(), ["pid"], ("pid", 1), "name"):
        with pytest.raises(TypeError, match="wanted a pid"):
            register("name", no_pid)
    with pytest.raises(ValueError, match="not alive"):
        register("name", await dead_pid())
    assert process.registered() == []


@pytest.mark.otp("PR-072")
async def test_registering_twice(node: Node) -> None:
    """A taken name, a second name and an unknown name are refused, and the existing registration stays."""
    me, other = process.current(), process.spawn(forever)
    assert process.register("taken", me) is True
    for name, pid, problem in (("taken", other, "has that name"), ("second", me, "already"), ("taken", me, "already")):
        with pytest.raises(ValueError, match=problem):
            process.register(name, pid)
    with pytest.raises(ValueError, match="no process has this name"):
        process.unregister("unknown")
    assert process.registered() == ["taken"]
    assert process.whereis("taken") is me
    assert process.unregister("taken") is True
    assert process.whereis("taken") is None
    assert process.register("second", me) is True


@pytest.mark.otp("PR-074")
async def test_a_name_passes_from_a_dead_process_to_the_next(node: Node) -> None:
    """In each round the name is free at once when its owner is killed, and one process alone gets it."""
    for _ in range(2000):
        pid = process.spawn(forever)
        process.register("passed on", pid)
        assert process.whereis("passed on") is pid
        process.exit(pid, "kill")
        assert process.whereis("passed on") is None
    assert process.registered() == []


@pytest.mark.otp("PR-075")
async def test_no_stale_name(node: Node) -> None:
    """While processes register and die, a look-up finds only living owners. A stress test, made smaller."""
    found: list[Pid] = []

    async def registers(number: int) -> None:
        process.register(f"name {number % 10}", process.current())
        await asyncio.sleep(0)
        if number % 3 == 0:
            process.exit(process.current(), "kill")

    async def looks() -> None:
        while True:
            for name in process.registered():
                pid = process.whereis(name)
                assert pid is not None
                assert process.alive(pid)
                assert process.info(pid, "registered_name") == name
                found.append(pid)
            await asyncio.sleep(0)

    watching, ref = process.spawn_monitor(looks)
    for number in range(500):
        process.spawn_monitor(registers, number)
        if number % 7 == 0:
            await asyncio.sleep(0)
    for _ in range(500):
        down = await process.receive(Down)
        assert down.ref is not ref
        assert down.reason in ("normal", "killed") or isinstance(down.reason, ValueError)
    assert process.alive(watching)
    assert len(found) > 100
    assert process.registered() == []


@pytest.mark.otp("PR-077")
async def test_trap_exit_returns_the_old_value(node: Node) -> None:
    """Setting a flag returns its old value; other flags and other values are refused."""
    me = process.current()
    assert process.info(me, "trap_exit") is False
    assert process.trap_exit(True) is False
    assert process.trap_exit(True) is True
    assert process.flag("trap_exit", False) is True
    assert process.flag("trap_exit", True) is False
    wrong: Any = 1
    with pytest.raises(TypeError, match="True or False"):
        process.trap_exit(wrong)
    with pytest.raises(ValueError, match="trap_exit"):
        process.flag("priority", True)
    assert process.info(me, "trap_exit") is True


@pytest.mark.otp("PR-078")
@pytest.mark.parametrize("link", [True, False])
@pytest.mark.parametrize("monitor", [True, False])
@pytest.mark.parametrize("reply", ["yes", "no", "error_only", "success_only"])
async def test_spawn_request(node: Node, link: bool, monitor: bool, reply: str) -> None:
    """The reply, if requested, comes before the EXIT, and the EXIT before the DOWN.

    regrow spawns the process at once, OTP asynchronously: the order of the messages is the same.
    """
    process.trap_exit(True)

    async def child() -> None:
        raise Exit("early")

    ref = process.spawn_request(child, link=link, monitor=monitor, reply=reply, reply_tag=("my", "tag"))
    pid = process.processes()[-1]
    await process.sleep(1)
    expected: list[Any] = [(("my", "tag"), ref, "ok", pid)] if reply in ("yes", "success_only") else []
    if link:
        expected.append(Exited(pid, "early"))
    if monitor:
        expected.append(Down(ref, pid, "early"))
    assert messages() == expected


@pytest.mark.otp("PR-078")
async def test_spawn_request_and_its_child(node: Node) -> None:
    """A child that cannot run dies after the reply; a parent that ends takes a linked child with it; no undo."""
    function: Any = forever
    ref = process.spawn_request(function, "one argument too many", monitor=True, tag="tag")
    reply, down = await process.receive(), await process.receive()
    assert reply == ("spawn_reply", ref, "ok", down.pid)
    assert (down.ref, down.tag) == (ref, "tag")
    assert isinstance(down.reason, TypeError)

    me = process.current()

    async def parent() -> None:
        process.spawn_request(forever, link=True)
        process.send(me, await process.receive())
        raise Exit("parent")

    process.spawn(parent)
    child: Pid = (await expect_message(lambda message: type(message) is tuple))[3]  # pyright: ignore[reportUnknownVariableType, reportUnknownArgumentType, reportUnknownLambdaType]
    watch = process.monitor(child)
    assert await expect_down(watch) in ("parent", "noproc")

    ref = process.spawn_request(forever, monitor=True)
    assert process.spawn_request_abandon(ref) is False
    assert process.demonitor(ref, info=True) is True
    assert (await process.receive())[1] is ref
    assert process.spawn_request_abandon(process.make_ref()) is False
    wrong: Any = "ref"
    with pytest.raises(TypeError, match="wanted the ref"):
        process.spawn_request_abandon(wrong)
    with pytest.raises(ValueError, match="reply is one of"):
        process.spawn_request(forever, reply="maybe")
    with pytest.raises(ValueError, match="options of a monitor"):
        process.spawn_request(forever, tag="tag")


@pytest.mark.otp("PR-080")
async def test_info_of_one_item_and_of_a_list(node: Node) -> None:
    """One item gives its value, a list gives pairs in its order, with duplicates; a dead process gives None.

    OTP gives a pair for one item, too; regrow gives the value, because Python can distinguish it from None.
    """
    me = process.current()
    pid = process.spawn_link(process.receive)
    process.monitor(pid)
    process.register("named", pid)
    await expect_idle()
    assert process.info(pid, "status") == "waiting"
    assert process.info(me, "status") == "running"
    assert process.info(pid, ["status", "links", "registered_name", "status"]) == [
        ("status", "waiting"),
        ("links", [me]),
        ("registered_name", "named"),
        ("status", "waiting"),
    ]
    assert process.info(pid, []) == []
    whole = process.info(pid)
    assert whole == {item: process.info(pid, item) for item in whole}
    assert whole["monitored_by"] == [me]
    assert whole["initial_call"] is process.receive
    assert (whole["trap_exit"], whole["message_queue_len"], whole["label"]) == (False, 0, None)
    assert whole["ancestors"][0] is me
    process.unlink(pid)
    process.exit(pid, "kill")
    assert process.info(pid) is None
    assert process.info(pid, "links") is None
    assert process.info(pid, ["links", "status"]) is None
    assert process.info(pid, []) is None


@pytest.mark.otp("PR-080")
async def test_info_refuses_unknown_items_and_invalid_pids(node: Node) -> None:
    """An unknown item, alone or in a list, is refused even for a dead process; so is an argument that is no pid."""
    wrong: Any = "name"
    unhashable: Any = ["links", ["status"]]
    for pid in (process.current(), await dead_pid()):
        for item in ("nonsense", ["links", "nonsense"], unhashable):
            with pytest.raises(ValueError, match="wanted one of registered_name"):
                process.info(pid, item)
    for function in (process.info, process.alive, process.link, process.unlink, process.get_label, process.node):
        with pytest.raises(TypeError, match="wanted a pid, got 'name'"):
            function(wrong)
    with pytest.raises(TypeError, match="For a name"):
        process.exit(wrong, "reason")


@pytest.mark.otp("PR-081")
async def test_the_messages_of_a_process(node: Node) -> None:
    """The queue and its length are exact for what one process has sent, while others send, and before it runs."""
    waiting = process.spawn(process.receive)
    busy = process.spawn(process.receive, bytes)
    await expect_idle()
    for pid in (waiting, busy):
        for number in range(3):
            process.send(pid, number)
            assert process.info(pid, ["message_queue_len", "messages"]) == [
                ("message_queue_len", number + 1),
                ("messages", list(range(number + 1))),
            ]

    async def sender() -> None:
        for _ in range(10):
            process.send(busy, "other's")
            await asyncio.sleep(0)

    others = [process.spawn_monitor(sender)[1] for _ in range(3)]
    for number in range(3, 10):
        process.send(busy, number)
        await asyncio.sleep(0)
    mine = [message for message in process.info(busy, "messages") if isinstance(message, int)]
    assert mine == list(range(10))
    for ref in others:
        await expect_down(ref)
    assert process.info(busy, "message_queue_len") == 40
    process.send(process.current(), None)
    assert process.info(process.current(), ["message_queue_len", "messages"]) == [
        ("message_queue_len", 1),
        ("messages", [None]),
    ]


@pytest.mark.otp("PR-082")
async def test_the_parent_of_a_process(node: Node) -> None:
    """The parent is the spawner's pid, even if the spawner has a name or has ended; the first process has no parent."""
    me = process.current()
    process.register("me", me)
    pid = process.spawn(doing)
    assert process.info(pid, "parent") is me
    assert process.info(pid, "ancestors")[0] == "me"
    grandchild = await does(pid, process.spawn, forever)
    process.exit(pid, "kill")
    assert process.info(grandchild, "parent") is pid
    assert process.info(node.init.pid, "parent") is None


async def test_ancestors_are_those_of_the_parent_at_the_time_of_the_spawn(node: Node) -> None:
    one = process.spawn(doing)
    between = process.spawn(doing)
    other = await does(between, process.spawn, doing)
    await does(one, process.register, "name", one)
    assert process.info(await does(one, process.spawn, forever), "ancestors") == [
        "name",
        *process.info(one, "ancestors"),
    ]
    await does(one, process.unregister, "name")
    assert process.info(await does(one, process.spawn, forever), "ancestors") == [one, *process.info(one, "ancestors")]
    await does(one, process.register, "name", one)
    await does(one, process.spawn, forever)
    await does(one, process.unregister, "name")
    await does(other, process.register, "name", other)
    assert process.info(await does(other, process.spawn, forever), "ancestors")[:2] == ["name", between]


@pytest.mark.otp("PR-084")
async def test_the_list_of_processes(node: Node) -> None:
    """Under load the list holds every living process and no dead one; each can be sent to. OTP's test, smaller."""
    chance = random.Random(1)
    living: set[Pid] = set(process.processes())
    mine: list[Pid] = []

    async def infant() -> None:
        assert process.current() in process.processes()
        await forever()

    for _ in range(30):
        mine += [process.spawn(infant) for _ in range(20)]
        if chance.random() < 0.5:
            await asyncio.sleep(0)
        for pid in chance.sample(mine, 10):
            mine.remove(pid)
            process.exit(pid, "kill")
        assert process.processes() == sorted({*living, *mine})
        assert all(process.send(pid, "hello") == "hello" for pid in process.processes()[-20:])
    assert all(process.alive(pid) for pid in process.processes())


@pytest.mark.otp("PR-087")
async def test_selective_receive(node: Node) -> None:
    """A class, a tuple of classes or a predicate takes the first match, and leaves the others in order."""
    for message in ("a", 1, b"b", 2.5, "c", None):
        process.send(process.current(), message)
    assert await process.receive(bytes) == b"b"
    assert await process.receive((int, float)) == 1
    assert await process.receive(lambda message: message == "c") == "c"
    assert messages() == ["a", 2.5, None]
    assert await process.receive(lambda message: message is None) is None
    assert [await process.receive(), await process.receive()] == ["a", 2.5]


@pytest.mark.otp("PR-088")
@pytest.mark.parametrize("match", [None, int, bool])
async def test_receive_with_timeout_0(node: Node, virtual_clock: VirtualClock, match: Any) -> None:
    """The receive looks through the whole mailbox once, and returns a match or times out at once."""
    start = virtual_clock.now()
    with pytest.raises(TimeoutError, match="got no message"):
        await process.receive(match, timeout=0)
    process.send(process.current(), "other")
    process.send(process.current(), True)
    found = await process.receive(match, timeout=0)
    assert found == ("other" if match is None else True)
    assert virtual_clock.now() == start
