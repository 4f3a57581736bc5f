"""Processes: cases beyond the rows of the catalogue."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from regrow import Agent, Exit, Exited, Node, Pid, Via, process
from regrow.testing import expect_down, expect_idle, expect_message
from tests.kernel.process.processes import dead_pid, forever


async def test_hibernate(node: Node) -> None:
    """The process drops its stack, waits for a message, and continues as the function, which receives the message."""
    me = process.current()
    events: list[str] = []

    async def woken(word: str) -> None:
        process.send(me, (word, await process.receive(), process.info(process.current(), "links")))
        if word == "first":
            await process.hibernate(woken, "second")

    async def sleepy() -> None:
        try:
            await process.hibernate(woken, "first")
        except Exception:
            events.append("caught")
            raise
        finally:
            await asyncio.sleep(0)
            events.append("left")

    pid = process.spawn_link(sleepy)
    ref = process.monitor(pid)
    await expect_idle()
    assert events == ["left"]
    assert process.info(pid, ["status", "message_queue_len"]) == [("status", "waiting"), ("message_queue_len", 0)]
    process.send(pid, 1)
    process.send(pid, 2)
    assert await expect_message(tuple) == ("first", 1, [me])
    assert await expect_message(tuple) == ("second", 2, [me])
    assert await expect_down(ref) == "normal"


async def test_a_hibernating_process_ends(node: Node) -> None:
    """A hibernating process can be killed; its function may raise, may be `def`, or may not be callable."""
    me = process.current()

    async def sleepy(function: Any, *args: Any) -> None:
        await process.hibernate(function, *args)

    pid, ref = process.spawn_monitor(sleepy, forever)
    await expect_idle()
    process.exit(pid, "kill")
    assert await expect_down(ref) == "killed"

    pid, ref = process.spawn_monitor(sleepy, process.send, me, "woken")
    process.send(pid, "wake")
    assert await expect_message(str) == "woken"
    assert await expect_down(ref) == "normal"

    pid, ref = process.spawn_monitor(sleepy, int, "none")
    process.send(pid, "wake")
    assert isinstance(await expect_down(ref), ValueError)

    async def adopted() -> None:
        async with process.adopt():
            await process.hibernate(forever)

    with pytest.raises(RuntimeError, match="hibernate"):
        await asyncio.create_task(adopted())


async def test_references_differ_and_pids_and_aliases_have_a_node(node: Node) -> None:
    """No two references are equal, and a pid and an alias identify their node."""
    refs = [process.make_ref() for _ in range(100)]
    assert len(set(refs)) == 100
    assert sorted(refs) == refs
    assert refs[0] <= refs[0] < refs[1] <= refs[2]
    pids = [process.spawn(int) for _ in range(3)]
    assert pids[0] <= pids[0] < pids[1] <= pids[2]
    assert pids[2] > pids[1] >= pids[1]
    me = process.current()
    assert process.node() == process.node(me) == process.node(process.alias()) == node.name


async def test_a_name_that_a_custom_table_refuses_is_not_reported_as_taken(node: Node) -> None:
    """The table refuses a name that no process has."""

    class Full:
        """A name table that accepts no name."""

        def register_name(self, _key: object, _pid: Pid) -> bool:
            return False

        def unregister_name(self, key: object) -> None:
            raise LookupError(key)

        def whereis_name(self, _key: object) -> Pid | None:
            return None

    before = process.processes()
    with pytest.raises(ValueError, match="was refused by its table"):
        await Agent.start(int, name=Via(Full(), "key"))
    assert process.processes() == before


async def test_a_send_to_an_invalid_address_is_refused(node: Node) -> None:
    """An unknown name and an invalid address are refused; a dead pid, an inactive alias and a remote name are not."""
    wrong: Any
    for wrong in (12, ["name"], ("a", "b", "c")):
        with pytest.raises(TypeError, match="wanted"):
            process.send(wrong, "x")
    with pytest.raises(ValueError, match="no process has this name"):
        process.send("unknown", 1)
    assert process.send(await dead_pid(), 1) == 1
    assert process.send(("unknown", node.name), 1) == 1
    assert process.send(("name", "nowhere"), 1) == 1


@pytest.mark.parametrize("how", ["other's kill", "own kill", "exit"])
async def test_a_kill_travels_along_a_line_of_links(node: Node, how: str) -> None:
    """A kill arrives as "killed", and `Exit("kill")` as "kill", at a process that traps exits."""
    me = process.current()

    async def line(left: int) -> None:
        if left:
            process.spawn_link(line, left - 1)
        elif how == "other's kill":
            process.send(me, process.current())
        elif how == "own kill":
            process.exit(process.current(), "kill")
        else:
            raise Exit("kill")
        await forever()

    process.trap_exit(True)
    for length in (1, 2, 9, 10):
        pid = process.spawn_link(line, length)
        if how == "other's kill":
            process.exit(await expect_message(Pid), "kill")
        assert await expect_message(Exited) == Exited(pid, "kill" if how == "exit" else "killed")


async def test_nothing_arrives_after_an_exit_signal(node: Node) -> None:
    """A process that is sent messages, a reason, and messages again dies of the reason, and never sees the last."""

    async def looks() -> None:
        while True:
            if await process.receive() == "may not reach":
                raise Exit("bad signal order")

    for _ in range(200):
        pid, ref = process.spawn_monitor(looks)
        for _ in range(3):
            process.send(pid, "may reach")
        process.exit(pid, "good signal order")
        for _ in range(3):
            process.send(pid, "may not reach")
        assert await expect_down(ref) == "good signal order"
