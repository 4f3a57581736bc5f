"""Tasks: `yield_`, `ignore`, and `shutdown`."""

from __future__ import annotations

from typing import Any, cast

import pytest

from regrow import (
    CallTimeout,
    Down,
    Exit,
    Exited,
    Pid,
    process,
)
from regrow.behaviours.task.task import Task
from regrow.testing import expect_down, expect_idle
from tests.behaviours.task.tasks import clean, ends, fake, for_ever, in_another, messages, pid_of, sleeps, unwatched

pytestmark = pytest.mark.regrow


async def traps() -> Any:
    process.trap_exit(True)
    await for_ever()


class TestYield:
    @pytest.mark.otp("TK-031")
    async def test_a_timeout(self) -> None:
        task = Task.async_(sleeps, 1.0)
        assert await task.yield_(0) is None
        assert await task.yield_(0.5) is None
        assert await task.yield_() == ("ok", 1.0)
        await expect_idle()
        assert clean()

    @pytest.mark.otp("TK-032")
    async def test_a_normal_exit(self) -> None:
        assert await Task.async_(ends, "normal").yield_() == ("exit", "normal")

    @pytest.mark.otp("TK-033")
    async def test_another_process(self) -> None:
        task = Task.async_(for_ever)
        assert isinstance(await in_another(task.yield_), ValueError)

    @pytest.mark.otp("TK-034")
    async def test_many_tasks(self) -> None:
        process.trap_exit(True)
        tasks: list[Task[Any]] = [Task.async_(lambda: "value"), Task.async_(for_ever), Task.async_(ends, "oops")]
        assert await Task.yield_many(tasks, 0.1) == [
            (tasks[0], ("ok", "value")),
            (tasks[1], None),
            (tasks[2], ("exit", "oops")),
        ]

    @pytest.mark.otp("TK-037")
    async def test_many_tasks_with_a_limit(self) -> None:
        tasks = [Task.async_(sleeps, number) for number in (1, 2, 3)]
        await process.sleep(4.0)
        assert await Task.yield_many(tasks, None, limit=1) == [
            (tasks[0], ("ok", 1)),
            (tasks[1], None),
            (tasks[2], None),
        ]
        assert await Task.yield_many(tasks[1:], None, limit=2) == [(tasks[1], ("ok", 2)), (tasks[2], ("ok", 3))]

    @pytest.mark.otp("TK-038")
    async def test_fewer_than_the_limit(self) -> None:
        task = Task.async_(sleeps, 1.0)
        assert await Task.yield_many([task], None, limit=2) == [(task, ("ok", 1.0))]

    @pytest.mark.otp("TK-040")
    async def test_many_tasks_without_a_timeout(self) -> None:
        tasks = [Task.async_(sleeps, seconds) for seconds in (30.0, 10.0, 20.0)]
        assert [outcome for _, outcome in await Task.yield_many(tasks, None)] == [
            ("ok", 30.0),
            ("ok", 10.0),
            ("ok", 20.0),
        ]

    @pytest.mark.parametrize(("on_timeout", "alive"), [("nothing", True), ("ignore", True), ("kill_task", False)])
    async def test_many_tasks_that_are_not_done_in_time(self, on_timeout: Any, alive: bool) -> None:
        task = Task.async_(for_ever)
        assert await Task.yield_many([task], 1.0, on_timeout=on_timeout) == [(task, None)]
        assert task.pid is not None
        assert process.alive(task.pid) is alive
        linked = process.info(process.current(), "links")
        assert linked == ([task.pid] if on_timeout == "nothing" else [])

    @pytest.mark.otp("TK-041")
    async def test_many_tasks_of_another_process(self) -> None:
        """Adapted: only the error of wrong use, because no other node is connected."""
        theirs = Task.async_(for_ever)
        error = await in_another(lambda: Task.yield_many([theirs]))
        assert isinstance(error, ValueError)
        assert repr(theirs) in str(error)

    async def test_wrong_options_are_refused(self) -> None:
        with pytest.raises(ValueError, match="on_timeout"):
            await Task.yield_many([], on_timeout=cast("Any", "sleep"))
        with pytest.raises(ValueError, match="limit"):
            await Task.yield_many([], limit=0)


class TestIgnore:
    @pytest.mark.otp("TK-042")
    async def test_on_time(self) -> None:
        task = Task.async_(lambda: "value")
        await expect_idle()
        assert task.ignore() == ("ok", "value")
        with pytest.raises(CallTimeout):
            await task.await_(0)

    @pytest.mark.otp("TK-043")
    async def test_a_late_value(self) -> None:
        task = Task.async_(sleeps, 1.0)
        assert task.ignore() is None
        with pytest.raises(CallTimeout):
            await task.await_(0)
        await process.sleep(2.0)
        assert clean()

    async def test_a_task_that_has_failed_and_one_that_fails_later(self) -> None:
        process.trap_exit(True)
        task = Task.async_(ends, "oops")
        await expect_idle()
        assert task.ignore() == ("exit", "oops")
        assert messages() == [Exited(pid_of(task), "oops")]
        later = Task.async_(for_ever)
        later.ignore()
        assert later.pid is not None
        process.exit(later.pid, "oops")
        assert len(messages()) == 1

    async def test_another_process(self) -> None:
        task = Task.async_(for_ever)
        assert isinstance(await in_another(task.ignore), ValueError)


class TestShutdown:
    @pytest.mark.otp("TK-046")
    @pytest.mark.parametrize("how", [5.0, "brutal_kill"])
    @pytest.mark.parametrize("reason", ["abnormal", "normal", "shutdown"])
    async def test_a_value_has_arrived(self, how: Any, reason: str) -> None:
        process.trap_exit(True)

        async def answers_and_ends(owner: Pid) -> None:
            received: Any = await process.receive()
            ref = received[0]
            process.send(owner, (ref, "value"))
            raise Exit(reason)

        task = Task.async_(answers_and_ends, process.current())
        assert task.pid is not None
        process.send(task.pid, (task.ref,))
        await expect_idle()
        assert await task.shutdown(how) == ("ok", "value")
        assert [type(message) for message in messages()] == [Exited]

    @pytest.mark.otp("TK-047")
    async def test_a_running_task(self) -> None:
        task = Task.async_(for_ever)
        assert await task.shutdown() is None
        assert task.pid is not None
        assert not process.alive(task.pid)
        assert clean()

    @pytest.mark.otp("TK-048")
    @pytest.mark.parametrize("reason", ["abnormal", "normal"])
    async def test_a_task_that_has_ended_without_a_value(self, reason: str) -> None:
        process.trap_exit(True)
        task = Task.async_(ends, reason)
        await expect_idle()
        assert await task.shutdown() == ("exit", reason)

    async def test_a_task_that_ends_later_with_another_reason(self) -> None:
        async def lingers() -> None:
            process.trap_exit(True)
            await process.receive(Exited)
            await process.sleep(1.0)
            raise Exit("oops")

        task = Task.async_(lingers)
        await expect_idle()
        assert await task.shutdown() == ("exit", "oops")
        assert clean()

    @pytest.mark.otp("TK-052")
    async def test_a_completed_task(self) -> None:
        assert await Task.completed("value").shutdown() == ("ok", "value")
        task, ref = unwatched()
        fake(task, Down(ref, None, "oops"))
        assert await task.shutdown() == ("exit", "oops")

    @pytest.mark.otp("TK-053")
    async def test_another_process(self) -> None:
        task = Task.async_(for_ever)
        assert isinstance(await in_another(task.shutdown), ValueError)

    @pytest.mark.otp("TK-054")
    async def test_brutal_kill_of_a_task_that_traps_exits(self) -> None:
        task = Task.async_(traps)
        await expect_idle()
        assert await task.shutdown("brutal_kill") is None
        assert clean()

    async def test_a_task_that_traps_exits_is_killed_after_the_timeout(self) -> None:
        task = Task.async_(traps)
        await expect_idle()
        began = process.monotonic()
        assert await task.shutdown(2.0) == ("exit", "killed")
        assert process.monotonic() - began == pytest.approx(2.0)
        assert clean()

    @pytest.mark.otp("TK-056")
    async def test_a_task_whose_messages_have_been_received(self) -> None:
        task = Task.async_(lambda: "value")
        await task.await_()
        await expect_idle()
        assert await task.shutdown() == ("exit", "noproc")

    @pytest.mark.otp("TK-057")
    async def test_the_owner_is_unlinked_first(self) -> None:
        async def owner() -> None:
            await Task.async_(for_ever).shutdown()
            raise Exit("survived")

        await expect_down(process.spawn_monitor(owner)[1], "survived")
