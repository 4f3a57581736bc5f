"""Tasks: `await_` and `await_many`."""

from __future__ import annotations

from typing import Any

import pytest

from regrow import (
    CalleeExit,
    CallTimeout,
    Exited,
    process,
)
from regrow.behaviours.task.task import Task
from regrow.testing import expect_down, expect_idle
from tests.behaviours.task.tasks import (
    clean,
    ends,
    fake,
    for_ever,
    in_another,
    messages,
    missing,
    pid_of,
    sleeps,
    unwatched,
)

pytestmark = pytest.mark.regrow


class TestAwait:
    @pytest.mark.otp("TK-011")
    async def test_a_value(self) -> None:
        task = Task.async_(sleeps, 0.5)
        assert await task.await_() == 0.5
        assert await Task.async_(process.get, "nothing").await_() is None
        await expect_idle()
        assert clean()

    async def test_a_timeout(self) -> None:
        task = Task.async_(sleeps, 1.0)
        with pytest.raises(CallTimeout, match="not done within") as caught:
            await task.await_(0.5)
        assert caught.value.reason == ("timeout", ("Task", "await", [task, 0.5]))
        await process.sleep(1.0)
        assert clean()

    @pytest.mark.parametrize("reason", ["normal", "shutdown", "oops", ("shutdown", 1)])
    async def test_an_exit(self, reason: object) -> None:
        process.trap_exit(True)
        task = Task.async_(ends, reason)
        with pytest.raises(CalleeExit) as caught:
            await task.await_()
        assert caught.value.reason == (reason, ("Task", "await", [task, 5.0]))
        assert messages() == [Exited(pid_of(task), reason)]

    @pytest.mark.otp("TK-014")
    async def test_an_exception(self) -> None:
        """Adapted: Python has no throw; an exception is the reason, with its lines."""
        process.trap_exit(True)

        async def raises() -> None:
            raise LookupError("unknown")

        task = Task.async_(raises)
        with pytest.raises(CalleeExit) as caught:
            await task.await_()
        reason, place = caught.value.reason
        assert isinstance(reason, LookupError)
        assert place == ("Task", "await", [task, 5.0])

    @pytest.mark.otp("TK-016")
    async def test_a_missing_function(self) -> None:
        """Adapted: it is an AttributeError."""
        process.trap_exit(True)
        task: Task[Any] = Task.async_(missing)
        with pytest.raises(CalleeExit) as caught:
            await task.await_()
        assert isinstance(caught.value.reason[0], AttributeError)

    async def test_a_failure_ends_an_owner_that_does_not_trap_exits(self) -> None:
        async def owner() -> None:
            await Task.async_(ends, "oops").await_()

        await expect_down(process.spawn_monitor(owner)[1], "oops")

    @pytest.mark.otp("TK-019")
    async def test_another_process(self) -> None:
        task = Task.async_(for_ever)
        error = await in_another(task.await_)
        assert isinstance(error, ValueError)
        assert "must be queried from the owner but was queried from <" in str(error)

    @pytest.mark.otp("TK-020")
    async def test_twice(self) -> None:
        """Adapted: as on the BEAM, the second await times out; it never returns the value again."""
        task = Task.async_(lambda: "value")
        await task.await_()
        began = process.monotonic()
        with pytest.raises(CallTimeout):
            await task.await_(2.0)
        assert process.monotonic() - began == pytest.approx(2.0)


class TestAwaitMany:
    @pytest.mark.otp("TK-022")
    async def test_no_tasks(self) -> None:
        assert await Task.await_many([]) == []

    async def test_values_in_order(self) -> None:
        tasks = [Task.async_(sleeps, seconds) for seconds in (0.3, 0.1, 0.2)]
        assert await Task.await_many(tasks) == [0.3, 0.1, 0.2]
        await expect_idle()
        assert clean()

    @pytest.mark.otp("TK-024")
    async def test_an_extra_message_stays(self) -> None:
        """Values come to the mailbox, as in OTP."""
        task, ref = unwatched()
        fake(task, (ref, "first"), (ref, "second"))
        assert await Task.await_many([task]) == ["first"]
        assert messages() == [(ref, "second")]

    @pytest.mark.otp("TK-025")
    async def test_a_timeout(self) -> None:
        tasks = [Task.async_(for_ever), Task.async_(for_ever)]
        with pytest.raises(CallTimeout) as caught:
            await Task.await_many(tasks, 0)
        assert caught.value.reason == ("timeout", ("Task", "await_many", [tasks, 0]))
        assert process.info(process.current(), "monitors") == []

    async def test_the_timeout_is_for_all_together(self) -> None:
        tasks = [Task.async_(sleeps, 1.0), Task.async_(sleeps, 2.0)]
        with pytest.raises(CallTimeout):
            await Task.await_many(tasks, 1.5)

    @pytest.mark.otp("TK-026")
    async def test_a_normal_exit(self) -> None:
        tasks = [Task.async_(ends, "normal"), Task.async_(for_ever)]
        with pytest.raises(CalleeExit) as caught:
            await Task.await_many(tasks)
        assert caught.value.reason == ("normal", ("Task", "await_many", [tasks, 5.0]))
        assert process.info(process.current(), "monitors") == []

    @pytest.mark.otp("TK-028")
    async def test_another_process(self) -> None:
        theirs = Task.async_(for_ever)
        error = await in_another(lambda: Task.await_many([Task.completed(1), theirs]))
        assert isinstance(error, ValueError)
        assert repr(theirs) in str(error)
