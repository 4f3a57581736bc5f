"""Reports in words: complete, limited, and made whatever the state is and whatever its repr does."""

from __future__ import annotations

import asyncio
import io
import logging
from collections import deque
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest

from regrow import (
    Application,
    CallExit,
    Cast,
    ChildSpec,
    DynamicSupervisor,
    Exit,
    GenServer,
    Global,
    NoReply,
    Ok,
    Pid,
    Reply,
    StartError,
    Stop,
    Supervisor,
    application,
    call,
    cast,
    process,
    send,
)
from regrow.behaviours.application.spec import ApplicationError
from regrow.kernel.bounded_repr import Limits, show
from regrow.kernel.report import Report
from regrow.ops import logs
from regrow.ops.logs import Formatter, configure, words

pytestmark = pytest.mark.regrow


class Fragile(GenServer[Any]):
    """Breaks in the ways that it is asked for."""

    def handle_call(self, request: Any, _from: Any, state: Any, /) -> Any:
        match request:
            case "raise":
                raise ValueError("no such value")
            case "late":
                return NoReply(state)
            case _:
                return Reply(request, state)

    def handle_cast(self, request: Any, state: Any, /) -> Any:
        match request:
            case "cause":
                try:
                    dict[str, int]()["key"]
                except KeyError as error:
                    raise ValueError("no such value") from error
            case "group":
                raise ExceptionGroup("several", [ValueError(1), TypeError(2)])
            case ("stop", reason):
                return Stop(reason, state)
            case ("exit", reason):
                raise Exit(reason)
            case _:
                raise RuntimeError(str(request))


def told(reports: list[Any], kind: str) -> str:
    """The one report of this kind, in words."""
    found = [one for one in reports if isinstance(one, Report) and one.kind == kind]
    assert len(found) == 1, f"{len(found)} reports of the kind {kind}"
    return words(found[0])


async def ended(request: Any, state: Any = None, name: object = None) -> Pid:
    """Cast to a Fragile, and wait until it has ended of it."""
    pid = await Fragile.start(state, name=name)
    cast(pid, request)
    await process.sleep(0.1)
    assert not process.alive(pid)
    return pid


class TestServers:
    @pytest.mark.otp("LG-001")
    @pytest.mark.otp("LG-006")
    async def test_who_why_last_message_state_and_client(self, reports: list[Any]) -> None:
        pid = await Fragile.start([1, 2, 3])
        with pytest.raises(CallExit):
            await call(pid, "raise")
        lines = told(reports, "GenServer terminating").split("\n")
        assert lines[0] == f"GenServer {pid} (Fragile) terminating"
        assert lines[1] == "** (ValueError) no such value"
        assert lines[2].startswith('    File "tests/ops/test_logs.py", line ')
        assert lines[2].endswith(", in Fragile.handle_call")
        assert lines[3] == '      raise ValueError("no such value")'
        assert lines[4] == f"Last message (from {process.current()}): 'raise'"
        assert lines[5] == "State: [1, 2, 3]"
        assert lines[6] == f"Client {process.current()} is alive"

    @pytest.mark.otp("LG-003")
    async def test_a_global_name(self, reports: list[Any]) -> None:
        """The name is one of this program. The server's report has it, that of its process does not."""
        pid = await ended("boom", name=Global("fragile"))
        server, inside = reports
        assert (server.kind, server.name) == ("GenServer terminating", Global("fragile"))
        assert (inside.kind, inside.name) == ("process terminating", None)
        assert words(server).startswith("GenServer Global('fragile') terminating\n")
        assert words(inside).startswith(f"Process {pid} terminating\n")

    async def test_what_is_of_the_library_is_left_out_of_the_traceback(self, reports: list[Any]) -> None:
        await ended("boom")
        assert "regrow/" not in told(reports, "GenServer terminating")

    async def test_by_name(self, reports: list[Any]) -> None:
        await ended("boom", name=Fragile)
        assert told(reports, "GenServer terminating").startswith("GenServer Fragile terminating\n")

    @pytest.mark.otp("LG-009")
    async def test_a_cast_has_no_client(self, reports: list[Any]) -> None:
        await ended("boom")
        text = told(reports, "GenServer terminating")
        assert "Last message: Cast('boom')" in text
        assert "Client" not in text

    @pytest.mark.otp("LG-007")
    async def test_a_named_client(self, reports: list[Any]) -> None:
        process.register("asker", process.current())
        pid = await Fragile.start()
        with pytest.raises(CallExit):
            await call(pid, "raise")
        assert "Client asker is alive" in told(reports, "GenServer terminating")

    @pytest.mark.otp("LG-004")
    async def test_a_label(self, reports: list[Any]) -> None:
        class Labelled(Fragile):
            def init(self, _arg: Any, /) -> Any:
                process.set_label("the third")
                return Ok(None)

        pid = await Labelled.start()
        cast(pid, "boom")
        await process.sleep(0.1)
        assert "Process Label: 'the third'" in told(reports, "GenServer terminating")

    async def test_a_cause_and_a_group(self, reports: list[Any]) -> None:
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
    async def test_a_reason_that_is_no_exception(self, reports: list[Any], reason: Any, line: str) -> None:
        await ended(("stop", reason))
        assert told(reports, "GenServer terminating").partition("\n")[2].startswith(line)

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
    async def test_an_unexpected_message(self, reports: list[Any]) -> None:
        pid = await Fragile.start()
        send(pid, "what")
        await process.sleep(0.1)
        text = told(reports, "unexpected message")
        assert text == f"Fragile {pid} received unexpected message in handle_info: 'what'"

    @pytest.mark.otp("SY-046")
    @pytest.mark.otp("SY-025")
    async def test_the_inside_of_the_process(self, reports: list[Any]) -> None:
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
        text = told(reports, "process terminating")
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
    async def test_one_that_raises_is_reported_once(self, reports: list[Any]) -> None:
        async def plain() -> None:
            raise RuntimeError("boom")

        pid = process.spawn(plain)
        await process.sleep(0.1)
        (report,) = reports
        assert words(report).startswith(f"Process {pid} raised an exception\n** (RuntimeError) boom\n    File ")

    async def test_one_that_exits_is_not(self, reports: list[Any]) -> None:
        async def exits() -> None:
            raise Exit("oops")

        async def asks_nobody() -> None:
            await call("nobody", 1)

        process.spawn(exits)
        process.spawn(asks_nobody)
        await process.sleep(0.1)
        assert list(reports) == []


class TestTheInsideOfProcesses:
    """OTP's crash reports."""

    @pytest.mark.otp("LG-025")
    @pytest.mark.parametrize("request_", ["boom", ("stop", "oops"), ("exit", "oops")])
    async def test_of_one_that_has_turned_it_off(self, reports: list[Any], request_: Any) -> None:
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

    async def test_of_one_that_has_turned_it_on_again(self, reports: list[Any]) -> None:
        async def plain() -> None:
            logs.disable()
            logs.enable()
            raise RuntimeError("boom")

        process.spawn(plain)
        await process.sleep(0.1)
        assert len(reports) == 1

    @pytest.mark.otp("LG-026")
    async def test_the_name_and_the_label(self, reports: list[Any]) -> None:
        class Labelled(Fragile):
            def init(self, _arg: Any, /) -> Any:
                process.set_label({"any": "term"})
                return Ok(None)

        pid = await Labelled.start(name="labelled")
        cast(pid, "boom")
        await process.sleep(0.1)
        lines = told(reports, "process terminating").split("\n")
        assert lines[0] == f"Process labelled ({pid}) terminating"
        assert "Process Label: {'any': 'term'}" in lines

    @pytest.mark.otp("LG-027")
    async def test_one_without_an_initial_call(self, reports: list[Any]) -> None:
        """A process cannot remove its own, but a task that was adopted has none: it is told of without that line."""
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
    async def test_the_neighbours(self, reports: list[Any], name: str | None) -> None:
        """Who is linked, with what it began with and the line at which it waits."""

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
        _, _, lines = told(reports, "process terminating").partition("\nNeighbours:\n")
        who, initial, now, ancestors, *_ = lines.split("\n")
        assert who == (f"    {sibling}" if name is None else f"    sibling ({sibling})")
        assert initial.startswith("        Initial Call: ")
        assert initial.endswith("test_the_neighbours.waits")
        assert now.startswith('        Current Call: File "')
        assert now.endswith("test_the_neighbours.waits")
        assert ancestors.startswith(f"        Ancestors: [{process.current()}, ")


class App(Application):
    async def start(self, _start_type: str, args: Any, /) -> Any:
        match args:
            case "raise":
                raise RuntimeError("boom")
            case "bad":
                return 42
            case "child":
                return await Supervisor.start_link([(Refuses, None)])
            case _:
                return await Supervisor.start_link([(Fragile, None)], max_restarts=0, name="app.sup")

    def stop(self, _state: Any, /) -> None:
        raise RuntimeError("in stop")


class Refuses(GenServer[None]):
    def init(self, _arg: None, /) -> Any:
        return Stop("refused")


class Stubborn(GenServer[None]):
    """Ends with a reason of its own."""

    def init(self, _arg: None, /) -> Any:
        process.trap_exit(True)
        return Ok(None)

    def terminate(self, _reason: Any, _state: None, /) -> None:
        raise Exit("stop")


class TestKeepers:
    @pytest.mark.otp("SU-105")
    @pytest.mark.otp("LG-031")
    @pytest.mark.otp("LG-032")
    @pytest.mark.otp("LG-036")
    @pytest.mark.otp("LG-022")
    async def test_a_tree_from_its_start_to_its_end(self, reports: list[Any]) -> None:
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
        assert told(reports, "callback raised").startswith("Application App raised in stop, and ends all the same\n")

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
    async def test_an_application_that_does_not_start(self, reports: list[Any], args: str, text: str) -> None:
        with pytest.raises(ApplicationError):
            await application.start(App, args=args)
        assert told(reports, "exited").startswith(f"Application App exited: {text}")

    @pytest.mark.otp("LG-033")
    async def test_a_child_that_does_not_start(self, reports: list[Any]) -> None:
        process.trap_exit(True)
        with pytest.raises(StartError):
            await Supervisor.start_link([(Refuses, None)])
        lines = told(reports, "failed to start").split("\n")
        assert lines[0].startswith("Child Refuses of Supervisor <")
        assert lines[0].endswith("> (Supervisor) failed to start")
        assert lines[1:3] == ["** (exit) refused", "Start Call: Refuses.start_link()"]

    @pytest.mark.otp("LG-034")
    async def test_a_start_that_raises(self, reports: list[Any]) -> None:
        process.trap_exit(True)

        def start() -> Pid:
            raise RuntimeError("boom")

        with pytest.raises(StartError) as caught:
            await Supervisor.start_link([ChildSpec("kid", start)])
        reason: Any = caught.value.reason
        word, failed = reason
        assert (word, failed[:2], failed[2][0]) == ("shutdown", ("failed_to_start_child", "kid"), "EXIT")
        assert isinstance(failed[2][1], RuntimeError)
        lines = told(reports, "failed to start").split("\n")
        assert lines[0].startswith("Child kid of Supervisor <")
        assert lines[1:3] == ["** (exit) an exception was raised:", "    ** (RuntimeError) boom"]
        assert lines[5].startswith("Start Call: ")

    @pytest.mark.otp("LG-037")
    async def test_a_child_that_does_not_end_as_it_is_told(self, reports: list[Any]) -> None:
        supervisor = await Supervisor.start_link([(Stubborn, None)])
        ((_, pid, _, _),) = await Supervisor.which_children(supervisor)
        await Supervisor.terminate_child(supervisor, Stubborn)
        assert told(reports, "shut down abnormally").split("\n") == [
            f"Child Stubborn of Supervisor {supervisor} (Supervisor) shut down abnormally",
            "** (exit) stop",
            f"Pid: {pid}",
            "Start Call: Stubborn.start_link()",
            "Restart: permanent",
            "Shutdown: 5.0",
            "Type: worker",
        ]

    @pytest.mark.otp("LG-039")
    async def test_a_dynamic_child_that_does_not_end_as_it_is_told(self, reports: list[Any]) -> None:
        async def start(extra: str, own: str) -> Pid:
            assert (extra, own) == ("extra", "own")
            return await Stubborn.start_link()

        supervisor = await DynamicSupervisor.start_link(extra_arguments=["extra"], name="dynamic")
        pid = await DynamicSupervisor.start_child(supervisor, ChildSpec("kid", (start, ("own",))))
        await DynamicSupervisor.stop(supervisor)
        lines = told(reports, "shut down abnormally").split("\n")
        assert lines[:3] == [
            "Child undefined of Supervisor dynamic shut down abnormally",
            "** (exit) stop",
            f"Pid: {pid}",
        ]
        assert lines[3].startswith("Start Call: ")
        assert lines[3].endswith(".start('extra', 'own')")

    @pytest.mark.otp("LG-042")
    async def test_a_child_that_is_killed_at_its_limit(self, reports: list[Any]) -> None:
        class Slow(GenServer[None], shutdown=0.5):
            def init(self, _arg: None, /) -> Any:
                process.trap_exit(True)
                return Ok(None)

            async def terminate(self, _reason: Any, _state: None, /) -> None:
                await process.sleep(10.0)

        await Supervisor.stop(await Supervisor.start_link([(Slow, None)]))
        assert "shut down abnormally\n** (exit) killed\n" in told(reports, "shut down abnormally")


class Hostile:
    """Its repr raises, and so does its str."""

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
    async def test_a_state_of_any_size_is_cut(self, reports: list[Any]) -> None:
        await ended("boom", state=list(range(10_000_000)))
        text = told(reports, "GenServer terminating")
        assert "48, 49, … (9999950 more)]" in text
        assert len(text) < 2000

    async def test_a_message_of_any_size_is_cut(self, reports: list[Any]) -> None:
        await ended(("stop", "x" * 1_000_000))
        assert len(told(reports, "GenServer terminating")) < 10_000

    async def test_a_repr_that_raises_is_survived(self, reports: list[Any]) -> None:
        await ended(("stop", Hostile()), state={"inside": [Hostile()]})
        text = told(reports, "GenServer terminating")
        assert "State: {'inside': [<Hostile whose repr raised RuntimeError>]}" in text
        assert str(reports[0])

    def test_an_exception_whose_str_raises_is_survived(self) -> None:
        report = Report("process raised an exception", pid=1, name=None, label=None, reason=HostileError())
        assert "HostileError) <its str raised RuntimeError>" in words(report)

    @pytest.mark.parametrize(
        ("value", "shown"),
        SMALL,
    )
    def test_what_is_small_is_shown_as_it_is(self, value: object, shown: str) -> None:
        assert show(value) == shown

    @pytest.mark.otp("GS-046")
    def test_depth(self) -> None:
        deep = {"list": list(range(100)), "dict": dict.fromkeys(range(100)), "cart": Cart(list(range(100)))}
        shown = show(deep, Limits(depth=10))
        assert shown.count("8, 9, … (90 more)") == 2
        assert "9: None, … (90 more)" in shown

    def test_what_contains_itself(self) -> None:
        endless: list[Any] = []
        endless.append(endless)
        assert show(endless) == "[" * 21 + "…" + "]" * 21

    def test_a_long_string_is_not_written_out(self) -> None:
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

    def test_a_report_of_another_make(self) -> None:
        assert words(Report("something new", who="me", error=ValueError("x"))) == (
            "something new\nwho: 'me'\nerror: ** (ValueError) x"
        )
        assert words(Report("GenServer terminating", pid=1)) == "GenServer terminating\npid: 1"


@contextmanager
def unconfigured() -> Generator[logging.Logger, None, None]:
    """A program in which nobody has configured logging. No fixture: pytest adds its handlers after those."""
    root = logging.getLogger()
    level, handlers, root.handlers = root.level, root.handlers, []
    try:
        yield root
    finally:
        root.handlers = handlers
        root.setLevel(level)


class TestConfigure:
    """What `regrow run` shows."""

    async def shown(self, **options: Any) -> list[str]:
        """The first lines of what a tree has said that is started, breaks and gives up."""
        stream = io.StringIO()
        with unconfigured():
            assert configure(stream=stream, **options) is not None
            await application.start(App)
            ((_, pid, _, _),) = await Supervisor.which_children("app.sup")
            cast(pid, "boom")
            await process.sleep(0.1)
            logging.getLogger("mine").info("hello %s", "you")
        assert "\x1b" not in stream.getvalue()
        return [line for line in stream.getvalue().split("\n") if "] " in line[:25]]

    async def test_by_default_what_is_wrong(self) -> None:
        assert [line[13:] for line in await self.shown()] == [
            "[error] GenServer <0.5.0> (Fragile) terminating",
            "[error] Child Fragile of Supervisor app.sup caused shutdown",
            "[error] Application App raised in stop, and ends all the same",
            "[info] Application App exited: shutdown",
            "[info] hello you",
        ]

    async def test_with_reports_everything(self) -> None:
        assert [line[13:] for line in await self.shown(reports=True)] == [
            "[info] Child Fragile of Supervisor app.sup started",
            "[info] Application App started at nonode@nohost",
            "[error] GenServer <0.5.0> (Fragile) terminating",
            "[error] Process <0.5.0> terminating",
            "[error] Child Fragile of Supervisor app.sup terminated",
            "[error] Child Fragile of Supervisor app.sup caused shutdown",
            "[error] Application App raised in stop, and ends all the same",
            "[info] Application App exited: shutdown",
            "[info] hello you",
        ]

    async def test_the_level(self) -> None:
        assert all("[error]" in line for line in await self.shown(level="error"))

    def test_an_unknown_level(self) -> None:
        with pytest.raises(ValueError, match="wanted one of debug, info, warning, error, critical; got 'loud'"):
            configure("loud")

    def test_where_logging_is_configured_nothing_is_changed(self) -> None:
        mine = logging.NullHandler()
        with unconfigured() as root:
            root.addHandler(mine)
            assert configure() is None
            assert root.handlers == [mine]


class TestFormatter:
    def record(self, message: object, *args: object, level: int = logging.ERROR) -> logging.LogRecord:
        return logging.LogRecord("mine", level, __file__, 1, message, args, None)

    def test_a_plain_record_and_its_traceback(self) -> None:
        record = self.record("hello %s", "you", level=logging.INFO)
        record.created, record.msecs = 1_000_000_000.042, 42.0
        assert Formatter().format(record)[8:] == ".042 [info] hello you"
        try:
            raise ValueError("no")
        except ValueError as error:
            record.exc_info = (ValueError, error, error.__traceback__)
        assert Formatter().format(record).endswith("ValueError: no")

    def test_a_terminal_has_colours(self) -> None:
        shown = Formatter(colors=True).format(self.record("hello"))
        assert shown.startswith("\x1b[31m")
        assert shown.endswith("\x1b[0m")

    def test_the_record_is_left_as_it_is_for_the_next_handler(self) -> None:
        report = Report("something", who="me")
        record = self.record(report)
        Formatter().format(record)
        assert record.msg is report
        assert record.getMessage() == "something: who 'me'"
