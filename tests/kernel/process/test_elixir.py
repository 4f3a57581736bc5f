"""Processes: rows that come from Elixir's `Process`."""

from __future__ import annotations

import pytest

from regrow import Down, Exited, Node, VirtualClock, process
from regrow.testing import expect_message
from tests.kernel.process.processes import dead_pid, does, doing, messages, sends


@pytest.mark.otp("PR-091")
async def test_the_dictionary(node: Node) -> None:
    """The dictionary is a mapping, one for each process: put and delete return the previous value."""
    assert process.get("key") is None
    assert process.get_keys() == []
    assert process.delete("key") is None
    assert process.erase() == {}
    assert process.put("key", 1) is None
    assert process.put("key", 2) == 1
    assert process.get("key") == 2
    assert process.get("other", "default") == "default"
    process.put("twin", 2)
    assert process.get_keys() == ["key", "twin"]
    assert process.get_keys(2) == ["key", "twin"]
    assert process.get_keys(1) == []
    assert process.get() == {"key": 2, "twin": 2}
    process.get()["key"] = 3
    assert process.info(process.current(), "dictionary") == {"key": 2, "twin": 2}
    assert await does(process.spawn(doing), process.get) == {}
    assert process.delete("key") == 2
    assert process.erase("twin") == 2
    assert process.get("key") is None
    process.put("last", 1)
    assert process.erase() == {"last": 1}
    assert process.get_keys() == []


@pytest.mark.otp("PR-091")
async def test_labels(node: Node) -> None:
    """A label describes a process to others; a process without a label, or a dead one, gives None."""
    me = process.current()
    assert process.get_label() is None
    process.set_label(("cart", 12))
    assert process.get_label() == ("cart", 12)
    assert await does(process.spawn(doing), process.get_label, me) == ("cart", 12)
    assert process.info(me, "label") == ("cart", 12)
    assert process.get_label(await dead_pid()) is None


@pytest.mark.otp("PR-094")
async def test_monitor_with_alias(node: Node) -> None:
    """A reply comes through the alias of a monitor, and then its `Down`."""

    async def ponger() -> None:
        answer_to = await process.receive()
        process.send(answer_to, "pong")

    pid = process.spawn(ponger)
    ref = process.monitor(pid, alias="explicit_unalias")
    process.send(pid, ref)
    assert [await process.receive() for _ in range(2)] == ["pong", Down(ref, pid, "normal")]
    assert process.unalias(ref) is True


@pytest.mark.otp("PR-096")
async def test_the_registered_name(node: Node) -> None:
    """The result is the name, [] for a process without a name, None for a dead one. There is no priority in regrow."""
    me = process.current()
    dead = await dead_pid()
    assert process.info(dead, "registered_name") is None
    assert process.info(dead, ["registered_name"]) is None
    assert process.info(me, "registered_name") == []
    assert process.info(me, ["registered_name"]) == [("registered_name", [])]
    process.register("me", me)
    assert process.info(me, "registered_name") == "me"
    assert process.info(me, ["registered_name"]) == [("registered_name", "me")]
    with pytest.raises(ValueError, match="wanted one of"):
        process.info(me, "priority")


@pytest.mark.otp("PR-097")
async def test_send_after(node: Node, virtual_clock: VirtualClock) -> None:
    """A message comes at its time or after it; a timer that has fired or was cancelled gives None."""
    me = process.current()
    start = virtual_clock.now()
    process.send_after(me, "relative", 0.01)
    assert await process.receive() == "relative"
    process.send_after(me, "absolute", start + 1, abs=True)
    assert await process.receive() == "absolute"
    assert virtual_clock.now() == start + 1

    timer = process.send_after(me, "hello", 100)
    assert process.read_timer(timer) == 100
    await process.sleep(1)
    assert process.cancel_timer(timer) == 99
    assert process.read_timer(timer) is None
    assert process.cancel_timer(timer) is None
    timer = process.send_after(me, "at once", 0)
    assert await process.receive() == "at once"
    assert process.read_timer(timer) is None
    assert process.cancel_timer(timer) is None

    timer = process.send_after(me, "hello", 100)
    assert process.cancel_timer(timer, async_=True) is None
    assert await process.receive() == ("cancel_timer", timer, 100)
    assert process.cancel_timer(timer, async_=True) is None
    assert await process.receive() == ("cancel_timer", timer, None)
    await process.sleep(200)
    assert messages() == []


@pytest.mark.otp("PR-099")
async def test_exit_normal_to_oneself(node: Node) -> None:
    """exit(current(), "normal") ends the process and fires its links and monitors."""
    went_on: list[int] = []

    async def leaves() -> None:
        process.exit(process.current(), "normal")
        went_on.append(1)

    process.trap_exit(True)
    pid = process.spawn_link(leaves)
    assert await expect_message() == Exited(pid, "normal")
    assert not process.alive(pid)
    assert went_on == []


@pytest.mark.otp("PR-100")
async def test_alias_and_unalias(node: Node) -> None:
    """Nothing arrives after unalias; with "reply" nothing after the first message."""
    alias = process.alias()
    assert process.send(alias, "one") == "one"
    process.unalias(alias)
    assert process.send(alias, "two") == "two"
    reply = process.alias("reply")
    await sends(reply, "three", "four")
    assert messages() == ["one", "three"]
    assert process.unalias(reply) is False
