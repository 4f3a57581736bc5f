"""Functions that processes, tasks, timers and receive predicates run, times every way of failing."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import pytest

from regrow import (
    CalleeExit,
    Down,
    Pid,
    StartError,
    Task,
    TaskSupervisor,
    proc_lib,
    process,
    send,
    timer,
)
from tests.matrix.cells import reasons_of, run_cell
from tests.matrix.ways import RAISED, Way

KINDS = ["def", "async def", "later"]


def named(value: Any) -> str:
    return str(getattr(value, "name", value))


def function_of(kind: str, way: Way) -> Callable[[], Any]:
    """Return a function that fails: at once, in a coroutine, or after a wait."""

    async def fails() -> Any:
        if kind == "later":
            await process.sleep(0.1)
        return way.fail()

    return way.fail if kind == "def" else fails


@pytest.mark.parametrize("way", RAISED, ids=named)
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("spawn", ["process", "proc_lib"])
def test_a_process_whose_function_fails_ends_once(spawn: str, kind: str, way: Way) -> None:
    async def scenario() -> None:
        module: Any = process if spawn == "process" else proc_lib
        pid = module.spawn_link(function_of(kind, way))
        process.register("subject", pid)
        process.monitor(pid)
        links, monitors = await reasons_of(pid)
        assert not process.alive(pid)
        assert process.whereis("subject") is None
        assert [way.is_reason(one) for one in links] == [True]
        assert [way.is_reason(one) for one in monitors] == [True]

    assert run_cell(scenario) == way.leaves


@pytest.mark.parametrize("way", RAISED, ids=named)
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("starter", ["Task", "TaskSupervisor", "nolink", "async_stream"])
def test_a_task_that_fails_notifies_its_owner_once(starter: str, kind: str, way: Way) -> None:
    async def scenario() -> None:
        supervisor = await TaskSupervisor.start_link()
        function = function_of(kind, way)
        if starter == "async_stream":

            def fails(_item: int) -> Any:
                return function()

            results = [one async for one in Task.async_stream([1, 2], fails)]
            assert [one[0] for one in results] == ["exit", "exit"]
            assert [way.is_reason(one[1]) for one in results] == [True, True]
        else:
            if starter == "Task":
                task: Any = Task.async_(function)
            elif starter == "nolink":
                task = await TaskSupervisor.async_nolink(supervisor, function)
            else:
                task = await TaskSupervisor.async_(supervisor, function)
            with pytest.raises(CalleeExit) as caught:
                await task.await_()
            assert way.is_reason(caught.value.reason[0])
            links, monitors = await reasons_of(task.pid)
            assert len(links) == (0 if starter == "nolink" else 1)
            assert monitors == []
        assert (await TaskSupervisor.children(supervisor)) == []
        assert process.alive(supervisor)

    left = run_cell(scenario)
    assert left == way.leaves or (starter == "async_stream" and left == way.leaves * 2)  # uvloop shows only one of two


@pytest.mark.parametrize("way", RAISED, ids=named)
@pytest.mark.parametrize("kind", KINDS)
def test_a_start_fails_whose_function_fails_before_its_acknowledgement(kind: str, way: Way) -> None:
    async def scenario() -> None:
        with pytest.raises(StartError) as caught:
            await proc_lib.start_link(function_of(kind, way))
        assert way.is_reason(caught.value.reason)

    assert run_cell(scenario) in (way.leaves, [])


@pytest.mark.parametrize("way", RAISED, ids=named)
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("which", ["apply_after", "apply_interval", "apply_repeatedly", "timer.apply_after"])
def test_a_function_of_a_timer_that_fails_ends_alone(which: str, kind: str, way: Way) -> None:
    """Its process ends; the timer, the other timers and the node continue."""

    async def scenario() -> None:
        function = function_of(kind, way)
        made: Any = None
        if which == "timer.apply_after":
            timer.apply_after(1.0, function)
        else:
            made = getattr(process, which)(1.0, function)
        process.send_after(process.current(), "other", 1.5)
        assert await process.receive(str, timeout=2.0) == "other"
        await process.sleep(1.0)
        if which in ("apply_interval", "apply_repeatedly"):
            assert process.cancel_timer(made) is not None

    left = run_cell(scenario)
    assert set(left) == set(way.leaves)


@pytest.mark.parametrize("way", RAISED, ids=named)
@pytest.mark.parametrize("when", ["there", "comes", "adopted"])
def test_a_predicate_that_fails_raises_in_its_receive(when: str, way: Way) -> None:
    """The message stays, and its sender notices nothing."""

    def fails(_: object) -> Any:
        return way.fail()

    async def receives() -> list[Any]:
        if when == "comes":
            send_later = functools.partial(send, process.current(), "hello")
            process.spawn(send_later)
        else:
            send(process.current(), "hello")
        found: list[Any] = []
        try:
            await process.receive(fails, timeout=1.0)
        except BaseException as error:
            found.append(type(error))
        found.append(await process.receive(str, timeout=1.0))
        return found

    async def scenario() -> None:
        if when == "adopted":
            import asyncio

            async def adopted() -> list[Any]:
                async with process.adopt():
                    return await receives()

            found = await asyncio.create_task(adopted())
        else:
            found = await receives()
        assert len(found) == 2
        assert found[1] == "hello"

    assert run_cell(scenario) == []


@pytest.mark.parametrize("way", RAISED, ids=named)
def test_an_exception_that_leaves_an_adopted_task_is_reported_once(way: Way) -> None:
    import asyncio

    async def scenario() -> None:
        me = process.current()
        pids: list[Pid] = []

        async def adopted() -> None:
            async with process.adopt() as pid:
                pids.append(pid)
                process.link(me)
                await process.sleep(0.1)
                way.fail()

        async def outer() -> type | None:
            try:
                await adopted()
            except BaseException as error:
                return type(error)
            return None

        task = asyncio.create_task(outer())
        await process.sleep(0.05)
        process.monitor(pids[0])
        raised = await task
        assert raised is not None
        links, monitors = await reasons_of(pids[0])
        assert [way.is_reason(one) for one in links] == [True]
        assert [way.is_reason(one) for one in monitors] == [True]

    assert run_cell(scenario) == []


@pytest.mark.parametrize("way", RAISED, ids=named)
def test_a_killed_process_whose_release_fails_is_gone(way: Way) -> None:
    """An exception raised while it is unwound is dropped, except one that ends the program."""

    async def fails_in_finally() -> None:
        try:
            await process.receive(Pid)
        finally:
            way.fail()

    async def scenario() -> None:
        pid, ref = process.spawn_monitor(fails_in_finally)
        await process.sleep(0.1)
        process.exit(pid, "kill")
        down = await process.receive(Down, timeout=1.0)
        assert (down.ref, down.reason) == (ref, "killed")

    assert run_cell(scenario) == way.leaves
