"""The reports of supervisors."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import Any

import pytest

from regrow import (
    Cast,
    ChildSpec,
    DynamicSupervisor,
    Exit,
    GenServer,
    Ok,
    Pid,
    StartError,
    Supervisor,
    application,
    process,
    send,
)
from regrow.behaviours.application.spec import ApplicationError
from regrow.kernel.bounded_repr import Limits, show
from regrow.kernel.report import Report
from regrow.ops.logs import words
from tests.ops.logs.crashing import App, Fragile, Refuses, ended, report_text

pytestmark = pytest.mark.regrow


class Stubborn(GenServer[None]):
    """A server that ends with another reason than it is asked for."""

    def init(self, _arg: None, /) -> Any:
        process.trap_exit(True)
        return Ok(None)

    def terminate(self, _reason: Any, _state: None, /) -> None:
        raise Exit("stop")


class TestSupervisors:
    @pytest.mark.otp("SU-105")
    @pytest.mark.otp("LG-031")
    @pytest.mark.otp("LG-032")
    @pytest.mark.otp("LG-036")
    @pytest.mark.otp("LG-022")
    async def test_a_tree_is_reported_from_its_start_to_its_end(self, reports: list[Any]) -> None:
        await application.start(App)
        ((_, pid, _, _),) = await Supervisor.which_children("app.sup")
        process.exit(pid, "kill")
        await process.sleep(0.1)
        of_child = "Start Call: Fragile.start_link()\nRestart: permanent\nShutdown: 5.0\nType: worker"
        assert [words(one) for one in reports if isinstance(one, Report) and one.kind != "callback raised"] == [
            f"Child Fragile of Supervisor app.sup started\nPid: {pid}\n{of_child}",
            "Application App started at nonode@nohost",
            f"Child Fragile of Supervisor app.sup terminated\n** (exit) killed\nPid: {pid}\n{of_child}",
            f"Child Fragile of Supervisor app.sup caused shutdown\n** (exit) reached_max_restart_intensity\n{of_child}",
            "Application App exited: shutdown",
        ]
        assert report_text(reports, "callback raised").startswith("Application App raised in stop, and still ends\n")

    @pytest.mark.parametrize(
        ("args", "text"),
        [
            (
                "raise",
                "exited in: App.start('normal', 'raise')\n    ** (EXIT) an exception was raised:\n        ** (RuntimeError) boom",
            ),
            ("bad", "App.start('normal', 'bad') returned a bad value: 42"),
            (
                "child",
                "App.start('normal', 'child') returned an error: shutdown: failed to start child: Refuses",
            ),
        ],
    )
    async def test_an_application_that_does_not_start_is_reported(
        self, reports: list[Any], args: str, text: str
    ) -> None:
        with pytest.raises(ApplicationError):
            await application.start(App, args=args)
        assert report_text(reports, "exited").startswith(f"Application App exited: {text}")

    @pytest.mark.otp("LG-033")
    async def test_a_child_that_does_not_start_is_reported(self, reports: list[Any]) -> None:
        process.trap_exit(True)
        with pytest.raises(StartError):
            await Supervisor.start_link([(Refuses, None)])
        lines = report_text(reports, "failed to start").split("\n")
        assert lines[0].startswith("Child Refuses of Supervisor <")
        assert lines[0].endswith("> (Supervisor) failed to start")
        assert lines[1:3] == ["** (exit) refused", "Start Call: Refuses.start_link()"]

    @pytest.mark.otp("LG-034")
    async def test_a_start_that_raises_is_reported(self, reports: list[Any]) -> None:
        process.trap_exit(True)

        def start() -> Pid:
            raise RuntimeError("boom")

        with pytest.raises(StartError) as caught:
            await Supervisor.start_link([ChildSpec("kid", start)])
        reason: Any = caught.value.reason
        word, failed = reason
        assert (word, failed[:2], failed[2][0]) == ("shutdown", ("failed_to_start_child", "kid"), "EXIT")
        assert isinstance(failed[2][1], RuntimeError)
        lines = report_text(reports, "failed to start").split("\n")
        assert lines[0].startswith("Child kid of Supervisor <")
        assert lines[1:3] == ["** (exit) an exception was raised:", "    ** (RuntimeError) boom"]
        assert lines[5].startswith("Start Call: ")

    @pytest.mark.otp("LG-037")
    async def test_a_child_that_ends_with_another_reason_is_reported(self, reports: list[Any]) -> None:
        supervisor = await Supervisor.start_link([(Stubborn, None)])
        ((_, pid, _, _),) = await Supervisor.which_children(supervisor)
        await Supervisor.terminate_child(supervisor, Stubborn)
        assert report_text(reports, "shut down abnormally").split("\n") == [
            f"Child Stubborn of Supervisor {supervisor} (Supervisor) shut down abnormally",
            "** (exit) stop",
            f"Pid: {pid}",
            "Start Call: Stubborn.start_link()",
            "Restart: permanent",
            "Shutdown: 5.0",
            "Type: worker",
        ]

    @pytest.mark.otp("LG-039")
    async def test_a_dynamic_child_that_ends_with_another_reason_is_reported(self, reports: list[Any]) -> None:
        async def start(extra: str, own: str) -> Pid:
            assert (extra, own) == ("extra", "own")
            return await Stubborn.start_link()

        supervisor = await DynamicSupervisor.start_link(extra_arguments=["extra"], name="dynamic")
        pid = await DynamicSupervisor.start_child(supervisor, ChildSpec("kid", (start, ("own",))))
        await DynamicSupervisor.stop(supervisor)
        lines = report_text(reports, "shut down abnormally").split("\n")
        assert lines[:3] == [
            "Child undefined of Supervisor dynamic shut down abnormally",
            "** (exit) stop",
            f"Pid: {pid}",
        ]
        assert lines[3].startswith("Start Call: ")
        assert lines[3].endswith(".start('extra', 'own')")

    @pytest.mark.otp("LG-042")
    async def test_a_child_that_is_killed_at_its_limit_is_reported(self, reports: list[Any]) -> None:
        class Slow(GenServer[None], shutdown=0.5):
            def init(self, _arg: None, /) -> Any:
                process.trap_exit(True)
                return Ok(None)

            async def terminate(self, _reason: Any, _state: None, /) -> None:
                await process.sleep(10.0)

        await Supervisor.stop(await Supervisor.start_link([(Slow, None)]))
        assert "shut down abnormally\n** (exit) killed\n" in report_text(reports, "shut down abnormally")


class Hostile:
    """An object whose repr and str raise."""

    def __repr__(self) -> str:
        raise RuntimeError("no repr")


class HostileError(Exception):
    def __str__(self) -> str:
        raise RuntimeError("no str")


@dataclass
class Cart:
    items: list[int] = field(default_factory=list)
    secret: str = field(default="", repr=False)


SMALL: list[tuple[Any, str]] = [
    ((), "()"),
    ((1,), "(1,)"),
    ([], "[]"),
    ({}, "{}"),
    (set(), "set()"),
    ({1}, "{1}"),
    (frozenset({1}), "frozenset({1})"),
    (frozenset(), "frozenset()"),
    (deque([1, 2]), "deque([1, 2])"),
    ({"b": 1, "a": [2]}, "{'b': 1, 'a': [2]}"),
    (Cart([1, 2], "hidden"), "Cart(items=[1, 2])"),
    (Cast((1, "two")), "Cast((1, 'two'))"),
    (Cart, "Cart"),
    (b"bytes", "b'bytes'"),
    (None, "None"),
]


class TestLimits:
    async def test_a_large_state_is_cut(self, reports: list[Any]) -> None:
        await ended("boom", state=list(range(10_000_000)))
        text = report_text(reports, "GenServer terminating")
        assert "48, 49, … (9999950 more)]" in text
        assert len(text) < 2000

    async def test_a_large_message_is_cut(self, reports: list[Any]) -> None:
        await ended(("stop", "x" * 1_000_000))
        assert len(report_text(reports, "GenServer terminating")) < 10_000

    async def test_a_repr_that_raises_does_not_break_a_report(self, reports: list[Any]) -> None:
        await ended(("stop", Hostile()), state={"inside": [Hostile()]})
        text = report_text(reports, "GenServer terminating")
        assert "State: {'inside': [<Hostile whose repr raised RuntimeError>]}" in text
        assert str(reports[0])

    def test_an_exception_whose_str_raises_does_not_break_a_report(self) -> None:
        report = Report("process raised an exception", pid=1, name=None, label=None, reason=HostileError())
        assert "HostileError) <its str raised RuntimeError>" in words(report)

    @pytest.mark.parametrize(
        ("value", "shown"),
        SMALL,
    )
    def test_a_small_value_is_shown_whole(self, value: object, shown: str) -> None:
        assert show(value) == shown

    @pytest.mark.otp("GS-046")
    def test_nested_values_are_cut(self) -> None:
        deep = {"list": list(range(100)), "dict": dict.fromkeys(range(100)), "cart": Cart(list(range(100)))}
        shown = show(deep, Limits(depth=10))
        assert shown.count("8, 9, … (90 more)") == 2
        assert "9: None, … (90 more)" in shown

    def test_a_value_that_contains_itself_is_cut(self) -> None:
        endless: list[Any] = []
        endless.append(endless)
        assert show(endless) == "[" * 21 + "…" + "]" * 21

    def test_a_long_string_is_cut(self) -> None:
        assert show("x" * 1_000_000, Limits(chars_limit=10)).startswith("'xxxxxxxxx")
        assert len(show("x" * 1_000_000, Limits(chars_limit=10))) < 60

    @pytest.mark.otp("GS-047")
    @pytest.mark.otp("SY-045")
    @pytest.mark.otp("SU-106")
    @pytest.mark.parametrize(
        "limits",
        [
            Limits(depth=10),
            Limits(chars_limit=100),
            Limits(single_line=True),
            Limits(depth=10, chars_limit=100),
            Limits(depth=10, chars_limit=100, single_line=True),
        ],
    )
    async def test_each_limit_makes_a_report_shorter(self, reports: list[Any], limits: Limits) -> None:
        process.trap_exit(True)
        await ended("boom", state=list(range(1000)), name="srv")
        send(await Fragile.start(), list(range(1000)))
        await Supervisor.start_link([(Fragile, list(range(1000)))])
        await process.sleep(0.1)
        unlimited = Limits(depth=None, chars_limit=None)
        assert len(reports) == 4
        for report in reports:
            text = words(report, limits)
            assert len(text) < len(words(report, unlimited)) or report.kind == "process terminating"
            assert not limits.single_line or "\n" not in text
        if limits.single_line:
            assert words(reports[0], limits).startswith("GenServer srv terminating: ** (RuntimeError) boom; ")

    def test_a_report_of_an_unknown_kind_is_shown(self) -> None:
        assert words(Report("something new", who="me", error=ValueError("x"))) == (
            "something new\nwho: 'me'\nerror: ** (ValueError) x"
        )
        assert words(Report("GenServer terminating", pid=1)) == "GenServer terminating\npid: 1"
