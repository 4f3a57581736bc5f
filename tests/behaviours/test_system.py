"""Looking into a server and holding it."""

from __future__ import annotations

from typing import Any

import pytest

from regrow import (
    CallExit,
    CallTimeout,
    From,
    GenServer,
    NoProcess,
    NoReply,
    Ok,
    Pid,
    Reply,
    Stop,
    Supervisor,
    call,
    cast,
    process,
    send,
    stop,
    system,
)
from regrow.behaviours.system import CallbackFailed
from regrow.testing import expect_down

pytestmark = pytest.mark.regrow


class Counter(GenServer[int]):
    """Counts its calls."""

    def handle_call(self, request: Any, _from: From, count: int, /) -> Any:
        match request:
            case ("stop", reason):
                return Stop(reason, count, reply="stopping")
            case number:
                return Reply(("ok", -number), count + 1)

    async def handle_cast(self, request: Any, count: int, /) -> Any:
        await process.sleep(request)
        return NoReply(count + 1)

    def handle_info(self, _message: Any, count: int, /) -> Any:
        return NoReply(count + 1)


class Formatted(Counter):
    """Shows its state otherwise, or cannot."""

    def format_status(self, status: dict[str, Any], /) -> dict[str, Any]:
        if status["state"] < 0:
            raise RuntimeError("no words")
        return {**status, "state": f"{status['state']} calls", "message": "hidden"}


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
    async def test_a_function_that_raises_leaves_the_state_alone(self) -> None:
        pid = await Counter.start(5)
        with pytest.raises(CallbackFailed, match="raised ZeroDivisionError"):
            await system.replace_state(pid, lambda count: count // 0)
        assert await system.get_state(pid) == 5

    @pytest.mark.otp("SY-019")
    async def test_of_a_busy_server(self) -> None:
        pid = await Counter.start(0)
        cast(pid, 2.0)
        with pytest.raises(CallTimeout) as caught:
            await system.get_state(pid, 0.5)
        assert caught.value.reason == ("timeout", ("sys", "get_state", [pid, 0.5]))
        assert await system.get_state(pid) == 1

    async def test_of_nobody(self) -> None:
        with pytest.raises(NoProcess) as caught:
            await system.get_state("nobody")
        assert caught.value.reason == ("noproc", ("sys", "get_state", ["nobody"]))

    async def test_of_a_supervisor(self) -> None:
        sup = await Supervisor.start_link([Counter])
        assert "1 children" in repr(await system.get_state(sup))


class TestSuspended:
    @pytest.mark.otp("SY-006")
    async def test_it_serves_nothing_but_system_requests(self) -> None:
        pid = await Counter.start(0)
        await system.suspend(pid)
        with pytest.raises(CallTimeout):
            await call(pid, 1, 0.5)
        assert (await system.get_status(pid))["status"] == "suspended"
        await system.resume(pid)
        assert await call(pid, 1) == ("ok", -1)

    async def test_twice_is_once(self) -> None:
        pid = await Counter.start(0)
        await system.suspend(pid)
        await system.suspend(pid)
        await system.resume(pid)
        assert await call(pid, 1) == ("ok", -1)

    async def test_what_waits_is_served_in_its_order(self) -> None:
        pid = await Counter.start(0)
        await system.suspend(pid)
        for _ in range(3):
            send(pid, "tick")
        assert await system.get_state(pid) == 0
        await system.resume(pid)
        assert await system.get_state(pid) == 3

    async def test_it_can_be_stopped(self) -> None:
        pid = await Counter.start(0)
        await system.suspend(pid)
        await stop(pid)
        assert not process.alive(pid)

    async def test_its_supervisor_can_stop_it(self) -> None:
        sup = await Supervisor.start_link([Counter])
        ((_, pid, _, _),) = await Supervisor.which_children(sup)
        ref = process.monitor(pid)
        await system.suspend(pid)
        await Supervisor.stop(sup)
        await expect_down(ref, "shutdown")


class TestStatus:
    @pytest.mark.otp("SY-018")
    async def test_what_a_server_says_of_itself(self) -> None:
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
    async def test_the_state_as_the_server_wants_it_shown(self) -> None:
        assert (await system.get_status(await Formatted.start(3)))["state"] == "3 calls"

    @pytest.mark.otp("GS-114")
    async def test_a_crash_report_shows_it_so_too(self, reports: list[Any]) -> None:
        pid = await Formatted.start(3)
        with pytest.raises(CallExit):
            await call(pid, "no number")
        assert (reports[0].state, reports[0].message) == ("3 calls", "hidden")

    async def test_a_crash_report_survives_a_format_that_raises(self, reports: list[Any]) -> None:
        pid = await Formatted.start(-3)
        with pytest.raises(CallExit):
            await call(pid, "no number")
        assert reports[0].state == "<format_status raised RuntimeError>"

    @pytest.mark.otp("GS-117")
    async def test_a_status_survives_it_too(self) -> None:
        pid = await Formatted.start(-3)
        status = await system.get_status(pid)
        assert "format_status raised" in str(status["state"])
        assert process.alive(pid)


class TestDebug:
    async def test_statistics(self) -> None:
        pid = await Counter.start(0)
        await system.statistics(pid, True)
        await call(pid, 1)
        send(pid, "tick")
        assert await system.statistics(pid, "get") == {"messages_in": 2, "messages_out": 1}
        await system.statistics(pid, False)
        assert await system.statistics(pid, "get") is None

    @pytest.mark.otp("SY-001")
    async def test_log(self) -> None:
        pid = await Counter.start(0)
        await system.log(pid, (True, 2))
        for number in range(3):
            await call(pid, number)
        events = await system.log(pid, "get")
        assert [event[0] for event in events] == ["in", "out"]
        await system.log(pid, False)
        assert await system.log(pid, "get") == []

    @pytest.mark.otp("SY-005")
    async def test_trace(self, capsys: pytest.CaptureFixture[str]) -> None:
        pid = await Counter.start(0, name="counter")
        await system.trace(pid, True)
        await call(pid, 1)
        await system.trace(pid, False)
        await call(pid, 2)
        lines = capsys.readouterr().out.splitlines()
        assert len(lines) == 2
        assert all(line.startswith("*DBG* counter ") for line in lines)

    @pytest.mark.otp("SY-010")
    @pytest.mark.otp("SY-011")
    async def test_an_installed_function_sees_each_event_once(self) -> None:
        seen: list[Any] = []

        def look(state: Any, event: Any, _pid: Pid) -> Any:
            seen.append(event[0])
            return state

        pid = await Counter.start(0)
        await system.install(pid, look)
        await system.install(pid, look)
        await call(pid, 1)
        assert seen == ["in", "out"]
        await system.remove(pid, look)
        await call(pid, 2)
        assert seen == ["in", "out"]

    @pytest.mark.otp("SY-013")
    @pytest.mark.parametrize("raises", [False, True])
    async def test_one_that_is_done_or_raises_is_taken_away(self, raises: bool) -> None:
        seen: list[Any] = []

        def look(_state: Any, event: Any, _pid: Pid) -> Any:
            seen.append(event[0])
            if raises:
                raise RuntimeError("no")
            return "done"

        pid = await Counter.start(0)
        await system.install(pid, look)
        assert await call(pid, 1) == ("ok", -1)
        assert seen == ["in"]

    @pytest.mark.otp("SY-021")
    async def test_options_at_the_start(self) -> None:
        pid = await Counter.start(0, debug=["statistics", ("log", 5)])
        await call(pid, 1)
        assert await system.statistics(pid, "get") == {"messages_in": 1, "messages_out": 1}
        with pytest.raises(ValueError, match="debug: wanted "):
            await Counter.start(0, debug=["loud"])


class TestTerminate:
    @pytest.mark.otp("SY-017")
    @pytest.mark.otp("SY-042")
    async def test_with_a_reason(self) -> None:
        pid = await Counter.start(0, name="counter")
        ref = process.monitor(pid)
        await system.terminate(pid, "over")
        await expect_down(ref, "over")
        assert process.whereis("counter") is None

    @pytest.mark.otp("SY-041")
    @pytest.mark.parametrize("timeout", [1.0, 0])
    async def test_of_a_server_that_is_busy(self, timeout: float) -> None:
        pid = await Counter.start(0)
        ref = process.monitor(pid)
        cast(pid, 5.0)
        await process.sleep(0.1)
        with pytest.raises(CallTimeout):
            await stop(pid, timeout=timeout)
        await expect_down(ref, "normal", timeout=10.0)

    async def test_an_init_that_was_asked_while_it_ran(self) -> None:
        class Slow(Counter):
            async def init(self, arg: Any, /) -> Any:
                await process.sleep(1.0)
                return Ok(arg)

        test = process.current()

        async def begin() -> None:
            send(test, await Slow.start(7, name="slow"))

        process.spawn(begin)
        await process.sleep(0.5)
        assert await system.get_state("slow") == 7
