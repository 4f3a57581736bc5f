"""The crash reports of processes."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from regrow import (
    Ok,
    cast,
    process,
    send,
)
from regrow.kernel.report import Report
from regrow.ops import logs
from regrow.ops.logs import words
from tests.ops.logs.crashing import Fragile, report_text

pytestmark = pytest.mark.regrow


class TestTheInsideOfProcesses:
    """The crash reports of OTP."""

    @pytest.mark.otp("LG-025")
    @pytest.mark.parametrize("request_", ["boom", ("stop", "oops"), ("exit", "oops")])
    async def test_a_process_can_turn_its_crash_report_off(self, reports: list[Any], request_: Any) -> None:
        class Silent(Fragile):
            def init(self, arg: Any, /) -> Any:
                assert logs.enabled()
                logs.disable()
                assert not logs.enabled()
                return Ok(arg)

        pid = await Silent.start()
        send(pid, "what")
        cast(pid, request_)
        await process.sleep(0.1)
        assert not process.alive(pid)
        assert list(reports) == []

    async def test_a_process_can_turn_its_crash_report_on_again(self, reports: list[Any]) -> None:
        async def plain() -> None:
            logs.disable()
            logs.enable()
            raise RuntimeError("boom")

        process.spawn(plain)
        await process.sleep(0.1)
        assert len(reports) == 1

    @pytest.mark.otp("LG-026")
    async def test_the_report_has_the_name_and_the_label(self, reports: list[Any]) -> None:
        class Labelled(Fragile):
            def init(self, _arg: Any, /) -> Any:
                process.set_label({"any": "term"})
                return Ok(None)

        pid = await Labelled.start(name="labelled")
        cast(pid, "boom")
        await process.sleep(0.1)
        lines = report_text(reports, "process terminating").split("\n")
        assert lines[0] == f"Process labelled ({pid}) terminating"
        assert "Process Label: {'any': 'term'}" in lines

    @pytest.mark.otp("LG-027")
    async def test_a_report_may_lack_the_initial_call(self, reports: list[Any]) -> None:
        """A process has an initial call, but an adopted task has none: its report lacks that line."""
        linked: asyncio.Event = asyncio.Event()

        async def guest() -> None:
            async with process.adopt() as pid:
                process.register("guest", pid)
                linked.set()
                await process.receive()

        class Linked(Fragile):
            def init(self, arg: Any, /) -> Any:
                adopted = process.whereis("guest")
                assert adopted is not None
                process.link(adopted)
                return Ok(arg)

        task = asyncio.create_task(guest())
        await linked.wait()
        guest_pid = process.whereis("guest")
        pid = await Linked.start()
        cast(pid, "boom")
        await process.sleep(0.1)
        (report,) = [one for one in reports if one.kind == "process terminating"]
        assert f"\n    guest ({guest_pid})\n        Ancestors: " in words(report)
        without = Report("process terminating", **{**report.fields, "initial_call": None, "neighbours": []})
        assert "Initial Call" not in words(without)
        assert "\nAncestors: " in words(without)
        assert task.cancelled()

    @pytest.mark.otp("LG-028")
    @pytest.mark.parametrize("name", [None, "sibling"])
    async def test_the_report_lists_the_neighbours(self, reports: list[Any], name: str | None) -> None:
        """The report lists the linked processes, with their initial calls and the lines at which they wait."""

        async def waits() -> None:
            await process.receive()

        sibling = process.spawn(waits)
        idle = await Fragile.start()
        if name is not None:
            process.register(name, sibling)

        class Linked(Fragile):
            def init(self, arg: Any, /) -> Any:
                process.link(sibling)
                process.link(idle)
                return Ok(arg)

        cast(await Linked.start(), "boom")
        await process.sleep(0.1)
        first, second = next(one for one in reports if one.kind == "process terminating").neighbours
        assert (first.pid, first.name, first.initial_call) == (sibling, name, waits)
        assert (second.pid, second.name) == (idle, None)
        _, _, lines = report_text(reports, "process terminating").partition("\nNeighbours:\n")
        who, initial, now, ancestors, *_ = lines.split("\n")
        assert who == (f"    {sibling}" if name is None else f"    sibling ({sibling})")
        assert initial.startswith("        Initial Call: ")
        assert initial.endswith("test_the_report_lists_the_neighbours.waits")
        assert now.startswith('        Current Call: File "')
        assert now.endswith("test_the_report_lists_the_neighbours.waits")
        assert ancestors.startswith(f"        Ancestors: [{process.current()}, ")
