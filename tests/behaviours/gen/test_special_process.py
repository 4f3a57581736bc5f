"""Special processes: system messages, debugging, and terminate."""

from __future__ import annotations

from typing import Any, NoReturn
from typing import cast as typed

import pytest

from regrow import (
    CallingSelf,
    Down,
    Exit,
    NoProcess,
    Ok,
    Pid,
    process,
    send,
    system,
)
from regrow.behaviours.gen.system_requests import CallbackFailed
from regrow.testing import expect_down, expect_message
from tests.behaviours.gen.system_servers import Channels, Counter

pytestmark = pytest.mark.regrow


class TestSpecialProcess:
    @pytest.mark.otp("SY-014")
    async def test_a_special_process_handles_system_messages(self, capsys: pytest.CaptureFixture[str]) -> None:
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
    async def test_a_special_process_has_its_own_callbacks(self) -> None:
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

    async def test_a_suspended_process_serves_only_system_messages(self) -> None:
        pid = await Channels.start_link(3)
        await system.suspend(pid)
        await system.suspend(pid)
        send(pid, ("alloc", process.current()))
        assert await system.get_state(pid) == ([], [1, 2, 3])
        assert (await system.get_status(pid))["status"] == "suspended"
        await system.resume(pid)
        assert await process.receive(tuple) == ("channel", 1)

    async def test_a_suspended_process_ends_with_its_parent(self) -> None:
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
    async def test_a_special_process_terminates(self) -> None:
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

    async def test_a_special_process_has_a_log(self, capsys: pytest.CaptureFixture[str]) -> None:
        pid = await Channels.start_link(3)
        send(pid, "log")
        assert await expect_message(list) == []
        await system.log(pid, True)
        send(pid, ("alloc", process.current()))
        send(pid, "log")
        assert await expect_message(list) == [("in", "alloc"), ("out", 1, process.current())]
        assert len(capsys.readouterr().out.splitlines()) == 2

    async def test_events_are_not_recorded_without_debug_options(self) -> None:
        assert system.handle_debug(None, ("in", "anything")) is None
        assert system.get_log(None) == []
        system.print_log(None)


class TestTerminate:
    @pytest.mark.otp("SY-017")
    async def test_terminate_ends_with_the_reason(self) -> None:
        pid = await Counter.start(0, name="counter")
        ref = process.monitor(pid)
        await system.terminate(pid, "over")
        await expect_down(ref, "over")
        assert process.whereis("counter") is None

    async def test_terminate_does_not_wait_for_the_end(self) -> None:
        """The caller of terminate does not wait for the server's `terminate` callback (seen on OTP 25)."""

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

    async def test_terminate_of_a_dead_process(self) -> None:
        with pytest.raises(NoProcess) as caught:
            await system.terminate("unknown", "normal")
        assert caught.value.reason == ("noproc", ("sys", "terminate", ["unknown", "normal"]))

    async def test_terminate_of_oneself(self) -> None:
        with pytest.raises(CallingSelf):
            await system.terminate(process.current(), "normal")

    async def test_code_changes_only_while_the_process_is_suspended(self) -> None:
        class Newer(Counter):
            def code_change(self, old_version: Any, state: int, extra: Any, /) -> Any:
                return Ok((old_version, state, extra))

        pid = await Newer.start(0)
        refused = ("error", ("unknown_system_msg", ("change_code", Newer, 1, 2)))
        assert await system.change_code(pid, Newer, 1, 2) == refused
        await system.suspend(pid)
        assert await system.change_code(pid, Newer, 1, 2) == "ok"
        assert await system.get_state(pid) == (1, 0, 2)

    async def test_a_system_message_waits_for_init(self) -> None:
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
