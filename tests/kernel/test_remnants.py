"""A killed process is dead at once, and its coroutine still releases what it holds."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from regrow import Down, Exited, Node, Pid, VirtualClock, process
from regrow.testing import expect_idle


async def ended(pid: Pid, reason: object = "kill") -> Any:
    """Send a reason, and wait for the end."""
    ref = process.monitor(pid)
    process.exit(pid, reason)
    down = await process.receive(lambda message: isinstance(message, Down) and message.ref is ref)
    return down.reason


async def waits_for(kind: str) -> None:
    """Wait in one of the ways in which a process can wait."""
    match kind:
        case "future":
            await asyncio.Event().wait()
        case "receive":
            await process.receive(bytes)
        case "any":
            await process.receive()
        case "sleep":
            await process.sleep(1000)
        case "task group":
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(asyncio.Event().wait())
        case "task":
            await asyncio.create_task(asyncio.Event().wait())
        case _:
            async with asyncio.timeout(None):
                await asyncio.Event().wait()


WAYS = ["future", "receive", "any", "sleep", "task group", "task", "timeout"]


@pytest.mark.parametrize("way", WAYS)
async def test_finally_runs_with_its_awaits(node: Node, way: str) -> None:
    """Wherever a process is killed, its `finally` runs with its awaits."""
    events: list[str] = []

    async def held() -> None:
        try:
            await waits_for(way)
        except asyncio.CancelledError:
            events.append("cancelled")
            raise
        finally:
            await asyncio.sleep(0)
            await asyncio.sleep(0)
            events.append("released")

    pid = process.spawn(held)
    await expect_idle()
    assert await ended(pid) == "killed"
    await expect_idle()
    assert events == ["cancelled", "released"]
    assert not node.remnants.kept
    assert node.scheduler.awaiting == 0


async def test_an_async_context_manager_is_exited(node: Node) -> None:
    """`async with` releases asynchronously, inner before outer."""
    events: list[str] = []

    class Resource:
        def __init__(self, name: str) -> None:
            self.name = name

        async def __aenter__(self) -> None:
            events.append(f"{self.name} taken")

        async def __aexit__(self, *_: object) -> None:
            await asyncio.sleep(0)
            events.append(f"{self.name} released")

    async def holder() -> None:
        async with Resource("outer"), Resource("inner"):
            await asyncio.Event().wait()

    pid = process.spawn(holder)
    await expect_idle()
    await ended(pid)
    await expect_idle()
    assert events == ["outer taken", "inner taken", "inner released", "outer released"]


async def test_a_killed_process_is_dead_at_once(node: Node) -> None:
    """Name, links, monitors and info show it as dead, while its `finally` still runs."""
    gate = asyncio.Event()
    process.trap_exit(True)

    async def slow_to_go() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            await gate.wait()

    pid = process.spawn_link(slow_to_go)
    process.register("slow", pid)
    await expect_idle()
    process.exit(pid, "kill")
    assert not process.alive(pid)
    assert process.whereis("slow") is None
    assert process.info(pid) is None
    assert pid not in process.processes()
    assert process.info(process.current(), "messages") == [Exited(pid, "killed")]
    await expect_idle()
    assert len(node.remnants.kept) == 1
    gate.set()
    await expect_idle()
    assert not node.remnants.kept


async def test_the_synchronous_part_runs_before_a_supervisor_acts(node: Node) -> None:
    """A process killed in `receive` has run its `finally`, up to the first await, before its watchers step."""
    events: list[str] = []

    async def holder() -> None:
        try:
            await process.receive(bytes)
        finally:
            events.append("released")

    async def keeper() -> None:
        process.trap_exit(True)
        pid = process.spawn_link(holder)
        process.send(me, pid)
        await process.receive(Exited)
        events.append("notified")

    me = process.current()
    _, ref = process.spawn_monitor(keeper)
    pid: Pid = await process.receive(Pid)
    await expect_idle()
    process.exit(pid, "kill")
    assert (await process.receive(Down)).ref is ref
    assert events == ["released", "notified"]


async def test_a_remnant_sends_but_does_not_receive(node: Node) -> None:
    """In its `finally` a killed process may send; its receive raises another CancelledError."""
    me = process.current()

    async def holder() -> None:
        try:
            await process.receive()
        finally:
            process.send(me, "sent")
            try:
                await process.receive(timeout=60)
            except asyncio.CancelledError:
                process.send(me, "refused")

    pid = process.spawn(holder)
    await expect_idle()
    process.exit(pid, "kill")
    process.send(pid, "too late")
    assert await process.receive(timeout=1) == "sent"
    assert await process.receive(timeout=1) == "refused"


async def test_swallowing_cancellation_does_not_help(
    node: Node, virtual_clock: VirtualClock, caplog: pytest.LogCaptureFixture
) -> None:
    """A coroutine that continues to await is cancelled again, reported with its line after 5 s, and closed at last."""
    cancelled: list[float] = []
    closed: list[float] = []

    async def stubborn() -> None:
        try:
            while True:
                try:
                    await asyncio.Event().wait()
                except asyncio.CancelledError:
                    cancelled.append(virtual_clock.now())
        except GeneratorExit:
            closed.append(virtual_clock.now())
            raise

    pid = process.spawn(stubborn)
    await expect_idle()
    start = virtual_clock.now()
    assert await ended(pid) == "killed"
    await process.sleep(20)
    assert [round(time - start) for time in cancelled] == [0, 5]
    assert [round(time - start) for time in closed] == [6]
    assert not node.remnants.kept
    assert node.scheduler.awaiting == 0
    [record] = [record for record in caplog.records if "still runs" in record.getMessage()]
    assert "test_remnants.py" in record.getMessage() or "locks.py" in record.getMessage()


async def test_a_remnant_that_only_receives_is_closed(node: Node, virtual_clock: VirtualClock) -> None:
    """A killed process that only receives again is refused three times and closed at once."""
    refused: list[int] = []

    async def stubborn() -> None:
        while True:
            try:
                await process.receive()
            except asyncio.CancelledError:
                refused.append(1)

    pid = process.spawn(stubborn)
    await expect_idle()
    start = virtual_clock.now()
    await ended(pid)
    await expect_idle()
    assert len(refused) in (3, 4)
    assert not node.remnants.kept
    assert virtual_clock.now() == start


async def test_a_killed_task_group_cancels_its_tasks(node: Node) -> None:
    """A killed process inside a TaskGroup cancels the group's tasks and waits for their release."""
    events: list[str] = []

    async def member(word: str) -> None:
        try:
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(0)
            events.append(word)

    async def holder() -> None:
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(member("a"))
            tasks.create_task(member("b"))

    pid = process.spawn(holder)
    await expect_idle()
    await ended(pid)
    await expect_idle()
    assert sorted(events) == ["a", "b"]
    assert not node.remnants.kept


@pytest.mark.parametrize("reason", ["kill", "oops"])
async def test_a_process_that_ends_itself_unwinds_at_once(node: Node, reason: str) -> None:
    """exit(current(), reason) unwinds the process; `finally` may await, and is not cancelled for it."""
    events: list[object] = []

    async def ends_itself() -> None:
        try:
            process.exit(process.current(), reason)
            events.append("went on")
        finally:
            await asyncio.sleep(0)
            events.append("released")

    _, ref = process.spawn_monitor(ends_itself)
    down = await process.receive(Down)
    assert (down.ref, down.reason) == (ref, "killed" if reason == "kill" else reason)
    await expect_idle()
    assert events == ["released"]
    assert not node.remnants.kept


async def test_finally_cannot_change_the_reason(node: Node) -> None:
    """An exception that a killed process raises while it is unwound changes nothing."""

    async def raises() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            raise ValueError("late")

    pid = process.spawn(raises)
    await expect_idle()
    assert await ended(pid, "first") == "first"
    await expect_idle()
    assert not node.remnants.kept


async def test_a_process_killed_before_its_first_step_never_runs(node: Node) -> None:
    """The function is not called."""
    ran: list[int] = []

    async def function() -> None:
        ran.append(1)

    pid = process.spawn(function)
    assert await ended(pid) == "killed"
    await expect_idle()
    assert ran == []


def test_a_node_waits_for_its_remnants() -> None:
    """A node that stops leaves nothing behind: the processes that it kills release what they hold first."""
    events: list[str] = []

    async def holder(delay: float) -> None:
        try:
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(delay)
            events.append("released")

    async def main() -> None:
        async with Node(clock=VirtualClock()):
            process.spawn(holder, 0)
            process.spawn(holder, 0)
            await asyncio.sleep(0)
            await asyncio.sleep(0)

    asyncio.run(main())
    assert events == ["released", "released"]


def test_the_node_kills_a_function_that_does_not_obey(caplog: pytest.LogCaptureFixture) -> None:
    """A function that traps exits and continues is killed five seconds after its node was to stop."""
    clock = VirtualClock()
    ended: list[tuple[str, float]] = []
    stopped: list[float] = []

    async def trapper(word: str, delay: float) -> None:
        process.trap_exit(True)
        try:
            await process.receive(Exited)
            await process.sleep(delay)
        finally:
            ended.append((word, clock.now() - stopped[0]))

    async def main() -> None:
        async with Node(clock=clock):
            process.spawn_link(trapper, "deaf", 1000)
            process.spawn_link(trapper, "slow", 3)
            await asyncio.sleep(0)
            await asyncio.sleep(0)
            stopped.append(clock.now())

    asyncio.run(main())
    assert ended == [("slow", 3.0), ("deaf", 8.0)]
    assert [record.levelname for record in caplog.records if "is killed" in record.getMessage()] == ["WARNING"]


def test_a_node_does_not_wait_forever() -> None:
    """A remnant that never ends does not keep its node from stopping."""

    async def stubborn() -> None:
        while True:
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                continue

    async def main() -> Node:
        async with Node(clock=VirtualClock()) as node:
            process.spawn(stubborn)
            await asyncio.sleep(0)
            await asyncio.sleep(0)
        return node

    node = asyncio.run(main())
    assert not node.remnants.kept


async def test_a_closed_remnant_leaves_its_future_to_other_waiters(node: Node) -> None:
    class Stubborn(asyncio.Future[str]):
        def cancel(self, msg: Any = None) -> bool:  # noqa: ARG002 (asyncio names it)
            return False

    shared = Stubborn(loop=node.loop)
    me = process.current()

    async def waits() -> None:
        process.send(me, await shared)

    other = process.spawn(waits)
    killed = process.spawn(waits)
    await process.sleep(1.0)
    process.exit(killed, "kill")
    await process.sleep(20.0)
    assert not node.remnants.kept
    assert process.alive(other)
    shared.set_result("done")
    assert await process.receive(timeout=1.0) == "done"
