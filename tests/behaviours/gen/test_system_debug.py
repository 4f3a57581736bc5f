"""Debug options: log, trace, statistics, and installed functions."""

from __future__ import annotations

import io
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any
from typing import cast as typed

import pytest

from regrow import (
    Agent,
    Continue,
    GenStatem,
    KeepStateAndData,
    NextState,
    NoReply,
    Pid,
    ReplyAction,
    Supervisor,
    call,
    gen_event,
    process,
    send,
    system,
)
from regrow.behaviours.gen.system_requests import CallbackFailed
from regrow.testing import expect_down
from tests.behaviours.gen.system_servers import Counter

pytestmark = pytest.mark.regrow


class TestDebug:
    @pytest.mark.otp("SY-001")
    async def test_log(self, capsys: pytest.CaptureFixture[str]) -> None:
        pid = await Counter.start(0)
        await system.log(pid, (True, 2))
        for number in range(3):
            await call(pid, number)
        events = await system.log(pid, "get")
        assert [event[0] for event in events] == ["in", "out"]
        await system.log(pid, "print")
        assert len(capsys.readouterr().out.splitlines()) == 2
        await system.log(pid, False)
        assert await system.log(pid, "get") == []
        await system.log(pid, "print")
        assert capsys.readouterr().out == ""

    async def test_a_log_that_is_on_is_kept(self) -> None:
        pid = await Counter.start(0)
        await system.log(pid, True)
        for number in range(6):
            await call(pid, number)
        await system.log(pid, (True, 2))
        assert len(await system.log(pid, "get")) == 10

    @pytest.mark.otp("SY-003")
    async def test_log_to_file(self, tmp_path: Path) -> None:
        """Adapted: the texts are regrow's; the events are OTP's."""
        file = tmp_path / "log.txt"
        file.write_text("old\n", encoding="utf-8")
        pid = await Counter.start(0, name="counter")
        await system.log_to_file(pid, file)
        await call(pid, 44)
        await system.log_to_file(pid, False)
        await call(pid, 45)
        first, second = file.read_text(encoding="utf-8").splitlines()
        assert first == f"*DBG* counter got call 44 from {process.current()}"
        assert second.startswith("*DBG* counter sent ('ok', -44) to ")

    async def test_a_file_that_cannot_be_written(self, tmp_path: Path) -> None:
        pid = await Counter.start(0)
        with pytest.raises(FileNotFoundError):
            await system.log_to_file(pid, tmp_path / "nowhere" / "log.txt")
        with pytest.raises(FileNotFoundError):
            await Counter.start(0, debug=[("log_to_file", tmp_path / "nowhere" / "log.txt")])
        assert (await system.get_status(pid))["debug"] == []

    async def test_a_file_that_has_gone_is_forgotten(self, tmp_path: Path) -> None:
        folder = tmp_path / "folder"
        folder.mkdir()
        pid = await Counter.start(0, debug=[("log_to_file", folder / "log.txt")])
        (folder / "log.txt").unlink()
        folder.rmdir()
        assert await call(pid, 1) == ("ok", -1)
        assert (await system.get_status(pid))["debug"] == []

    async def test_statistics(self) -> None:
        pid = await Counter.start(0)
        await system.statistics(pid, True)
        await call(pid, 1)
        send(pid, "tick")
        await process.sleep(2.0)
        await system.statistics(pid, True)
        found = await system.statistics(pid, "get")
        assert (found["messages_in"], found["messages_out"]) == (2, 1)
        assert found["current_time"] - found["start_time"] == 2.0
        await system.statistics(pid, False)
        assert await system.statistics(pid, "get") is None

    async def test_statistics_count_messages_and_timeouts(self) -> None:
        """A timeout counts as a message; a continue does not (seen on OTP 25)."""

        class Patient(Counter):
            def handle_info(self, message: Any, count: int, /) -> Any:
                match message:
                    case "wait":
                        return NoReply(count, 1.0)
                    case "continue":
                        return NoReply(count, Continue("c"))
                    case _:
                        return NoReply(count)

            def handle_continue(self, _arg: Any, count: int, /) -> Any:
                return NoReply(count)

        pid = await Patient.start(0, debug=["statistics", "log"])
        send(pid, "continue")
        await system.get_state(pid)
        send(pid, "wait")
        await process.sleep(2.0)
        assert (await system.statistics(pid, "get"))["messages_in"] == 3
        events = [("in", "continue"), ("noreply", 0), ("continue", "c"), ("noreply", 0)]
        events += [("in", "wait"), ("noreply", 0), ("in", "timeout"), ("noreply", 0)]
        assert await system.log(pid, "get") == events

    @pytest.mark.otp("SY-005")
    async def test_trace(self, capsys: pytest.CaptureFixture[str]) -> None:
        pid = await Counter.start(0, name="counter")
        await system.trace(pid, True)
        await call(pid, 1)
        await system.trace(pid, False)
        await call(pid, 2)
        lines = capsys.readouterr().out.splitlines()
        assert lines == [
            f"*DBG* counter got call 1 from {process.current()}",
            f"*DBG* counter sent ('ok', -1) to {process.current()}, new state 1",
        ]

    async def test_trace_to_a_stream(self) -> None:
        stream = io.StringIO()
        pid = await Counter.start(0)
        await system.trace(pid, True, stream=stream)
        send(pid, "tick")
        await system.get_state(pid)
        assert stream.getvalue() == f"*DBG* {pid} got 'tick'\n*DBG* {pid} new state 1\n"
        stream.close()
        assert await call(pid, 1) == ("ok", -1)

    @pytest.mark.otp("SY-010")
    @pytest.mark.otp("SY-011")
    async def test_an_installed_function_sees_each_event_once(self) -> None:
        seen: list[Any] = []

        def look(count: int, event: Any, name: Any) -> Any:
            seen.append((count, event[0], name))
            return count + 1

        pid = await Counter.start(0, name="counter")
        await system.install(pid, look, 0)
        await system.install(pid, look, 10)
        await call(pid, 1)
        assert seen == [(0, "in", "counter"), (1, "out", "counter")]
        await system.remove(pid, look)
        await call(pid, 2)
        await system.remove(pid, look)
        assert len(seen) == 2

    @pytest.mark.otp("SY-010")
    async def test_no_debug_removes_all_options(self, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
        seen: list[Any] = []

        def look(_state: Any, event: Any, _name: Any) -> Any:
            seen.append(event[:2])

        options = ["trace", "log", "statistics", ("log_to_file", tmp_path / "log.txt"), ("install", look, None)]
        pid = await Counter.start(0, debug=options)
        send(pid, "tick")
        assert len((await system.get_status(pid))["debug"]) == 5
        assert seen == [("in", "tick"), ("noreply", 1)]
        await system.no_debug(pid)
        assert (await system.get_status(pid))["debug"] == []
        await call(pid, 1)
        assert len(seen) == 2
        assert len(capsys.readouterr().out.splitlines()) == 2
        assert len((tmp_path / "log.txt").read_text(encoding="utf-8").splitlines()) == 2

    async def test_functions_have_an_id_and_the_newest_comes_first(self) -> None:
        seen: list[Any] = []

        def look(state: Any, _event: Any, _name: Any) -> Any:
            seen.append(state)
            return state

        pid = await Counter.start(0)
        await system.install(pid, look, "one")
        await system.install(pid, look, "two", id=2)
        send(pid, "tick")
        await system.get_state(pid)
        assert seen == ["two", "one"] * 2
        await system.remove(pid, 2)
        await system.remove(pid, "unknown")
        send(pid, "tick")
        await system.get_state(pid)
        assert seen[4:] == ["one"] * 2

    @pytest.mark.otp("SY-013")
    @pytest.mark.parametrize("raises", [False, True])
    async def test_a_function_that_is_done_or_raises_is_removed(self, raises: bool) -> None:
        seen: list[Any] = []

        def look(_state: Any, event: Any, _pid: Any) -> Any:
            seen.append(event[0])
            if raises:
                raise RuntimeError("no")
            return "done"

        pid = await Counter.start(0)
        await system.install(pid, look)
        assert await call(pid, 1) == ("ok", -1)
        assert seen == ["in"]

    async def test_invalid_flags_are_refused(self) -> None:
        pid = await Counter.start(0)
        wrong: list[Callable[[], Awaitable[Any]]] = [
            lambda: system.log(pid, "loud"),
            lambda: system.log(pid, (True, 0)),
            lambda: system.statistics(pid, "loud"),
            lambda: system.trace(pid, typed("Any", "loud")),
        ]
        for one in wrong:
            with pytest.raises(ValueError, match="wanted True"):
                await one()
        with pytest.raises(TypeError, match="wanted a function"):
            await system.install(pid, typed("Any", "loud"))
        with pytest.raises(TypeError, match="wanted a function"):
            await system.replace_state(pid, typed("Any", "loud"))

    @pytest.mark.otp("SY-021")
    async def test_debug_options_at_the_start(self, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
        seen: list[Any] = []

        def look(state: Any, event: Any, _name: Any) -> Any:
            seen.append((state, event[0]))
            return state

        file = tmp_path / "log.txt"
        looks = [("install", look, "f"), ("install", "id", look, "g")]
        pid = await Counter.start(0, debug=["trace", "statistics", ("log", 5), ("log_to_file", file), *looks])
        await call(pid, 1)
        counts = await system.statistics(pid, "get")
        assert (counts["messages_in"], counts["messages_out"]) == (1, 1)
        assert len(await system.log(pid, "get")) == 2
        assert seen == [("g", "in"), ("f", "in"), ("g", "out"), ("f", "out")]
        assert capsys.readouterr().out == file.read_text(encoding="utf-8")
        for wrong in ("loud", ("log", 0), ("install", 1)):
            with pytest.raises(ValueError, match="debug: wanted "):
                await Counter.start(0, debug=[wrong])


class Door(GenStatem[str, int]):
    """A machine that is open or closed, and counts its calls."""

    def callback_mode(self) -> Any:
        return "handle_event_function"

    def init(self, arg: Any, /) -> Any:
        return NextState("open", arg)

    def handle_event(self, event_type: Any, _content: Any, _state: str, data: int, /) -> Any:
        match event_type:
            case ("call", from_):
                return NextState("closed", data + 1, [ReplyAction(from_, "ok")])
            case _:
                return KeepStateAndData()


class TestEveryBehaviour:
    """System requests reach state machines, event managers, agents and supervisors as they reach servers."""

    @staticmethod
    async def all_kinds() -> list[tuple[Pid, Callable[[], Any]]]:
        door = await Door.start(0)
        manager = await gen_event.start()
        agent = await Agent.start(lambda: 0)
        sup = await Supervisor.start_link([Counter])
        return [
            (door, lambda: call(door, "knock")),
            (manager, lambda: gen_event.which_handlers(manager)),
            (agent, lambda: Agent.get(agent, lambda state: state)),
            (sup, lambda: Supervisor.count_children(sup)),
        ]

    async def test_suspend_and_resume(self) -> None:
        for pid, ask in await self.all_kinds():
            await system.suspend(pid)
            assert (await system.get_status(pid))["status"] == "suspended"
            caller = process.spawn(ask)
            await process.sleep(1.0)
            assert process.alive(caller)
            await system.resume(pid)
            await system.resume(pid)
            await process.sleep(1.0)
            assert not process.alive(caller)

    async def test_debugging(self) -> None:
        for pid, ask in await self.all_kinds():
            seen: list[Any] = []

            def look(_state: Any, event: Any, _name: Any, seen: list[Any] = seen) -> None:
                seen.append(event[0])

            await system.install(pid, look)
            await system.statistics(pid, True)
            await system.log(pid, True)
            await ask()
            assert seen[0] == "in"
            assert (await system.statistics(pid, "get"))["messages_in"] == 1
            assert (await system.log(pid, "get"))[0][0] == "in"
            await system.no_debug(pid)
            assert (await system.get_status(pid))["debug"] == []

    async def test_replace_state_that_raises(self) -> None:
        for pid, ask in (await self.all_kinds())[:1] + (await self.all_kinds())[2:3]:
            before = await system.get_state(pid)
            with pytest.raises(CallbackFailed):
                await system.replace_state(pid, lambda state: state.nothing)
            assert await system.get_state(pid) == before
            await ask()

    async def test_terminate(self) -> None:
        process.trap_exit(True)
        for pid, _ in await self.all_kinds():
            ref = process.monitor(pid)
            await system.terminate(pid, "shutdown")
            await expect_down(ref, "shutdown")
