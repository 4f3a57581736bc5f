"""The reports of servers that crash."""

from __future__ import annotations

from typing import Any

import pytest

from regrow import (
    CallExit,
    Exit,
    Global,
    Ok,
    call,
    cast,
    process,
    send,
)
from regrow.ops.logs import words
from tests.ops.logs.crashing import Fragile, ended, report_text

pytestmark = pytest.mark.regrow


class TestServers:
    @pytest.mark.otp("LG-001")
    @pytest.mark.otp("LG-006")
    async def test_a_report_has_the_server_the_reason_the_last_message_the_state_and_the_client(
        self, reports: list[Any]
    ) -> None:
        pid = await Fragile.start([1, 2, 3])
        with pytest.raises(CallExit):
            await call(pid, "raise")
        lines = report_text(reports, "GenServer terminating").split("\n")
        assert lines[0] == f"GenServer {pid} (Fragile) terminating"
        assert lines[1] == "** (ValueError) no such value"
        assert lines[2].startswith('    File "tests/ops/logs/crashing.py", line ')
        assert lines[2].endswith(", in Fragile.handle_call")
        assert lines[3] == '      raise ValueError("no such value")'
        assert lines[4] == f"Last message (from {process.current()}): 'raise'"
        assert lines[5] == "State: [1, 2, 3]"
        assert lines[6] == f"Client {process.current()} is alive"

    @pytest.mark.otp("LG-003")
    async def test_a_report_has_a_global_name(self, reports: list[Any]) -> None:
        """A global name belongs to this program. The server's report has it; that of its process does not."""
        pid = await ended("boom", name=Global("fragile"))
        server, inside = reports
        assert (server.kind, server.name) == ("GenServer terminating", Global("fragile"))
        assert (inside.kind, inside.name) == ("process terminating", None)
        assert words(server).startswith("GenServer Global('fragile') terminating\n")
        assert words(inside).startswith(f"Process {pid} terminating\n")

    async def test_frames_of_the_library_are_left_out_of_the_traceback(self, reports: list[Any]) -> None:
        await ended("boom")
        assert "regrow/" not in report_text(reports, "GenServer terminating")

    async def test_a_report_has_the_name(self, reports: list[Any]) -> None:
        await ended("boom", name=Fragile)
        assert report_text(reports, "GenServer terminating").startswith("GenServer Fragile terminating\n")

    @pytest.mark.otp("LG-009")
    async def test_a_cast_has_no_client(self, reports: list[Any]) -> None:
        await ended("boom")
        text = report_text(reports, "GenServer terminating")
        assert "Last message: Cast('boom')" in text
        assert "Client" not in text

    @pytest.mark.otp("LG-007")
    async def test_a_report_has_the_name_of_the_client(self, reports: list[Any]) -> None:
        process.register("asker", process.current())
        pid = await Fragile.start()
        with pytest.raises(CallExit):
            await call(pid, "raise")
        assert "Client asker is alive" in report_text(reports, "GenServer terminating")

    @pytest.mark.otp("LG-004")
    async def test_a_report_has_the_label(self, reports: list[Any]) -> None:
        class Labelled(Fragile):
            def init(self, _arg: Any, /) -> Any:
                process.set_label("the third")
                return Ok(None)

        pid = await Labelled.start()
        cast(pid, "boom")
        await process.sleep(0.1)
        assert "Process Label: 'the third'" in report_text(reports, "GenServer terminating")

    async def test_a_report_shows_a_cause_and_a_group(self, reports: list[Any]) -> None:
        await ended("cause")
        await ended("group")
        first, second = [words(one) for one in reports if one.kind == "GenServer terminating"]
        assert "caused by:\n** (KeyError) 'key'\n" in first
        assert "** (ExceptionGroup) several (2 sub-exceptions)" in second
        assert "\n    ** (ValueError) 1\n    ** (TypeError) 2\n" in second

    @pytest.mark.parametrize(
        ("reason", "line"),
        [
            ("oops", "** (stop) oops"),
            (("oops", 1), "** (stop) ('oops', 1)"),
            ("kill", "** (stop) kill"),
            (("bad_return_value", 42), "** (stop) bad return value: 42"),
            (("bad_return", (Fragile, "init", 42)), "** (stop) Fragile.init returned a bad value: 42"),
            (("nodedown", "a@b"), "** (stop) no connection to 'a@b'"),
            ("calling_self", "** (stop) process attempted to call itself"),
            (
                ("EXIT", ("failed_to_start_child", Fragile, ("EXIT", "oops"))),
                "** (stop) failed to start child: Fragile\n    ** (EXIT) oops",
            ),
            (
                ("timeout", ("GenServer", "call", ["slow", 1, 5.0])),
                "** (stop) exited in: GenServer.call('slow', 1, 5.0)\n    ** (EXIT) time out",
            ),
            (
                (("noproc", ("GenServer", "call", ["b", 1, 5.0])), ("GenServer", "call", ["a", 1, None])),
                "** (stop) exited in: GenServer.call('a', 1, None)\n    ** (EXIT) exited in: GenServer.call('b', 1, 5.0)",
            ),
        ],
    )
    async def test_a_report_shows_a_reason_that_is_no_exception(
        self, reports: list[Any], reason: Any, line: str
    ) -> None:
        await ended(("stop", reason))
        assert report_text(reports, "GenServer terminating").partition("\n")[2].startswith(line)

    @pytest.mark.otp("GS-041")
    @pytest.mark.otp("GS-043")
    @pytest.mark.otp("GS-044")
    @pytest.mark.parametrize("reason", ["normal", "shutdown", ("shutdown", "x")])
    @pytest.mark.parametrize("how", ["stop", "exit"])
    async def test_a_normal_end_is_silent(self, reports: list[Any], how: str, reason: Any) -> None:
        await ended((how, reason))
        assert list(reports) == []

    async def test_an_end_by_a_signal_is_silent(self, reports: list[Any]) -> None:
        for reason in ("kill", "oops", RuntimeError("no")):
            process.exit(await Fragile.start(), reason)
        await process.sleep(0.1)
        assert list(reports) == []

    @pytest.mark.otp("GS-073")
    async def test_an_unexpected_message_is_reported(self, reports: list[Any]) -> None:
        pid = await Fragile.start()
        send(pid, "what")
        await process.sleep(0.1)
        text = report_text(reports, "unexpected message")
        assert text == f"Fragile {pid} received unexpected message in handle_info: 'what'"

    @pytest.mark.otp("SY-046")
    @pytest.mark.otp("SY-025")
    async def test_the_report_of_the_process_follows(self, reports: list[Any]) -> None:
        neighbour = await Fragile.start(name="neighbour")

        class Linked(Fragile):
            def init(self, arg: Any, /) -> Any:
                process.link(neighbour)
                process.put("key", "value")
                return Ok(arg)

        pid = await Linked.start(name="linked")
        cast(pid, "boom")
        send(pid, "waits")
        await process.sleep(0.1)
        text = report_text(reports, "process terminating")
        assert text.startswith(f"Process linked ({pid}) terminating\n** (RuntimeError) boom\n")
        for line in (
            f"Ancestors: [{process.current()}, ",
            "Message Queue Length: 1",
            "Messages: ['waits']",
            f"Links: [{neighbour}]",
            "Dictionary: {'key': 'value'}",
            "Trapping Exits: False",
            f"Neighbours:\n    neighbour ({neighbour})\n        Initial Call: ",
        ):
            assert f"\n{line}" in text


class TestPlainProcesses:
    @pytest.mark.otp("LG-023")
    async def test_a_process_that_raises_is_reported_once(self, reports: list[Any]) -> None:
        async def plain() -> None:
            raise RuntimeError("boom")

        pid = process.spawn(plain)
        await process.sleep(0.1)
        (report,) = reports
        assert words(report).startswith(f"Process {pid} raised an exception\n** (RuntimeError) boom\n    File ")

    async def test_a_process_that_exits_is_not_reported(self, reports: list[Any]) -> None:
        async def exits() -> None:
            raise Exit("oops")

        async def asks_a_dead_name() -> None:
            await call("nobody", 1)

        process.spawn(exits)
        process.spawn(asks_a_dead_name)
        await process.sleep(0.1)
        assert list(reports) == []
