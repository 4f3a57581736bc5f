# ruff: noqa: ARG002 - a callback has the parameters that OTP gives it, whether or not this one reads them
# pyright: reportUnknownLambdaType=false, reportUnknownArgumentType=false, reportUnknownVariableType=false
# pyright: reportUnknownMemberType=false
# A machine of these tests holds whatever its row asks for, and its rules are lambdas as short as the row.
"""System messages to machines, code changes, hibernation, and enter_loop."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from regrow import (
    HIBERNATE,
    Global,
    Node,
    Via,
    gen_statem,
    process,
    system,
)
from regrow.behaviours.gen.results import Ok
from regrow.behaviours.gen_server.client import cast
from regrow.behaviours.gen_statem.gen_statem import GenStatem, call
from regrow.behaviours.gen_statem.results import (
    EventTimeout,
    KeepState,
    KeepStateAndData,
    NextEvent,
    NextState,
    ReplyAction,
    StateTimeout,
)
from regrow.kernel.exits import CalleeExit
from regrow.testing.expect import expect_down, expect_message
from tests.behaviours.gen_statem.machines import (
    Begin,
    Plain,
    Scripted,
    Table,
    after,
    ask_and_tell,
    doing,
    entering,
    logging_rules,
    mailbox,
    of_kind,
    switch,
    timed,
)


@pytest.mark.otp("SM-054")
async def test_a_suspended_machine_answers_no_caller(node: Node, begin: Begin) -> None:
    machine = await begin(switch)
    status = await system.get_status(machine)
    assert status["module"] is Scripted
    assert status["modules"] == [Scripted]
    assert status["state"] == ("s1", [])
    await system.suspend(machine)
    process.spawn(ask_and_tell, machine, "alive?", process.current())
    await process.sleep(1.0)
    assert await mailbox() == []
    await system.resume(machine)
    assert await expect_message(tuple) == ("answer", ("yes", "s1"))


class Older(GenStatem[str, Any]):
    def callback_mode(self) -> Any:
        return getattr(self, "mode", "state_functions")

    def init(self, arg: Any, /) -> Any:
        return NextState("s1", arg)

    def s1(self, event_type: Any, content: Any, data: Any) -> Any:
        return KeepStateAndData(ReplyAction(event_type[1], ("by state", content, data)))

    def handle_event(self, event_type: Any, content: Any, state: str, data: Any, /) -> Any:
        return KeepStateAndData(ReplyAction(event_type[1], ("by event", content, data)))

    def code_change(self, old_version: Any, state: str, data: Any, extra: Any, /) -> Any:
        self.mode = "handle_event_function"
        return Ok(state, (old_version, data, extra))


@pytest.mark.otp("SM-055")
async def test_a_code_change_switches_the_mode(node: Node) -> None:
    """Adapted: `system.change_code` calls `code_change` of the machine's class."""
    machine = await Older.start("data")
    assert await call(machine, "x") == ("by state", "x", "data")
    await system.suspend(machine)
    assert await system.change_code(machine, Older, 1, "extra") == "ok"
    await system.resume(machine)
    assert await call(machine, "x") == ("by event", "x", (1, "data", "extra"))


class Shown(Scripted):
    def format_status(self, status: dict[str, Any], /) -> dict[str, Any]:
        return {**status, "data": ("formatted", status["data"])}


@pytest.mark.otp("SM-057")
async def test_report_shows_the_formatted_state(node: Node, begin: Begin, reports: Any) -> None:
    machine = await begin(lambda *_: "bad", module=Shown, name="SM-057")
    with pytest.raises(CalleeExit):
        await call(machine, "x")
    (report,) = of_kind(reports, "GenStatem terminating")
    assert report.name == "SM-057"
    assert report.queue[0][1] == "x"
    assert report.state == ("s1", ("formatted", []))
    assert report.reason == ("bad_return_from_state_function", "bad")


@pytest.mark.otp("SM-058")
async def test_report_of_a_terminate_that_fails(node: Node, begin: Begin, reports: Any) -> None:
    class Failing(Shown):
        def terminate(self, reason: Any, state: Any, data: Any, /) -> None:
            raise RuntimeError("crash in terminate")

    machine = await begin(switch, module=Failing)
    with pytest.raises(CalleeExit) as ended:
        await gen_statem.stop(machine)
    assert isinstance(ended.value.reason[0], RuntimeError)
    first, second = (one.kind for one in reports)
    assert (first, second) == ("GenStatem terminating", "process terminating")
    (report,) = of_kind(reports, "GenStatem terminating")
    assert report.state == ("s1", ("formatted", []))
    assert isinstance(report.reason, RuntimeError)


@pytest.mark.otp("SM-060")
async def test_get_state(node: Node, begin: Begin) -> None:
    machine = await begin(switch, NextState("s1", "data"), name="SM-060")
    assert await system.get_state(machine) == ("s1", "data")
    assert await system.get_state("SM-060", 1.0) == ("s1", "data")
    await system.suspend(machine)
    assert await system.get_state(machine) == ("s1", "data")


@pytest.mark.otp("SM-061")
async def test_replace_state(node: Node, begin: Begin) -> None:
    machine = await begin(entering, NextState("s1", ["old"]), enter=True)
    before = await system.get_state(machine)
    assert before == ("s1", ["old", ("enter", "s1", "s1")])
    assert await system.replace_state(machine, lambda pair: ("s2", [pair[0]])) == ("s2", ["s1"])
    assert await call(machine, "log") == ["s1"]  # no enter event
    with pytest.raises(system.CallbackFailed):
        await system.replace_state(machine, lambda _: 1 / 0)
    with pytest.raises(system.CallbackFailed):
        await system.replace_state(machine, lambda _: "no pair")
    await system.suspend(machine)
    assert await system.get_state(machine) == ("s2", ["s1"])
    assert await system.replace_state(machine, lambda _: ("s3", [])) == ("s3", [])
    await system.resume(machine)
    assert await system.get_state(machine) == ("s3", [])


@pytest.mark.otp("SM-062")
async def test_hibernate(node: Node, begin: Begin) -> None:
    """Adapted: the action is accepted wherever OTP accepts it, and changes nothing else."""
    hibernating: list[Any] = [
        lambda _type, log: KeepState(log, HIBERNATE),
        lambda _type, log: NextState("s2", log, [HIBERNATE, NextEvent("internal", "in")]),
        lambda _type, log: KeepState(log, [HIBERNATE, StateTimeout(0.1, "late")]),
        lambda _type, log: NextState("s1", log, [HIBERNATE]),
    ]
    machine = await begin(logging_rules, NextState("s1", [], HIBERNATE))
    for result in hibernating[:3]:
        cast(machine, doing(result))
    await process.sleep(0.2)
    process.send(machine, doing(hibernating[3]))
    assert timed(await call(machine, "log")) == ["in", "late"]
    entered = await begin(lambda *_: KeepStateAndData([HIBERNATE]), enter=True)
    assert await system.get_state(entered) == ("s1", [])


@pytest.mark.otp("SM-063")
async def test_hibernate_after(node: Node, begin: Begin) -> None:
    """Adapted: the option is accepted, and events and timeouts come as without it."""
    machine = await begin(logging_rules, hibernate_after=1.0)
    for time in (0.5, 2.0):
        cast(machine, doing(after(time)))
        await process.sleep(3.0)
    process.send(machine, "info")
    assert timed(await call(machine, "log")) == [0.5, 2.0, "info"]
    with pytest.raises(TypeError, match="hibernate_after"):
        await begin(logging_rules, hibernate_after="soon")


@pytest.mark.otp("SM-064")
async def test_enter_loop(node: Node) -> None:
    """Adapted: `Global` is known to this program alone, and any process may enter a loop: each has a parent."""
    table = Table()

    async def become(name: Any, register: bool) -> None:
        if register:
            match name:
                case str():
                    process.register(name, process.current())
                case _:
                    table.names[name] = process.current()
        await gen_statem.enter_loop(Plain, "s1", "data", EventTimeout(9.0), name=name)

    for name, register in ((None, False), ("SM-064", True)):
        pid = process.spawn(become, name, register)
        assert await call(pid, "x") == ("s1", "data")
        await gen_statem.stop(pid)
    process.register("SM-064 taken", process.current())
    refused: list[tuple[Any, Any]] = [
        ("SM-064", "process_not_registered"),
        ("SM-064 taken", "process_not_registered"),
        (Global("SM-064"), "process_not_registered_globally"),
        (Via(table, "SM-064"), ("process_not_registered_via", table)),
    ]
    for name, reason in refused:
        _, ref = process.spawn_monitor(become, name, False)
        assert await expect_down(ref) == reason


async def test_an_adopted_task_cannot_become_a_machine(node: Node) -> None:
    """asyncio drives the task, and cannot wait for a machine's events."""

    async def task() -> None:
        async with process.adopt():
            await gen_statem.enter_loop(Plain, "s1", "data")

    with pytest.raises(RuntimeError, match="adopted"):
        await asyncio.create_task(task())
