"""Looking into a server and holding it; processes that tell how they began and why they ended."""

from __future__ import annotations

import io
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, NoReturn
from typing import cast as typed

import pytest

from regrow import (
    Agent,
    CalleeExit,
    CallExit,
    CallingSelf,
    CallTimeout,
    Continue,
    Down,
    Exit,
    Exited,
    From,
    GenServer,
    GenStatem,
    Ignored,
    KeepStateAndData,
    NextState,
    NoProcess,
    NoReply,
    Ok,
    Pid,
    Reply,
    ReplyAction,
    StartError,
    Stop,
    Supervisor,
    call,
    cast,
    gen_event,
    proc_lib,
    process,
    send,
    stop,
    system,
)
from regrow.behaviours.gen.starting import IGNORE
from regrow.behaviours.gen.system_requests import CallbackFailed, SystemRequest
from regrow.ops.logs import words
from regrow.testing import expect_down, expect_message

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

    async def test_a_method_of_the_users_own_is_not_taken_for_ours(self) -> None:
        class Kennel(Counter):
            def adopt(self, dog: str) -> None:
                raise AssertionError(dog)

        assert await system.replace_state(await Kennel.start(0), lambda count: count + 1) == 1

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

    async def test_it_ends_with_its_parent_though_it_traps_exits(self) -> None:
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

    async def test_a_log_that_is_on_stays_as_it_is(self) -> None:
        pid = await Counter.start(0)
        await system.log(pid, True)
        for number in range(6):
            await call(pid, number)
        await system.log(pid, (True, 2))
        assert len(await system.log(pid, "get")) == 10

    @pytest.mark.otp("SY-003")
    async def test_log_to_file(self, tmp_path: Path) -> None:
        """Adapted: the words are our own; the events are the same."""
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

    async def test_what_counts_as_a_message(self) -> None:
        """The end of a server's patience is one; a continue is none (seen on OTP 25)."""

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
    async def test_no_debug_takes_all_away(self, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
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

    async def test_functions_with_an_id_and_the_newest_first(self) -> None:
        seen: list[Any] = []

        def look(who: Any, _event: Any, _name: Any) -> Any:
            seen.append(who)
            return who

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
    async def test_one_that_is_done_or_raises_is_taken_away(self, raises: bool) -> None:
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

    async def test_flags_that_are_none(self) -> None:
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
    async def test_options_at_the_start(self, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
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
    """Open or closed; counts its calls."""

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
            asker = process.spawn(ask)
            await process.sleep(1.0)
            assert process.alive(asker)
            await system.resume(pid)
            await system.resume(pid)
            await process.sleep(1.0)
            assert not process.alive(asker)

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


class Channels:
    """A process that is written by hand: it lends channels. Its misc is (lent, free)."""

    @staticmethod
    async def start_link(count: int, **callbacks: Any) -> Any:
        callbacks_ = type("Callbacks", (), {name: staticmethod(one) for name, one in callbacks.items()})
        return await proc_lib.start_link(Channels.begin, process.current(), count, callbacks_)

    @staticmethod
    async def begin(parent: Pid, count: int, callbacks: Any) -> None:
        process.trap_exit(True)
        process.register("channels", process.current())
        proc_lib.init_ack()
        misc: Any = ([], list(range(1, count + 1)))
        await Channels.loop(parent, system.debug_options([]), callbacks, misc)

    @staticmethod
    async def loop(parent: Pid, debug: Any, callbacks: Any, misc: Any) -> None:
        while True:
            message = await process.receive()
            match message:
                case SystemRequest():
                    debug, misc = await system.handle_system_msg(message, parent, callbacks, debug, misc)
                    continue
                case Exited(pid, reason) if pid is parent:
                    raise Exit(reason)
                case ("alloc", asker):
                    debug = system.handle_debug(debug, ("in", "alloc"), told)
                    lent, (first, *free) = misc
                    send(asker, ("channel", first))
                    debug = system.handle_debug(debug, ("out", first, asker), told)
                    misc = ([first, *lent], free)
                case ("free", channel):
                    debug = system.handle_debug(debug, ("in", "free"), told)
                    lent, free = misc
                    lent.remove(channel)
                    misc = (lent, [channel, *free])
                case "log":
                    send(parent, system.get_log(debug))
                    system.print_log(debug)
                case _:
                    raise AssertionError(message)


def told(event: Any) -> str:
    return f"channels: {event[0]} {event[1]}"


class TestByHand:
    @pytest.mark.otp("SY-014")
    async def test_it_takes_part(self, capsys: pytest.CaptureFixture[str]) -> None:
        pid = await Channels.start_link(100)
        assert pid == process.whereis("channels")
        await system.statistics("channels", True)
        await system.trace("channels", True)
        send("channels", ("alloc", process.current()))
        assert await process.receive(tuple) == ("channel", 1)
        assert await system.get_state("channels") == ([1], list(range(2, 101)))
        assert await system.replace_state("channels", lambda misc: (misc[0], [2, 3, 4])) == ([1], [2, 3, 4])
        send("channels", ("free", 1))
        assert await system.get_state("channels") == ([], [1, 2, 3, 4])
        counts = await system.statistics("channels", "get")
        assert (counts["messages_in"], counts["messages_out"]) == (2, 1)
        await system.statistics("channels", False)
        assert await system.statistics("channels", "get") is None
        lines = ["in alloc", "out 1", "in free"]
        assert capsys.readouterr().out.splitlines() == [f"*DBG* channels channels: {line}" for line in lines]

    @pytest.mark.otp("SY-014")
    async def test_its_own_callbacks(self) -> None:
        def replace(function: Any, misc: Any) -> Any:
            lent = function(len(misc[0]))
            return lent, (["x"] * lent, misc[1])

        def change(misc: Any, module: Any, old: Any, extra: Any) -> Any:
            if extra is None:
                raise RuntimeError("no extra")
            return Ok((misc[0], [module, old, extra]))

        def shown(status: dict[str, Any]) -> dict[str, Any]:
            return {**status, "state": "as it likes"}

        def count(misc: Any) -> int:
            return len(misc[1])

        callbacks: dict[str, Any] = {"system_get_state": count, "system_replace_state": replace}
        pid = await Channels.start_link(3, **callbacks, system_code_change=change, format_status=shown)
        assert await system.get_state(pid) == 3
        assert await system.replace_state(pid, lambda lent: lent + 2) == 2
        status = await system.get_status(pid)
        assert (status["state"], status["parent"]) == ("as it likes", process.current())
        refused = ("error", ("unknown_system_msg", ("change_code", Channels, 1, 2)))
        assert await system.change_code(pid, Channels, 1, 2) == refused
        await system.suspend(pid)
        assert (await system.change_code(pid, Channels, 1, None))[0] == "error"
        assert await system.change_code(pid, Channels, 1, 2) == "ok"
        await system.resume(pid)
        assert await system.get_state(pid) == 3

    @pytest.mark.otp("SY-015")
    async def test_a_callback_that_raises(self) -> None:
        def refuses(_misc: Any) -> NoReturn:
            raise Exit("fail")

        def raises(_function: Any, _misc: Any) -> NoReturn:
            raise ValueError("fail")

        pid = await Channels.start_link(3, system_get_state=refuses, system_replace_state=raises)
        with pytest.raises(CallbackFailed, match="system_get_state raised") as caught:
            await system.get_state(pid)
        word, (_, callback), why = typed("tuple[Any, ...]", caught.value.reason)
        assert (word, callback, why) == ("callback_failed", "system_get_state", ("exit", "fail"))
        with pytest.raises(CallbackFailed, match="system_replace_state raised") as caught:
            await system.replace_state(pid, lambda misc: misc)
        assert caught.value.reason[2][0] == "error"
        assert process.alive(pid)

    async def test_a_function_that_raises(self) -> None:
        pid = await Channels.start_link(3)
        with pytest.raises(CallbackFailed):
            await system.replace_state(pid, lambda misc: misc.nothing)
        assert await system.get_state(pid) == ([], [1, 2, 3])

    async def test_suspended_it_serves_nothing_else(self) -> None:
        pid = await Channels.start_link(3)
        await system.suspend(pid)
        await system.suspend(pid)
        send(pid, ("alloc", process.current()))
        assert await system.get_state(pid) == ([], [1, 2, 3])
        assert (await system.get_status(pid))["status"] == "suspended"
        await system.resume(pid)
        assert await process.receive(tuple) == ("channel", 1)

    async def test_suspended_it_ends_with_its_parent(self) -> None:
        ended: list[Any] = []

        def clean_up(*args: Any) -> None:
            ended.append(args)

        async def parent() -> None:
            pid = await Channels.start_link(3, system_terminate=clean_up)
            await system.suspend(pid)
            send(test, pid)
            await process.receive()
            raise Exit("over")

        test = process.current()
        starter = process.spawn(parent)
        ref = process.monitor(await process.receive(Pid))
        send(starter, "end")
        await expect_down(ref, "over")
        assert ended == [("over", starter, None, ([], [1, 2, 3]))]

    @pytest.mark.otp("SY-017")
    async def test_it_terminates(self) -> None:
        ended: list[Any] = []

        async def clean_up(reason: Any, *_rest: Any) -> None:
            ended.append(reason)
            await process.sleep(0.5)

        pid = await Channels.start_link(3, system_terminate=clean_up)
        ref = process.monitor(pid)
        await system.terminate("channels", "normal")
        assert ended == ["normal"]
        await expect_down(ref, "normal")
        assert process.whereis("channels") is None

    async def test_its_log(self, capsys: pytest.CaptureFixture[str]) -> None:
        pid = await Channels.start_link(3)
        send(pid, "log")
        assert await expect_message(list) == []
        await system.log(pid, True)
        send(pid, ("alloc", process.current()))
        send(pid, "log")
        assert await expect_message(list) == [("in", "alloc"), ("out", 1, process.current())]
        assert len(capsys.readouterr().out.splitlines()) == 2

    async def test_nobody_looks_at_what_nobody_debugs(self) -> None:
        assert system.handle_debug(None, ("in", "anything")) is None
        assert system.get_log(None) == []
        system.print_log(None)


class TestTerminate:
    @pytest.mark.otp("SY-017")
    async def test_with_a_reason(self) -> None:
        pid = await Counter.start(0, name="counter")
        ref = process.monitor(pid)
        await system.terminate(pid, "over")
        await expect_down(ref, "over")
        assert process.whereis("counter") is None

    async def test_it_is_heard_and_not_waited_for(self) -> None:
        """What its `terminate` does, and how long, is not the matter of who has ordered it (seen on OTP 25)."""

        class Slow(Counter):
            async def terminate(self, _reason: Any, _state: int, /) -> None:
                await process.sleep(60.0)
                raise RuntimeError("in terminate")

        pid = await Slow.start(0)
        ref = process.monitor(pid)
        await system.terminate(pid, "normal")
        assert process.alive(pid)
        down = await process.receive(Down)
        assert down.ref is ref
        assert isinstance(down.reason, RuntimeError)

    async def test_of_nobody(self) -> None:
        with pytest.raises(NoProcess) as caught:
            await system.terminate("nobody", "normal")
        assert caught.value.reason == ("noproc", ("sys", "terminate", ["nobody", "normal"]))

    async def test_of_oneself(self) -> None:
        with pytest.raises(CallingSelf):
            await system.terminate(process.current(), "normal")

    async def test_code_changes_only_while_it_is_suspended(self) -> None:
        class Newer(Counter):
            def code_change(self, old_version: Any, state: int, extra: Any, /) -> Any:
                return Ok((old_version, state, extra))

        pid = await Newer.start(0)
        refused = ("error", ("unknown_system_msg", ("change_code", Newer, 1, 2)))
        assert await system.change_code(pid, Newer, 1, 2) == refused
        await system.suspend(pid)
        assert await system.change_code(pid, Newer, 1, 2) == "ok"
        assert await system.get_state(pid) == (1, 0, 2)

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


async def waits() -> None:
    match await process.receive():
        case ("exit", reason):
            raise Exit(reason)
        case ("raise", error):
            raise error
        case _:
            pass


async def naïve() -> None:  # noqa: PLC2401 (a name that is not ASCII is what is tried)
    await waits()


def crash_reports(reports: list[Any]) -> list[Any]:
    return [report for report in reports if report.kind == "process terminating"]


class TestCrashReports:
    @pytest.mark.otp("SY-022")
    @pytest.mark.parametrize("reason", ["normal", "shutdown", ("shutdown", ("a", "b", "c"))])
    async def test_none_of_an_end_as_wished(self, reason: Any, reports: list[Any]) -> None:
        process.trap_exit(True)
        pid = proc_lib.spawn_link(waits)
        send(pid, ("exit", reason))
        assert await process.receive(Exited) == Exited(pid, reason)
        assert list(reports) == []

    @pytest.mark.otp("SY-023")
    @pytest.mark.parametrize("sync", [False, True])
    async def test_of_an_exit(self, sync: bool, reports: list[Any]) -> None:
        def leaves() -> None:
            raise Exit("die")

        pid = proc_lib.spawn(leaves if sync else waits)
        ref = process.monitor(pid)
        send(pid, ("exit", "die"))
        await expect_down(ref, "die")
        (report,) = reports
        assert report.kind == "process terminating"
        assert (report.pid, report.reason, report.neighbours) == (pid, "die", [])
        assert report.ancestors[0] is process.current()
        assert report.initial_call is (leaves if sync else waits)
        code, _line = report.trace[-1]
        assert code.co_name == ("leaves" if sync else "waits")

    @pytest.mark.otp("SY-023")
    async def test_of_an_exception(self, reports: list[Any]) -> None:
        pid = proc_lib.spawn(waits)
        ref = process.monitor(pid)
        error = RuntimeError("die")
        send(pid, ("raise", error))
        await expect_down(ref, error)
        (report,) = reports
        assert (report.kind, report.reason) == ("process terminating", error)

    async def test_of_a_server_that_stops_with_a_word(self, reports: list[Any]) -> None:
        pid = await Counter.start(0)
        assert await call(pid, ("stop", "oops")) == "stopping"
        (report,) = crash_reports(reports)
        assert (report.pid, report.reason) == (pid, "oops")

    async def test_of_a_neighbour_and_its_neighbours(self, reports: list[Any]) -> None:
        """Who is linked with whoever is linked with the process, is named, too; but not beyond one that traps exits."""

        async def linked(others: int, trap: bool) -> None:
            process.trap_exit(trap)
            if others:
                send(test, proc_lib.spawn_link(linked, others - 1, others == 2))
            await waits()

        test = process.current()
        pid = proc_lib.spawn(linked, 4, False)
        pids = [await process.receive(Pid) for _ in range(4)]
        ref = process.monitor(pid)
        send(pid, ("exit", "die"))
        await expect_down(ref, "die")
        found = next(report for report in crash_reports(reports) if report.pid is pid)
        assert [one.pid for one in found.neighbours] == pids[:2]
        assert found.neighbours[0].initial_call is linked
        assert found.neighbours[0].ancestors[:2] == [pid, process.current()]

    @pytest.mark.otp("SY-026")
    async def test_of_a_process_that_wiped_its_dictionary(self, reports: list[Any]) -> None:
        """Adapted: what a process began with, and its ancestors, are not in its dictionary and cannot be wiped."""

        async def wipes() -> None:
            process.put("key", "value")
            for key in process.get_keys():
                process.erase(key)
            raise Exit("abnormal")

        ref = process.monitor(proc_lib.spawn(wipes))
        await expect_down(ref, "abnormal")
        (report,) = reports
        assert (report.dictionary, report.initial_call, report.ancestors[0]) == ({}, wipes, process.current())

    @pytest.mark.otp("SY-027")
    async def test_a_name_that_is_not_ascii(self, reports: list[Any]) -> None:
        pid = proc_lib.spawn(naïve)
        send(pid, ("exit", "die"))
        await process.sleep(0.1)
        assert "naïve" in words(reports[0])


class TestStart:
    @staticmethod
    async def acknowledges(value: Any, then: Any = "normal") -> None:
        await process.receive(lambda message: message == "go on")
        proc_lib.init_ack(value)
        raise Exit(then)

    @pytest.mark.otp("SY-029")
    @pytest.mark.parametrize("start", [proc_lib.start, proc_lib.start_link])
    async def test_it_waits_for_the_word(self, start: Any) -> None:
        async def starter() -> None:
            send(test, ("started", await start(slow)))

        async def slow() -> None:
            send(test, process.current())
            await self.acknowledges(("ok", 42))

        test = process.current()
        process.spawn(starter)
        pid = await process.receive(Pid)
        await process.sleep(1.0)
        assert process.info(test, "message_queue_len") == 0
        send(pid, "go on")
        assert await process.receive(tuple) == ("started", ("ok", 42))

    async def test_without_a_value_it_is_the_pid(self) -> None:
        async def says() -> None:
            proc_lib.init_ack()
            await waits()

        pid = await proc_lib.start(says)
        assert process.alive(pid)
        assert process.info(process.current(), "links") == []

    @pytest.mark.otp("SY-030")
    @pytest.mark.parametrize("link", [False, True])
    async def test_monitored(self, link: bool) -> None:
        def says() -> None:
            proc_lib.init_ack("up")

        process.trap_exit(True)
        value, ref = await proc_lib.start_monitor(says, link=link)
        assert value == "up"
        await expect_down(ref, "normal")
        left = process.info(process.current(), "messages")
        assert [message.reason for message in left] == (["normal"] if link else [])

    @pytest.mark.otp("SY-033")
    @pytest.mark.parametrize("start", [proc_lib.start, proc_lib.start_link, proc_lib.start_monitor])
    @pytest.mark.parametrize("error", [RuntimeError("bad_init"), Exit("bad_exit"), Exit(("shutdown", "x"))])
    async def test_one_that_raises_before(self, start: Any, error: BaseException) -> None:
        def raises() -> None:
            raise error

        process.trap_exit(True)
        with pytest.raises(StartError) as caught:
            await start(raises)
        assert caught.value.reason == (error.reason if isinstance(error, Exit) else error)
        assert process.info(process.current(), "messages") == []

    @pytest.mark.otp("SY-033")
    async def test_a_linked_one_takes_its_starter_along(self) -> None:
        def raises() -> None:
            raise Exit("bad_init")

        ref = process.monitor(process.spawn(proc_lib.start_link, raises))
        await expect_down(ref, "bad_init")

    async def test_a_server_that_is_killed_in_its_init_is_told_once(self) -> None:
        class Killed(Counter):
            def init(self, arg: Any, /) -> Any:
                process.exit(process.current(), "kill")
                return Ok(arg)

        process.trap_exit(True)
        with pytest.raises(StartError) as caught:
            await Killed.start_link(0)
        assert caught.value.reason == "killed"
        assert process.info(process.current(), "messages") == []

    @pytest.mark.otp("SY-034")
    @pytest.mark.parametrize("start", [proc_lib.start, proc_lib.start_link])
    async def test_one_that_ends_before(self, start: Any) -> None:
        process.trap_exit(True)
        with pytest.raises(StartError) as caught:
            await start(lambda: None)
        assert caught.value.reason == "normal"
        assert process.info(process.current(), "messages") == []

    @pytest.mark.otp("SY-035")
    async def test_a_second_word_is_dropped(self) -> None:
        """Adapted: in OTP the second one lies in the starter's mailbox, where nobody expects it."""

        def says() -> None:
            proc_lib.init_ack("one")
            proc_lib.init_ack("two")

        assert await proc_lib.start(says) == "one"
        assert process.info(process.current(), "messages") == []

    async def test_a_word_that_nobody_waits_for_is_dropped(self) -> None:
        async def says() -> None:
            proc_lib.spawn(proc_lib.init_ack, "grandchild")
            await process.sleep(1.0)
            proc_lib.init_ack("child")

        proc_lib.init_ack("test")
        assert await proc_lib.start(says) == "child"

    async def test_it_takes_too_long(self) -> None:
        async def slow(test: Pid) -> None:
            send(test, process.current())
            await self.acknowledges("late")

        process.trap_exit(True)
        for start in (proc_lib.start, proc_lib.start_link, proc_lib.start_monitor):
            with pytest.raises(StartError) as caught:
                await start(slow, process.current(), timeout=0.5)
            assert caught.value.reason == "timeout"
            assert not process.alive(await process.receive(Pid))
            assert process.info(process.current(), "messages") == []

    async def test_not_wanted(self) -> None:
        with pytest.raises(Ignored):
            await proc_lib.start(lambda: proc_lib.init_ack(IGNORE))

    @pytest.mark.parametrize("start", [proc_lib.start, proc_lib.start_link])
    async def test_it_fails(self, start: Any, reports: list[Any]) -> None:
        def fails(error: Any) -> None:
            process.register("name", process.current())
            proc_lib.init_fail("busy", error)

        process.trap_exit(True)
        for error, found in ((None, ["busy"]), (Exit("normal"), []), (RuntimeError("no"), None)):
            before = len(reports)
            with pytest.raises(StartError) as caught:
                await start(fails, error)
            assert caught.value.reason == "busy"
            assert process.whereis("name") is None
            assert process.info(process.current(), "messages") == []
            ended = [report.reason for report in list(reports)[before:]]
            assert ended == ([error] if found is None else found)

    async def test_what_can_be_no_process(self) -> None:
        for start in (proc_lib.start, proc_lib.start_link, proc_lib.start_monitor):
            with pytest.raises(TypeError, match="wanted a function to run"):
                await start(typed("Any", 42))
        for spawn in (proc_lib.spawn, proc_lib.spawn_link, proc_lib.spawn_monitor, proc_lib.spawn_opt):
            with pytest.raises(TypeError, match="wanted a function to run"):
                spawn(typed("Any", 42))


class TestSpawn:
    @pytest.mark.otp("SY-037")
    async def test_with_options(self) -> None:
        """Adapted: there are no priorities."""
        pid = proc_lib.spawn_opt(waits, link=True)
        assert process.info(pid, "links") == [process.current()]
        assert proc_lib.initial_call(pid) == (__name__, "waits", [])
        assert proc_lib.translate_initial_call(pid) == (__name__, "waits", 0)
        other, ref = proc_lib.spawn_opt(waits, monitor=True)
        assert process.info(other, "links") == []
        send(other, ("exit", "shutdown"))
        await expect_down(ref, "shutdown")
        assert proc_lib.initial_call(other) is None
        assert proc_lib.translate_initial_call(other) is None

    async def test_the_initial_call_of_a_server_is_its_init(self) -> None:
        pid = await Formatted.start(1)
        _, name, args = typed("tuple[Any, Any, Any]", proc_lib.initial_call(pid))
        assert (name, len(args)) == ("GenServer.init", 1)
        with pytest.raises(TypeError, match="wanted a pid"):
            proc_lib.initial_call(typed("Any", "counter"))

    async def test_linked_and_monitored(self) -> None:
        process.trap_exit(True)
        pid, ref = proc_lib.spawn_monitor(waits)
        send(pid, "go on")
        await expect_down(ref, "normal")
        pid = proc_lib.spawn_link(waits)
        send(pid, "go on")
        assert await process.receive(Exited) == Exited(pid, "normal")

    @pytest.mark.otp("SY-038")
    async def test_hibernate(self, reports: list[Any]) -> None:
        """Adapted: the process is a function; what stood on its stack is left."""

        async def loop(test: Pid) -> None:
            match await process.receive():
                case "hibernate":
                    await proc_lib.hibernate(awaken, test)
                case "ask":
                    send(test, "answer")
                case "crash":
                    raise Exit("i_crashed")
                case other:
                    raise AssertionError(other)
            await loop(test)

        async def awaken(test: Pid) -> None:
            send(test, "awake")
            await loop(test)

        pid = proc_lib.spawn(loop, process.current())
        ref = process.monitor(pid)
        send(pid, "hibernate")
        await process.sleep(1.0)
        assert process.info(process.current(), "messages") == []
        send(pid, "ask")
        assert [await process.receive(str), await process.receive(str)] == ["awake", "answer"]
        send(pid, "crash")
        await expect_down(ref, "i_crashed")
        (report,) = reports
        assert (report.kind, report.initial_call) == ("process terminating", loop)


class TestStop:
    """Of processes that are written by hand; servers have their own."""

    @pytest.mark.otp("SY-039")
    async def test_it_is_stopped(self) -> None:
        pid = await Channels.start_link(3)
        await proc_lib.stop("channels")
        assert not process.alive(pid)
        for who in (pid, "channels"):
            with pytest.raises(NoProcess) as caught:
                await proc_lib.stop(who)
            assert caught.value.reason[0] == "noproc"

    async def test_it_ends_otherwise(self) -> None:
        async def badly(reason: Any) -> None:
            _ = await process.receive(SystemRequest)
            raise Exit(reason)

        for reason in ("die", "normal"):
            pid = proc_lib.spawn(badly, reason)
            with pytest.raises(CalleeExit) as caught:
                await proc_lib.stop(pid)
            assert typed("Any", caught.value.reason[0])[0] == reason

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

    @pytest.mark.otp("SY-042")
    async def test_with_another_reason(self) -> None:
        process.trap_exit(True)
        pid = await Channels.start_link(3)
        await proc_lib.stop(pid, "other_reason")
        assert await process.receive(Exited) == Exited(pid, "other_reason")

    @pytest.mark.otp("SY-043")
    async def test_its_code_raises(self) -> None:
        error = RuntimeError("badmatch")

        def raises(*_args: Any) -> NoReturn:
            raise error

        process.trap_exit(True)
        pid = await Channels.start_link(3, system_terminate=raises)
        with pytest.raises(CalleeExit) as caught:
            await proc_lib.stop(pid, "crash")
        assert caught.value.reason[0] is error
        assert not process.alive(pid)


class TestAncestors:
    @pytest.mark.otp("SY-047")
    async def test_nearest_first_and_by_name(self, reports: list[Any]) -> None:
        async def parent() -> None:
            process.register("parent", process.current())
            send(test, proc_lib.spawn(child))
            await waits()

        async def child() -> None:
            proc_lib.set_label(("child", 1))
            await waits()

        test = process.current()
        proc_lib.spawn(parent)
        pid = await process.receive(Pid)
        await process.sleep(0.1)
        assert process.info(pid, "ancestors")[:2] == ["parent", test]
        assert proc_lib.get_label(pid) == ("child", 1)
        assert proc_lib.get_label(test) is None
        send(pid, ("exit", "die"))
        await process.sleep(0.1)
        (report,) = reports
        assert report.label == ("child", 1)
        assert "Process Label: ('child', 1)" in words(report)
        assert f"Ancestors: [parent, {test}" in words(report)
        assert proc_lib.get_label(pid) is None
