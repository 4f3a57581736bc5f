"""proc_lib: start, spawn, stop, and ancestors."""

from __future__ import annotations

from typing import Any, NoReturn
from typing import cast as typed

import pytest

from regrow import (
    CalleeExit,
    CallTimeout,
    Exit,
    Exited,
    Ignored,
    NoProcess,
    Ok,
    Pid,
    StartError,
    cast,
    proc_lib,
    process,
    send,
    stop,
)
from regrow.behaviours.gen.starting import IGNORE
from regrow.behaviours.gen.system_requests import SystemRequest
from regrow.ops.logs import words
from regrow.testing import expect_down
from tests.behaviours.gen.system_servers import Channels, Counter, Formatted, waits

pytestmark = pytest.mark.regrow


class TestStart:
    @staticmethod
    async def acknowledges(value: Any, then: Any = "normal") -> None:
        await process.receive(lambda message: message == "go on")
        proc_lib.init_ack(value)
        raise Exit(then)

    @pytest.mark.otp("SY-029")
    @pytest.mark.parametrize("start", [proc_lib.start, proc_lib.start_link])
    async def test_start_waits_for_the_acknowledgement(self, start: Any) -> None:
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

    async def test_start_returns_the_pid_without_a_value(self) -> None:
        async def says() -> None:
            proc_lib.init_ack()
            await waits()

        pid = await proc_lib.start(says)
        assert process.alive(pid)
        assert process.info(process.current(), "links") == []

    @pytest.mark.otp("SY-030")
    @pytest.mark.parametrize("link", [False, True])
    async def test_start_monitor_monitors_the_process(self, link: bool) -> None:
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
    async def test_a_process_raises_before_its_acknowledgement(self, start: Any, error: BaseException) -> None:
        def raises() -> None:
            raise error

        process.trap_exit(True)
        with pytest.raises(StartError) as caught:
            await start(raises)
        assert caught.value.reason == (error.reason if isinstance(error, Exit) else error)
        assert process.info(process.current(), "messages") == []

    @pytest.mark.otp("SY-033")
    async def test_a_linked_process_ends_its_starter(self) -> None:
        def raises() -> None:
            raise Exit("bad_init")

        ref = process.monitor(process.spawn(proc_lib.start_link, raises))
        await expect_down(ref, "bad_init")

    async def test_a_kill_in_init_is_reported_once(self) -> None:
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
    async def test_a_process_ends_before_its_acknowledgement(self, start: Any) -> None:
        process.trap_exit(True)
        with pytest.raises(StartError) as caught:
            await start(lambda: None)
        assert caught.value.reason == "normal"
        assert process.info(process.current(), "messages") == []

    @pytest.mark.otp("SY-035")
    async def test_a_second_acknowledgement_is_dropped(self) -> None:
        """Adapted: in OTP the second one stays in the starter's mailbox, where it is not expected."""

        def says() -> None:
            proc_lib.init_ack("one")
            proc_lib.init_ack("two")

        assert await proc_lib.start(says) == "one"
        assert process.info(process.current(), "messages") == []

    async def test_an_acknowledgement_without_a_starter_is_dropped(self) -> None:
        async def says() -> None:
            proc_lib.spawn(proc_lib.init_ack, "grandchild")
            await process.sleep(1.0)
            proc_lib.init_ack("child")

        proc_lib.init_ack("test")
        assert await proc_lib.start(says) == "child"

    async def test_a_start_takes_too_long(self) -> None:
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

    async def test_a_start_is_ignored(self) -> None:
        with pytest.raises(Ignored):
            await proc_lib.start(lambda: proc_lib.init_ack(IGNORE))

    @pytest.mark.parametrize("start", [proc_lib.start, proc_lib.start_link])
    async def test_a_start_fails(self, start: Any, reports: list[Any]) -> None:
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

    async def test_an_invalid_function_is_refused(self) -> None:
        for start in (proc_lib.start, proc_lib.start_link, proc_lib.start_monitor):
            with pytest.raises(TypeError, match="wanted a function to run"):
                await start(typed("Any", 42))
        for spawn in (proc_lib.spawn, proc_lib.spawn_link, proc_lib.spawn_monitor, proc_lib.spawn_opt):
            with pytest.raises(TypeError, match="wanted a function to run"):
                spawn(typed("Any", 42))


class TestSpawn:
    @pytest.mark.otp("SY-037")
    async def test_spawn_opt_takes_options(self) -> None:
        """Adapted: there are no priorities."""
        pid = proc_lib.spawn_opt(waits, link=True)
        assert process.info(pid, "links") == [process.current()]
        assert proc_lib.initial_call(pid) == (waits.__module__, "waits", [])
        assert proc_lib.translate_initial_call(pid) == (waits.__module__, "waits", 0)
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

    async def test_spawned_processes_are_linked_and_monitored(self) -> None:
        process.trap_exit(True)
        pid, ref = proc_lib.spawn_monitor(waits)
        send(pid, "go on")
        await expect_down(ref, "normal")
        pid = proc_lib.spawn_link(waits)
        send(pid, "go on")
        assert await process.receive(Exited) == Exited(pid, "normal")

    @pytest.mark.otp("SY-038")
    async def test_hibernate(self, reports: list[Any]) -> None:
        """Adapted: the process continues as a function; its stack is dropped."""

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
    """Stops of special processes; servers have their own tests."""

    @pytest.mark.otp("SY-039")
    async def test_a_process_is_stopped(self) -> None:
        pid = await Channels.start_link(3)
        await proc_lib.stop("channels")
        assert not process.alive(pid)
        for address in (pid, "channels"):
            with pytest.raises(NoProcess) as caught:
                await proc_lib.stop(address)
            assert caught.value.reason[0] == "noproc"

    async def test_a_process_ends_with_another_reason(self) -> None:
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
    async def test_a_busy_server_is_stopped(self, timeout: float) -> None:
        pid = await Counter.start(0)
        ref = process.monitor(pid)
        cast(pid, 5.0)
        await process.sleep(0.1)
        with pytest.raises(CallTimeout):
            await stop(pid, timeout=timeout)
        await expect_down(ref, "normal", timeout=10.0)

    @pytest.mark.otp("SY-042")
    async def test_a_process_is_stopped_with_another_reason(self) -> None:
        process.trap_exit(True)
        pid = await Channels.start_link(3)
        await proc_lib.stop(pid, "other_reason")
        assert await process.receive(Exited) == Exited(pid, "other_reason")

    @pytest.mark.otp("SY-043")
    async def test_the_code_of_the_process_raises(self) -> None:
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
    async def test_ancestors_are_listed_nearest_first_and_by_name(self, reports: list[Any]) -> None:
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
