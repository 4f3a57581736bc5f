# ruff: noqa: ARG002 - a callback has the parameters that OTP gives it, whether or not this one reads them
# pyright: reportUnknownLambdaType=false, reportUnknownArgumentType=false, reportUnknownVariableType=false
# pyright: reportUnknownMemberType=false
# A machine of these tests holds whatever its row asks for, and its rules are lambdas as short as the row.
"""Callbacks of machines: modes, modules, code changes, reports, and requests."""

from __future__ import annotations

from typing import Any

import pytest

from regrow import (
    Down,
    Exited,
    NoClause,
    Node,
    NoProcess,
    Pid,
    Stop,
    gen_server,
    gen_statem,
    process,
    system,
)
from regrow.behaviours.gen_server.client import cast
from regrow.behaviours.gen_statem.gen_statem import GenStatem, call
from regrow.behaviours.gen_statem.results import (
    ChangeCallbackModule,
    GenericTimeout,
    KeepState,
    KeepStateAndData,
    NextState,
    PopCallbackModule,
    Postpone,
    PushCallbackModule,
    ReplyAction,
    StateTimeout,
)
from regrow.kernel.bounded_repr import Limits
from regrow.kernel.exits import CalleeExit
from regrow.ops.logs import words
from regrow.testing.expect import expect_down, expect_message
from tests.behaviours.gen_statem.machines import (
    Begin,
    Log,
    Plain,
    Rules,
    Scripted,
    answers,
    asked,
    logging_rules,
    mailbox,
    of_kind,
    switch,
)


@pytest.mark.otp("SM-066")
async def test_no_code_change(node: Node, begin: Begin) -> None:
    """Adapted: a class without `code_change` answers ("error", NotImplementedError), and lives."""
    machine = await begin(switch)
    await system.suspend(machine)
    word_, why = await system.change_code(machine, Scripted, 1, None)
    assert (word_, type(why)) == ("error", NotImplementedError)
    await system.resume(machine)
    assert await call(machine, "alive?") == ("yes", "s1")


@pytest.mark.otp("SM-067")
async def test_no_terminate(node: Node, begin: Begin) -> None:
    for reason in ("normal", "another"):
        machine = await begin(switch)
        ref = process.monitor(machine)
        await gen_statem.stop(machine, reason)
        assert await expect_down(ref) == reason


@pytest.mark.otp("SM-068")
async def test_terminate_that_raises(node: Node, begin: Begin) -> None:
    class Failing(Scripted):
        async def terminate(self, reason: Any, state: Any, data: Any, /) -> None:
            raise LookupError("undef")

    machine = await begin(switch, module=Failing)
    with pytest.raises(CalleeExit) as ended:
        await gen_statem.stop(machine)
    assert isinstance(ended.value.reason[0], LookupError)


class Second(GenStatem[str, Any]):
    def callback_mode(self) -> Any:
        return "handle_event_function"

    def handle_event(self, event_type: Any, content: Any, state: str, data: Any, /) -> Any:
        match event_type, content:
            case ("call", from_), action:
                return KeepStateAndData([action, ReplyAction(from_, "second")])
            case _:
                raise NoClause(content)


class First(GenStatem[str, Any]):
    def init(self, arg: Any, /) -> Any:
        return NextState("s1", arg)

    def s1(self, event_type: Any, content: Any, _data: Any) -> Any:
        return KeepStateAndData([content, ReplyAction(event_type[1], "first")])


NOTHING = Postpone(False)


@pytest.mark.otp("SM-069")
async def test_callback_modules(node: Node) -> None:
    machine = await First.start()
    steps: list[tuple[Any, str, list[Any]]] = [
        (NOTHING, "first", [First]),
        (PushCallbackModule(Second), "first", [Second, First]),
        (NOTHING, "second", [Second, First]),
        (PopCallbackModule(), "second", [First]),
        (ChangeCallbackModule(Second), "first", [Second]),
        (PushCallbackModule(First), "second", [First, Second]),
        (NOTHING, "first", [First, Second]),
    ]
    for action, answer, modules in steps:
        assert await call(machine, action) == answer
        assert (await system.get_status(machine))["modules"] == modules


@pytest.mark.otp("SM-071")
async def test_too_many_pops(node: Node) -> None:
    machine = await First.start()
    ref = process.monitor(machine)
    action = PopCallbackModule()
    with pytest.raises(CalleeExit):
        await call(machine, action)
    assert await expect_down(ref) == ("bad_action_from_state_function", action)


@pytest.mark.otp("SM-072")
async def test_a_bad_callback_mode(node: Node) -> None:
    """Adapted: as on OTP 25, the start succeeds and the machine dies at once."""
    for mode in ("some_mode", ["state_enter"], ["state_functions", "handle_event_function"], 17):
        machine, ref = await Scripted.start_monitor((mode, switch, NextState("s1", None)))
        with pytest.raises((CalleeExit, NoProcess)):
            await call(machine, "x")
        down = await expect_message(Down)
        assert down.ref is ref
        assert down.reason in (("bad_return_from_callback_mode", mode), "noproc")
    process.trap_exit(True)
    machine = await Scripted.start_link(("some_mode", switch, NextState("s1", None)))
    assert (await expect_message(Exited)).reason == ("bad_return_from_callback_mode", "some_mode")


@pytest.mark.otp("SM-073")
async def test_an_invalid_state(node: Node) -> None:
    """Adapted: in the mode state_functions a state is the name of a method of the class; else any value."""
    for state in (17, "nowhere", "terminate", "_hidden", ("s", 1)):
        machine = await Scripted.start(("state_functions", switch, NextState(state, None)))
        ref = process.monitor(machine)
        assert await system.get_state(machine) == (state, None)
        cast(machine, "x")
        reason = await expect_down(ref)
        assert isinstance(reason, ValueError)
        assert "is no state of Scripted" in str(reason)
    machine = await Scripted.start(("handle_event_function", logging_rules, NextState(("s", 1), [])))
    cast(machine, "x")
    assert await call(machine, "log") == [("cast", "x", ("s", 1))]


@pytest.mark.otp("SM-074")
@pytest.mark.otp("LG-013")
@pytest.mark.otp("LG-015")
async def test_the_report_shows_the_postponed_and_queued_events(node: Node, reports: Any) -> None:
    """Adapted: the texts are regrow's; the limits are those of every report."""

    def rules(event_type: Any, content: Any, _state: Any, data: Any) -> Any:
        match content:
            case "later":
                return KeepState(data, [Postpone(), GenericTimeout("t", 9.0, "content")])
            case _:
                raise ValueError("oops")

    for mode in ("state_functions", "handle_event_function"):
        first = NextState("s1", ["x" * 100], StateTimeout(8.0, "over"))
        machine = await Scripted.start(([mode, "state_enter"], lambda *event: enter_or(rules, *event), first))
        await system.log(machine, True)
        cast(machine, "later")
        with pytest.raises(CalleeExit):
            await call(machine, ("request", mode))
        report = of_kind(reports, "GenStatem terminating")[-1]
        assert report.pid is machine
        assert [content for _, content in report.queue] == [("request", mode)]
        assert report.postponed == [("cast", "later")]
        assert report.state == ("s1", ["x" * 100])
        assert isinstance(report.reason, ValueError)
        assert (report.callback_mode, report.state_enter, report.modules) == (mode, True, [Scripted])
        assert report.timeouts == (2, [("state_timeout", "over"), (("timeout", "t"), "content")])
        assert report.client is process.current()
        assert report.client_alive
        assert report.client_trace
        assert report.log

        text = words(report, Limits(chars_limit=None))
        for part in (
            f"GenStatem {machine} (Scripted) terminating",
            "(ValueError) oops",
            f"Callback mode: {mode}",
            "alive",
        ):
            assert part in text
        assert "('request', " in text
        assert "xxxx" in text
        short = words(report, Limits(chars_limit=200, single_line=True))
        assert len(short) < 300
        assert "\n" not in short


def enter_or(rules: Rules, event_type: Any, content: Any, state: Any, data: Any) -> Any:
    return KeepStateAndData() if event_type == "enter" else rules(event_type, content, state, data)


@pytest.mark.otp("SM-076")
async def test_requests_by_id(node: Node, begin: Begin) -> None:
    def start(delays: list[float], machine: Pid) -> gen_statem.RequestIds:
        requests = gen_statem.reqids_new()
        for delay in delays:
            requests = gen_statem.send_request(machine, delay, f"after {delay}", requests)
        return requests

    def rules(event_type: Any, content: Any, _state: Any, data: Any) -> Any:
        match event_type, content:
            case ("call", from_), float():
                return KeepStateAndData(GenericTimeout(from_, content, content))
            case ("timeout", from_), delay:
                return KeepStateAndData(ReplyAction(from_, delay))
            case ("call", _), "stop":
                return Stop("shutdown")
            case _:
                raise NoClause(data)

    machine = await begin(rules)
    for take in (gen_statem.receive_response, gen_statem.wait_response):
        requests = start([0.4, 0.001, 0.2], machine)
        with pytest.raises(ValueError, match="already"):
            gen_statem.reqids_add(gen_statem.reqids_to_list(requests)[0][0], "again", requests)
        for delay, size in ((0.001, 2), (0.2, 1), (0.4, 0)):
            response, label, requests = await take(requests)
            assert (response, label) == (("reply", delay), f"after {delay}")
            assert gen_statem.reqids_size(requests) == size
        assert await take(requests) == "no_request"

        requests = start([1.0], machine)
        deadline = process.monotonic() + 0.1
        assert await take(requests, deadline, abs=True) == "timeout"
        again = await take(requests, 2.0)
        if take is gen_statem.wait_response:
            assert again[0] == ("reply", 1.0)
        else:
            assert again == "timeout"  # the request was abandoned

    requests = start([0.1], machine)
    before = requests
    response, label, requests = await gen_statem.receive_response(requests, None, delete=False)
    assert (response, label, requests) == (("reply", 0.1), "after 0.1", before)

    requests = start([0.05], machine)
    await process.sleep(0.1)
    assert gen_statem.check_response("unrelated", requests) == "no_reply"
    (message,) = await mailbox()
    response, label, _ = gen_statem.check_response(message, requests)
    assert (response, label) == (("reply", 0.05), "after 0.05")
    await process.receive()

    request = gen_statem.send_request(machine, "stop")
    assert await gen_statem.receive_response(request) == ("error", ("shutdown", machine))


@pytest.mark.otp("SM-077")
async def test_replies_in_every_form(node: Node, begin: Begin) -> None:
    def rules(event_type: Any, content: Any, _state: Any, waiting: Log) -> Any:
        match event_type, content:
            case ("call", from_), _ if len(waiting) < 3:
                return KeepState([*waiting, from_])
            case ("call", from_), _:
                gen_statem.reply(from_, "by function")
                gen_statem.reply(ReplyAction(waiting[0], "by action"))
                gen_statem.reply([ReplyAction(waiting[2], "third"), ReplyAction(waiting[1], "second")])
                return KeepStateAndData()
            case _:
                raise NoClause(content)

    machine = await begin(rules)
    found = await answers(await asked(machine, [0, 1, 2, 3]))
    assert found == [(3, "by function"), (0, "by action"), (2, "third"), (1, "second")]


async def test_async_callbacks(node: Node) -> None:
    """Every callback may be `async def`, and other events wait for it."""

    class Slow(GenStatem[str, Log]):
        def callback_mode(self) -> Any:
            return ["handle_event_function", "state_enter"]

        async def init(self, arg: Any, /) -> Any:
            await process.sleep(0.1)
            return NextState("s1", [])

        async def handle_event(self, event_type: Any, content: Any, state: str, log: Log, /) -> Any:
            await process.sleep(0.1)
            match event_type, content:
                case ("call", from_), _:
                    return NextState("s2", [*log, content], ReplyAction(from_, log))
                case _:
                    return KeepState([*log, (event_type, content, state)])

    machine = await Slow.start_link()
    assert await call(machine, "one") == [("enter", "s1", "s1")]
    assert await call(machine, "two") == [("enter", "s1", "s1"), "one", ("enter", "s1", "s2")]
    await gen_statem.stop(machine)


async def test_a_machine_can_be_supervised(node: Node) -> None:
    """Its class options are those of every child."""

    class Child(Plain, restart="transient", named=True):
        def init(self, arg: Any, /) -> Any:
            return NextState("s1", arg)

    assert Child.child_spec(1).restart == "transient"
    await Child.start_link(1)
    assert await call(Child, "x") == ("s1", 1)
    assert await gen_server.call(Child, "x") == ("s1", 1)
