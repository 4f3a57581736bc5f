"""Task supervisors: supervised tasks, linked to their owners or not."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import aclosing
from contextvars import ContextVar
from typing import Any

import pytest

from regrow import (
    AlreadyStarted,
    CalleeExit,
    CallTimeout,
    ChildError,
    Down,
    Exit,
    Global,
    InvalidChild,
    NoProcess,
    Pid,
    StartError,
    Supervisor,
    process,
)
from regrow.behaviours.supervision.children import Counts
from regrow.behaviours.supervision.dynamic_supervisor import DynamicSupervisor
from regrow.behaviours.task.task import Task
from regrow.behaviours.task.task_supervisor import TaskSupervisor
from regrow.testing import expect_down, expect_idle, expect_message

pytestmark = pytest.mark.regrow

VARIABLE: ContextVar[str] = ContextVar("VARIABLE", default="nothing")


async def for_ever() -> Any:
    await process.sleep(1_000_000)


async def ends(reason: object) -> Any:
    raise Exit(reason)


async def sleeps(seconds: float) -> float:
    await process.sleep(seconds)
    return seconds


async def raises(what: str) -> Any:
    raise RuntimeError(what)


def is_word(word: str) -> Callable[[Any], bool]:
    def fits(message: Any) -> bool:
        return bool(message == word)

    return fits


def pid_of(task: Task[Any]) -> Pid:
    assert task.pid is not None
    return task.pid


def messages() -> list[Any]:
    found: list[Any] = process.info(process.current(), "messages")
    return found


def links() -> list[Pid]:
    found: list[Pid] = process.info(process.current(), "links")
    return found


async def gathered(stream: Any) -> list[Any]:
    return [outcome async for outcome in stream]


class TestSupervision:
    @pytest.mark.otp("TK-080")
    async def test_a_task_supervisor_can_be_supervised_and_its_name_is_its_id(self) -> None:
        specs = [TaskSupervisor.child_spec(name=name) for name in ("first", "second")]
        sup = await Supervisor.start_link([*specs, TaskSupervisor])
        assert {row.id for row in await Supervisor.which_children(sup)} == {"first", "second", TaskSupervisor}
        assert await TaskSupervisor.children("first") == []
        with pytest.raises(AlreadyStarted):
            await Supervisor.start_child(sup, TaskSupervisor.child_spec())
        await Supervisor.start_child(sup, (TaskSupervisor, {"strategy": "one_for_one", "name": Global("tasks")}))
        assert await TaskSupervisor.children(Global("tasks")) == []
        assert (await Supervisor.which_child(sup, "tasks")).modules == (TaskSupervisor,)

    @pytest.mark.otp("TK-082")
    async def test_children_and_counts(self) -> None:
        sup = await TaskSupervisor.start_link()
        assert await TaskSupervisor.children(sup) == []
        assert await Supervisor.count_children(sup) == Counts(0, 0, 0, 0)
        pid = await TaskSupervisor.start_child(sup, for_ever)
        assert await TaskSupervisor.children(sup) == [pid]
        assert await DynamicSupervisor.count_children(sup) == Counts(1, 1, 0, 1)
        assert [row.id for row in await Supervisor.which_children(sup)] == [None]

    async def test_start_link_with_a_name_that_is_taken(self) -> None:
        await TaskSupervisor.start_link(name="tasks")
        with pytest.raises(StartError):
            await TaskSupervisor.start_link(name="tasks")

    async def test_a_task_supervisor_that_does_not_run(self) -> None:
        with pytest.raises(NoProcess):
            await TaskSupervisor.async_("unknown", for_ever)


class TestAsync:
    async def test_a_task_is_linked_monitored_and_supervised(self) -> None:
        sup = await TaskSupervisor.start_link()
        task = await TaskSupervisor.async_(sup, sleeps, 0.5)
        assert set(links()) == {sup, pid_of(task)}
        assert await TaskSupervisor.children(sup) == [task.pid]
        await expect_idle()
        assert process.info(pid_of(task), "initial_call") is sleeps
        assert await task.await_() == 0.5
        await expect_idle()
        assert (messages(), links()) == ([], [sup])

    async def test_a_task_ends_with_its_owner_and_a_nolink_task_continues(self) -> None:
        sup = await TaskSupervisor.start_link()

        async def owner() -> None:
            await TaskSupervisor.async_(sup, for_ever)
            await TaskSupervisor.async_nolink(sup, for_ever)
            await process.sleep(1.0)
            raise Exit("oops")

        await expect_down(process.spawn_monitor(owner)[1], "oops", timeout=2)
        await expect_idle()
        assert len(await TaskSupervisor.children(sup)) == 1

    async def test_an_owner_ends_before_it_could_send_the_job(self) -> None:
        sup = await TaskSupervisor.start_link()
        ran: list[int] = []
        for _ in range(20):
            owner = process.spawn(lambda: TaskSupervisor.async_nolink(sup, ran.append, 1))
            process.exit(owner, "kill")
        await expect_idle()
        assert await TaskSupervisor.children(sup) == []

    @pytest.mark.otp("TK-084")
    async def test_a_task_may_have_its_own_shutdown(self) -> None:
        process.trap_exit(True)
        sup = await TaskSupervisor.start_link()
        task = await TaskSupervisor.async_(sup, for_ever, shutdown="brutal_kill")
        process.exit(sup, "shutdown")
        await expect_down(pid_of(task), "killed")

    @pytest.mark.otp("TK-085")
    async def test_max_children(self) -> None:
        sup = await TaskSupervisor.start_link(max_children=1)
        await TaskSupervisor.async_(sup, for_ever)
        with pytest.raises(RuntimeError, match="reached the maximum number of tasks"):
            await TaskSupervisor.async_(sup, for_ever)

    @pytest.mark.otp("TK-086")
    async def test_callers_and_ancestors(self) -> None:
        me = process.current()
        sup = await TaskSupervisor.start_link()

        async def inner() -> Any:
            return Task.callers(), process.info(process.current(), "ancestors")

        async def outer() -> Any:
            task = await TaskSupervisor.async_(sup, inner)
            return process.current(), await inner(), await task.await_()

        parent, seen, inside = await (await TaskSupervisor.async_(sup, outer)).await_()
        assert seen[0] == (me,)
        assert inside[0] == (parent, me)
        assert seen[1][:2] == inside[1][:2] == [sup, me]

    async def test_a_task_has_the_context_variables_of_its_owner(self) -> None:
        sup = await TaskSupervisor.start_link()
        VARIABLE.set("request 7")
        task = await TaskSupervisor.async_nolink(sup, VARIABLE.get)
        assert await task.await_() == "request 7"

    @pytest.mark.otp("TK-088")
    async def test_a_nolink_task_is_not_linked(self) -> None:
        process.trap_exit(True)
        sup = await TaskSupervisor.start_link(max_children=1)
        task = await TaskSupervisor.async_nolink(sup, sleeps, 1e6, shutdown="brutal_kill")
        assert task.mfa == (sleeps.__module__, "sleeps", 1)
        assert links() == [sup]
        with pytest.raises(RuntimeError, match="reached the maximum number of tasks"):
            await TaskSupervisor.async_nolink(sup, for_ever)
        process.exit(sup, "shutdown")
        await expect_down(pid_of(task), "killed")

    async def test_a_failed_nolink_task_sends_a_down(self) -> None:
        sup = await TaskSupervisor.start_link()
        task = await TaskSupervisor.async_nolink(sup, ends, "oops")
        await expect_idle()
        assert messages() == [Down(task.ref, task.pid, "oops")]


class TestStartChild:
    @pytest.mark.otp("TK-089")
    async def test_a_started_child_is_linked_to_the_supervisor_alone(self) -> None:
        sup = await TaskSupervisor.start_link()
        pid = await TaskSupervisor.start_child(sup, sleeps, 1e6)
        assert links() == [sup]
        assert await TaskSupervisor.children(sup) == [pid]
        assert process.info(pid, "links") == [sup]

    async def test_the_value_of_a_started_child_is_dropped_and_its_callers_are_known(self) -> None:
        sup = await TaskSupervisor.start_link()
        me = process.current()
        await TaskSupervisor.start_child(sup, lambda: process.send(me, Task.callers()))
        assert await expect_message() == (me,)
        await expect_idle()
        assert messages() == []

    @pytest.mark.otp("TK-090")
    async def test_a_task_may_have_its_own_shutdown(self) -> None:
        process.trap_exit(True)
        sup = await TaskSupervisor.start_link()
        ref = process.monitor(await TaskSupervisor.start_child(sup, for_ever, shutdown="brutal_kill"))
        process.exit(sup, "shutdown")
        await expect_down(ref, "killed")

    @pytest.mark.otp("TK-091")
    async def test_a_permanent_task_is_restarted(self) -> None:
        sup = await TaskSupervisor.start_link()
        me = process.current()

        async def work() -> None:
            process.send(me, "ran")
            await for_ever()

        pid = await TaskSupervisor.start_child(sup, work, restart="permanent")
        await expect_message(is_word("ran"))
        ref = process.monitor(pid)
        process.exit(pid, "shutdown")
        await expect_down(ref, "shutdown")
        await expect_message(is_word("ran"))

    async def test_wrong_options_are_refused(self) -> None:
        sup = await TaskSupervisor.start_link(max_children=0)
        wrong: Any = "never"
        with pytest.raises(InvalidChild):
            await TaskSupervisor.start_child(sup, for_ever, restart=wrong)
        with pytest.raises(ChildError, match="max_children"):
            await TaskSupervisor.start_child(sup, for_ever)

    @pytest.mark.otp("TK-093")
    async def test_terminate_child(self) -> None:
        sup = await TaskSupervisor.start_link()
        pid = await TaskSupervisor.start_child(sup, for_ever)
        await TaskSupervisor.terminate_child(sup, pid)
        assert await TaskSupervisor.children(sup) == []
        with pytest.raises(ChildError) as caught:
            await TaskSupervisor.terminate_child(sup, pid)
        assert caught.value.reason == "not_found"


class TestAwait:
    @pytest.mark.otp("TK-094")
    async def test_a_timeout(self) -> None:
        sup = await TaskSupervisor.start_link()
        task = await TaskSupervisor.async_(sup, sleeps, 1.0)
        with pytest.raises(CallTimeout) as caught:
            await task.await_(0)
        assert caught.value.reason == ("timeout", ("Task", "await", [task, 0]))
        await process.sleep(2.0)
        assert messages() == []

    @pytest.mark.otp("TK-094")
    @pytest.mark.parametrize("start", [TaskSupervisor.async_, TaskSupervisor.async_nolink])
    async def test_an_exception(self, start: Any) -> None:
        """A throw on the BEAM is an exception here."""
        process.trap_exit(True)
        sup = await TaskSupervisor.start_link()
        task = await start(sup, raises, "unknown")
        with pytest.raises(CalleeExit) as caught:
            await task.await_()
        assert isinstance(caught.value.reason[0], RuntimeError)
        assert caught.value.reason[1] == ("Task", "await", [task, 5.0])

    @pytest.mark.otp("TK-094")
    @pytest.mark.parametrize("start", [TaskSupervisor.async_, TaskSupervisor.async_nolink])
    async def test_an_exit(self, start: Any) -> None:
        process.trap_exit(True)
        sup = await TaskSupervisor.start_link()
        task = await start(sup, ends, "unknown")
        with pytest.raises(CalleeExit) as caught:
            await task.await_()
        assert caught.value.reason == ("unknown", ("Task", "await", [task, 5.0]))


streams = pytest.mark.parametrize("stream", [TaskSupervisor.async_stream, TaskSupervisor.async_stream_nolink])


class TestStream:
    @pytest.mark.otp("TK-095")
    @streams
    @pytest.mark.parametrize("max_concurrency", [1, 2, 4, 8])
    async def test_values_in_order(self, stream: Any, max_concurrency: int) -> None:
        sup = await TaskSupervisor.start_link()
        for items in ([0.1, 0.2, 0.3], [0.3, 0.1, 0.2]):
            found = await gathered(stream(sup, items, sleeps, max_concurrency=max_concurrency))
            assert found == [("ok", item) for item in items]

        def add(item: int, more: int) -> int:
            return item + more

        assert await gathered(stream(sup, [1, 2], add, 10)) == [("ok", 11), ("ok", 12)]
        await expect_idle()
        assert (links(), messages(), await TaskSupervisor.children(sup)) == ([sup], [], [])

    @pytest.mark.otp("TK-095")
    async def test_exits(self) -> None:
        sup = await TaskSupervisor.start_link()
        expected = [("exit", number) for number in (1, 2, 3)]
        assert await gathered(TaskSupervisor.async_stream_nolink(sup, [1, 2, 3], ends)) == expected
        process.trap_exit(True)
        assert await gathered(TaskSupervisor.async_stream(sup, [1, 2, 3], ends)) == expected
        assert messages() == []

    async def test_a_failure_of_a_linked_task_ends_the_consumer(self) -> None:
        sup = await TaskSupervisor.start_link()

        async def consumer() -> None:
            await gathered(TaskSupervisor.async_stream(sup, ["oops"], ends))

        await expect_down(process.spawn_monitor(consumer)[1], "oops")
        assert process.alive(sup)

    @pytest.mark.otp("TK-096")
    @streams
    async def test_a_loop_that_ends_early_stops_the_tasks(self, stream: Any) -> None:
        sup = await TaskSupervisor.start_link()
        async with aclosing(aiter(stream(sup, [0, 1e6, 1e6], sleeps, max_concurrency=4, timeout=None))) as outcomes:
            assert await anext(outcomes) == ("ok", 0)
        await expect_idle()
        assert (links(), messages(), await TaskSupervisor.children(sup)) == ([sup], [], [])

    @pytest.mark.otp("TK-098")
    @streams
    async def test_callers_another_consumer_and_the_item_with_the_reason(self, stream: Any) -> None:
        me = process.current()
        sup = await TaskSupervisor.start_link()

        async def inner(_item: int) -> Any:
            return Task.callers(), process.info(process.current(), "ancestors")[:2]

        async def outer(item: int) -> Any:
            ((_, inside),) = await gathered(stream(sup, [1], inner))
            return process.current(), await inner(item), inside

        ((_, (parent, seen, inside)),) = await gathered(stream(sup, [1], outer))
        assert seen == ((me,), [sup, me])
        assert inside == ((parent, me), [sup, me])

        made = stream(sup, [0.1, 0.2], sleeps)
        assert await Task.async_(gathered, made).await_() == [("ok", 0.1), ("ok", 0.2)]

        late = stream(sup, [1e6], sleeps, timeout=1.0, on_timeout="kill_task", zip_input_on_exit=True)
        assert await gathered(late) == [("exit", (1e6, "timeout"))]

    @pytest.mark.otp("TK-099")
    @streams
    async def test_an_invalid_shutdown_is_refused(self, stream: Any) -> None:
        sup = await TaskSupervisor.start_link()
        with pytest.raises(ValueError, match="shutdown"):
            stream(sup, [1], sleeps, shutdown="unknown")

    @streams
    async def test_a_task_supervisor_with_max_children_refuses_more(self, stream: Any) -> None:
        sup = await TaskSupervisor.start_link(max_children=1)
        with pytest.raises(RuntimeError, match="reached the maximum number of tasks"):
            await gathered(stream(sup, [0.5, 0.5], sleeps, max_concurrency=2))
        await expect_idle()
        assert await TaskSupervisor.children(sup) == []

    async def test_the_consumer_iterates_over_the_items(self) -> None:
        sup = await TaskSupervisor.start_link()
        where: list[Pid] = []

        def items() -> Iterator[int]:
            where.append(process.current())
            yield 1

        await gathered(TaskSupervisor.async_stream(sup, items(), sleeps))
        assert where == [process.current()]
