"""System messages to servers: state, suspend, and status."""

from __future__ import annotations

from typing import Any

import pytest

from regrow import (
    CallExit,
    CallTimeout,
    Exit,
    NoProcess,
    Ok,
    Pid,
    Supervisor,
    call,
    cast,
    process,
    send,
    stop,
    system,
)
from regrow.behaviours.gen.system_requests import CallbackFailed
from regrow.testing import expect_down
from tests.behaviours.gen.system_servers import Counter, Formatted

pytestmark = pytest.mark.regrow


class TestState:
    @pytest.mark.otp("GS-120")
    @pytest.mark.parametrize("suspended", [False, True])
    async def test_get_state_by_name_and_pid(self, suspended: bool) -> None:
        pid = await Counter.start(5, name="counter")
        if suspended:
            await system.suspend(pid)
        assert await system.get_state(pid) == 5
        assert await system.get_state("counter", 1.0) == 5

    @pytest.mark.otp("GS-121")
    @pytest.mark.parametrize("suspended", [False, True])
    async def test_replace_state(self, suspended: bool) -> None:
        pid = await Counter.start(5)
        if suspended:
            await system.suspend(pid)
        assert await system.replace_state(pid, lambda count: count * 2) == 10
        assert await system.get_state(pid) == 10

    @pytest.mark.otp("SY-015")
    async def test_a_function_that_raises_does_not_change_the_state(self) -> None:
        pid = await Counter.start(5)
        with pytest.raises(CallbackFailed, match="raised ZeroDivisionError"):
            await system.replace_state(pid, lambda count: count // 0)
        assert await system.get_state(pid) == 5

    async def test_a_user_s_method_is_not_taken_for_an_internal_one(self) -> None:
        class Kennel(Counter):
            def adopt(self, dog: str) -> None:
                raise AssertionError(dog)

        assert await system.replace_state(await Kennel.start(0), lambda count: count + 1) == 1

    @pytest.mark.otp("SY-019")
    async def test_get_state_of_a_busy_server_times_out(self) -> None:
        pid = await Counter.start(0)
        cast(pid, 2.0)
        with pytest.raises(CallTimeout) as caught:
            await system.get_state(pid, 0.5)
        assert caught.value.reason == ("timeout", ("sys", "get_state", [pid, 0.5]))
        assert await system.get_state(pid) == 1

    async def test_get_state_of_a_dead_process(self) -> None:
        with pytest.raises(NoProcess) as caught:
            await system.get_state("unknown")
        assert caught.value.reason == ("noproc", ("sys", "get_state", ["unknown"]))

    async def test_get_state_of_a_supervisor(self) -> None:
        sup = await Supervisor.start_link([Counter])
        assert "1 children" in repr(await system.get_state(sup))


class TestSuspended:
    @pytest.mark.otp("SY-006")
    async def test_a_suspended_server_serves_only_system_messages(self) -> None:
        pid = await Counter.start(0)
        await system.suspend(pid)
        with pytest.raises(CallTimeout):
            await call(pid, 1, 0.5)
        assert (await system.get_status(pid))["status"] == "suspended"
        await system.resume(pid)
        assert await call(pid, 1) == ("ok", -1)

    async def test_a_second_suspend_has_no_effect(self) -> None:
        pid = await Counter.start(0)
        await system.suspend(pid)
        await system.suspend(pid)
        await system.resume(pid)
        assert await call(pid, 1) == ("ok", -1)

    async def test_queued_messages_are_handled_in_order_after_resume(self) -> None:
        pid = await Counter.start(0)
        await system.suspend(pid)
        for _ in range(3):
            send(pid, "tick")
        assert await system.get_state(pid) == 0
        await system.resume(pid)
        assert await system.get_state(pid) == 3

    async def test_a_suspended_server_can_be_stopped(self) -> None:
        pid = await Counter.start(0)
        await system.suspend(pid)
        await stop(pid)
        assert not process.alive(pid)

    async def test_its_supervisor_can_stop_a_suspended_server(self) -> None:
        sup = await Supervisor.start_link([Counter])
        ((_, pid, _, _),) = await Supervisor.which_children(sup)
        ref = process.monitor(pid)
        await system.suspend(pid)
        await Supervisor.stop(sup)
        await expect_down(ref, "shutdown")

    async def test_a_suspended_server_ends_with_its_parent_though_it_traps_exits(self) -> None:
        class Traps(Counter):
            def init(self, arg: Any, /) -> Any:
                process.trap_exit(True)
                return Ok(arg)

        async def parent() -> None:
            pid = await Traps.start_link(0)
            await system.suspend(pid)
            send(test, pid)
            await process.receive()
            raise Exit("over")

        test = process.current()
        starter = process.spawn(parent)
        ref = process.monitor(await process.receive(Pid))
        send(starter, "end")
        await expect_down(ref, "over")


class TestStatus:
    @pytest.mark.otp("SY-018")
    async def test_the_status_of_a_server(self) -> None:
        pid = await Counter.start_link(3, name="counter")
        status = await system.get_status("counter")
        assert {key: status[key] for key in ("pid", "name", "module", "status", "parent", "state")} == {
            "pid": pid,
            "name": "counter",
            "module": Counter,
            "status": "running",
            "parent": process.current(),
            "state": 3,
        }

    @pytest.mark.otp("GS-112")
    async def test_format_status_changes_the_status(self) -> None:
        assert (await system.get_status(await Formatted.start(3)))["state"] == "3 calls"

    @pytest.mark.otp("GS-114")
    async def test_format_status_changes_the_crash_report(self, reports: list[Any]) -> None:
        pid = await Formatted.start(3)
        with pytest.raises(CallExit):
            await call(pid, "no number")
        assert (reports[0].state, reports[0].message) == ("3 calls", "hidden")

    async def test_a_crash_report_survives_a_format_status_that_raises(self, reports: list[Any]) -> None:
        pid = await Formatted.start(-3)
        with pytest.raises(CallExit):
            await call(pid, "no number")
        assert reports[0].state == "<format_status raised RuntimeError>"

    @pytest.mark.otp("GS-117")
    async def test_a_status_survives_a_format_status_that_raises(self) -> None:
        pid = await Formatted.start(-3)
        status = await system.get_status(pid)
        assert "format_status raised" in str(status["state"])
        assert process.alive(pid)
