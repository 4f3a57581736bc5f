# pyright: reportUnknownLambdaType=false, reportUnknownArgumentType=false, reportUnknownVariableType=false
# pyright: reportUnknownMemberType=false
# A machine of these tests holds whatever its row asks for, and its rules are lambdas as short as the row.
"""Timeouts of machines: state, event, and generic ones."""

from __future__ import annotations

from typing import Any

import pytest

from regrow import (
    Node,
    process,
    system,
)
from regrow.behaviours.gen_server.client import cast
from regrow.behaviours.gen_statem.gen_statem import call
from regrow.behaviours.gen_statem.results import (
    EventTimeout,
    GenericTimeout,
    KeepState,
    KeepStateAndData,
    NextEvent,
    NextState,
    Postpone,
    ReplyAction,
    StateTimeout,
)
from regrow.testing.expect import expect_idle
from tests.behaviours.gen_statem.machines import Begin, Log, doing, logging_rules, timed


@pytest.mark.otp("SM-039")
async def test_internal_event_first_and_a_change_ends_the_state_timeout(node: Node, begin: Begin) -> None:
    machine = await begin(logging_rules)
    actions: list[Any] = [EventTimeout(0, "event"), StateTimeout(0.1, "old"), NextEvent("internal", "first")]
    cast(machine, doing(lambda _type, log: NextState("s2", log, actions)))
    await expect_idle()
    assert timed(await call(machine, "log")) == ["first"]  # which ended the event timeout
    cast(machine, doing(lambda _type, log: NextState("s3", log, StateTimeout(0.2, "new"))))
    await process.sleep(0.15)
    assert timed(await call(machine, "log")) == ["first"]
    await process.sleep(0.1)
    assert await call(machine, "log") == [("internal", "first", "s2"), ("state_timeout", "new", "s3")]


@pytest.mark.otp("SM-041")
async def test_events_in_a_state_keep_its_timeout(node: Node, begin: Begin) -> None:
    def rules(event_type: Any, content: Any, _state: Any, data: Any) -> Any:
        match event_type, content:
            case "cast", "start":
                return NextState("s2", None, StateTimeout(0.6, "over"))
            case ("call", _), "wait":
                return KeepState(event_type[1])
            case "state_timeout", "over":
                return NextState("s1", None, ReplyAction(data, process.monotonic()))
            case _:
                return KeepStateAndData()

    machine = await begin(rules)
    began = process.monotonic()
    cast(machine, "start")
    await process.sleep(0.2)
    process.send(machine, "info")
    assert await call(machine, "wait") == pytest.approx(began + 0.6)


@pytest.mark.otp("SM-042")
async def test_timeouts_are_cancelled_and_updated(node: Node, begin: Begin) -> None:
    machine = await begin(logging_rules)
    cast(machine, doing(lambda _type, log: KeepState(log, [StateTimeout(0.1, "state"), GenericTimeout("t", 0.2, 1)])))
    cast(machine, doing(lambda _type, log: KeepState(log, [StateTimeout("cancel"), GenericTimeout("t", "update", 2)])))
    await process.sleep(0.19)
    assert await call(machine, "log") == []
    await process.sleep(0.02)
    assert await call(machine, "log") == [(("timeout", "t"), 2, "s1")]
    cast(machine, doing(lambda _type, log: KeepState(log, GenericTimeout("t", "update", "not running: at once"))))
    assert timed(await call(machine, "log")) == [2, "not running: at once"]
    cast(machine, doing(lambda _type, log: KeepState(log, GenericTimeout("t", "cancel"))))
    assert len(await call(machine, "log")) == 2


@pytest.mark.otp("SM-044")
async def test_a_number_is_a_timeout_action(node: Node, begin: Begin) -> None:
    machine = await begin(logging_rules)
    cast(machine, doing(lambda _type, log: KeepState(log, 0.5)))
    status = await system.get_status(machine)
    assert status["timeouts"] == (1, [("timeout", 0.5)])
    await process.sleep(0.6)
    assert await call(machine, "log") == [("timeout", 0.5, "s1")]


@pytest.mark.otp("SM-044")
@pytest.mark.parametrize("never", [None, "infinity", float("inf")])
async def test_infinity_is_a_timeout_action(node: Node, begin: Begin, never: Any) -> None:
    """It is a timeout that never fires, alone or as the time of one: OTP's `infinity`."""
    machine = await begin(logging_rules)
    cast(machine, doing(lambda _type, log: KeepState(log, never)))
    endless = [StateTimeout(never), EventTimeout(never), GenericTimeout("name", never)]
    cast(machine, doing(lambda _type, log: KeepState(log, [StateTimeout(0.5), *endless])))
    assert (await system.get_status(machine))["timeouts"] == (0, [])
    await process.sleep(1.0)
    assert await call(machine, "log") == []


@pytest.mark.otp("SM-045")
async def test_generic_timeouts(node: Node, begin: Begin) -> None:
    machine = await begin(logging_rules)
    now = process.monotonic()
    actions: list[Any] = [
        GenericTimeout("a", 0.3, "a"),
        GenericTimeout("b", 0.1, "b"),
        GenericTimeout("c", now + 0.2, "c", abs=True),
        GenericTimeout("d", 0, "d"),
        EventTimeout(0, "event"),
    ]
    cast(machine, doing(lambda _type, log: KeepState(log, actions)))
    await expect_idle()
    more: list[Any] = [GenericTimeout("b", None), GenericTimeout("a", 0.4, "a again")]
    cast(machine, doing(lambda _type, log: NextState("s2", log, more)))
    await process.sleep(1.0)
    log = await call(machine, "log")
    assert log == [
        (("timeout", "d"), "d", "s1"),
        (("timeout", "c"), "c", "s2"),
        (("timeout", "a"), "a again", "s2"),
    ]


@pytest.mark.otp("SM-046")
async def test_any_event_ends_the_event_timeout(node: Node, begin: Begin) -> None:
    machine = await begin(logging_rules)
    cast(machine, doing(lambda _type, log: KeepState(log, EventTimeout(0.05, "never"))))
    process.send(machine, "in between")
    await process.sleep(0.1)
    assert timed(await call(machine, "log")) == ["in between"]


@pytest.mark.otp("SM-047")
async def test_the_same_state_keeps_its_timeout(node: Node, begin: Begin) -> None:
    machine = await begin(logging_rules)
    cast(machine, doing(lambda _type, log: KeepState(log, StateTimeout(0.1, "over"))))
    cast(machine, doing(lambda _type, log: NextState("s1", log)))
    cast(machine, doing(lambda _type, log: KeepState(log)))
    await process.sleep(0.2)
    assert timed(await call(machine, "log")) == ["over"]


@pytest.mark.otp("SM-052")
async def test_the_last_of_two_timeouts_counts(node: Node, begin: Begin) -> None:
    machine = await begin(logging_rules)
    cast(machine, doing(lambda _type, log: KeepState(log, [EventTimeout(0.1, "one"), EventTimeout(0.2, "two")])))
    await process.sleep(0.15)
    assert (await system.get_state(machine))[1] == []
    await process.sleep(0.1)
    assert timed(await call(machine, "log")) == ["two"]


@pytest.mark.otp("SM-053")
async def test_timeouts_in_many_forms(node: Node, begin: Begin) -> None:
    def rules(event_type: Any, content: Any, state: Any, log: Log) -> Any:
        match event_type, content:
            case ("call", from_), "absolute":
                time = process.monotonic() + 0.1
                return KeepStateAndData(EventTimeout(time, ("answer", from_), abs=True))
            case ("call", from_), "zero":
                return KeepStateAndData([EventTimeout(0, ("answer", from_)), StateTimeout(0.05, "cancelled")])
            case ("call", _), "postponed" if state == "s1":
                actions: list[Any] = [StateTimeout("cancel"), Postpone(), EventTimeout(0, "never")]
                return NextState("s2", log, actions)
            case ("call", from_), "postponed":
                return NextState("s1", log, ReplyAction(from_, state))
            case "timeout", ("answer", from_):
                return KeepStateAndData(ReplyAction(from_, ("timeout", process.monotonic())))
            case _:
                return logging_rules(event_type, content, state, log)

    machine = await begin(rules)
    now = process.monotonic()
    assert await call(machine, "absolute") == ("timeout", pytest.approx(now + 0.1))
    now = process.monotonic()
    assert await call(machine, "zero") == ("timeout", now)
    assert await call(machine, "postponed") == "s2"
    await process.sleep(0.2)
    assert await call(machine, "log") == []
    assert (await system.get_status(machine))["timeouts"] == (0, [])
