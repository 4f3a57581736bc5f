"""Crash reports of `proc_lib`."""

from __future__ import annotations

from typing import Any

import pytest

from regrow import (
    Exit,
    Exited,
    Pid,
    call,
    proc_lib,
    process,
    send,
)
from regrow.ops.logs import words
from regrow.testing import expect_down
from tests.behaviours.gen.system_servers import Counter, waits

pytestmark = pytest.mark.regrow


async def naïve() -> None:  # noqa: PLC2401 (the test is about a name that is not ASCII)
    await waits()


def crash_reports(reports: list[Any]) -> list[Any]:
    return [report for report in reports if report.kind == "process terminating"]


class TestCrashReports:
    @pytest.mark.otp("SY-022")
    @pytest.mark.parametrize("reason", ["normal", "shutdown", ("shutdown", ("a", "b", "c"))])
    async def test_a_normal_end_has_no_crash_report(self, reason: Any, reports: list[Any]) -> None:
        process.trap_exit(True)
        pid = proc_lib.spawn_link(waits)
        send(pid, ("exit", reason))
        assert await process.receive(Exited) == Exited(pid, reason)
        assert list(reports) == []

    @pytest.mark.otp("SY-023")
    @pytest.mark.parametrize("sync", [False, True])
    async def test_an_exit_has_a_crash_report(self, sync: bool, reports: list[Any]) -> None:
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
    async def test_an_exception_has_a_crash_report(self, reports: list[Any]) -> None:
        pid = proc_lib.spawn(waits)
        ref = process.monitor(pid)
        error = RuntimeError("die")
        send(pid, ("raise", error))
        await expect_down(ref, error)
        (report,) = reports
        assert (report.kind, report.reason) == ("process terminating", error)

    async def test_a_server_that_stops_with_a_reason_has_a_crash_report(self, reports: list[Any]) -> None:
        pid = await Counter.start(0)
        assert await call(pid, ("stop", "oops")) == "stopping"
        (report,) = crash_reports(reports)
        assert (report.pid, report.reason) == (pid, "oops")

    async def test_a_crash_report_lists_neighbours(self, reports: list[Any]) -> None:
        """Processes linked to linked processes are listed, too; but none beyond a process that traps exits."""

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
    async def test_a_process_that_cleared_its_dictionary_has_a_crash_report(self, reports: list[Any]) -> None:
        """Adapted: the initial call and the ancestors are not in the dictionary and cannot be deleted."""

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
    async def test_a_name_may_be_not_ascii(self, reports: list[Any]) -> None:
        pid = proc_lib.spawn(naïve)
        send(pid, ("exit", "die"))
        await process.sleep(0.1)
        assert "naïve" in words(reports[0])
