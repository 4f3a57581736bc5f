# pyright: reportUnknownLambdaType=false, reportUnknownArgumentType=false, reportUnknownVariableType=false
# pyright: reportUnknownMemberType=false
# A machine of these tests holds whatever its row asks for, and its rules are lambdas as short as the row.
"""Events of machines: inserted, enter, and postponed ones."""

from __future__ import annotations

from typing import Any

import pytest

from regrow import (
    HIBERNATE,
    Node,
    Stop,
    process,
    system,
)
from regrow.behaviours.gen_server.client import cast
from regrow.behaviours.gen_statem.gen_statem import call
from regrow.behaviours.gen_statem.results import (
    ChangeCallbackModule,
    KeepState,
    KeepStateAndData,
    NextEvent,
    NextState,
    PopCallbackModule,
    Postpone,
    RepeatState,
    RepeatStateAndData,
    ReplyAction,
    StateTimeout,
    StopAndReply,
)
from regrow.testing.expect import expect_down, expect_idle, expect_message
from tests.behaviours.gen_statem.machines import (
    Begin,
    Log,
    Scripted,
    Telling,
    ask_and_tell,
    doing,
    entering,
    logging_rules,
    word,
)


@pytest.mark.otp("SM-026")
async def test_inserted_events_of_every_type(node: Node, begin: Begin) -> None:
    def events(event_type: Any, _log: Log) -> Any:
        types: list[Any] = ["internal", "state_timeout", "timeout", "info", "cast", ("timeout", "name"), event_type]
        return KeepStateAndData([NextEvent(one, number) for number, one in enumerate(types)])

    def rules(event_type: Any, content: Any, state: Any, log: Log) -> Any:
        if word(event_type) == "call" and content == 6:
            return KeepState([*log, ("call", 6, state)], ReplyAction(event_type[1], "ok"))
        return logging_rules(event_type, content, state, log)

    machine = await begin(rules)
    assert await call(machine, doing(events)) == "ok"
    words = ["internal", "state_timeout", "timeout", "info", "cast", ("timeout", "name"), "call"]
    assert await call(machine, "log") == [(one, number, "s1") for number, one in enumerate(words)]


@pytest.mark.otp("SM-028")
async def test_enter_of_the_same_state(node: Node, begin: Begin) -> None:
    machine = await begin(entering, enter=True)
    assert await call(machine, "log") == [("enter", "s1", "s1")]
    cast(machine, ("go", lambda log: NextState("s1", log)))
    assert len(await call(machine, "log")) == 1
    cast(machine, ("go", RepeatState))
    assert await call(machine, "log") == [("enter", "s1", "s1")] * 2
    cast(machine, ("go", lambda _log: RepeatStateAndData()))
    assert len(await call(machine, "log")) == 3
    cast(machine, ("go", lambda _log: NextState("s2", [])))
    assert await call(machine, "log") == [("enter", "s1", "s2")]


@pytest.mark.otp("SM-029")
async def test_an_enter_event_may_not_postpone_or_change_the_state(node: Node, begin: Begin) -> None:
    change: Any = NextState("s3", None)
    forbidden: list[tuple[str, Any, Any]] = [("bad_state_enter_return_from_state_function", change, change)]
    for action in (NextEvent("internal", 1), Postpone(), ChangeCallbackModule(Scripted), PopCallbackModule()):
        result = KeepStateAndData(action)
        forbidden.append(("bad_state_enter_action_from_state_function", action, result))
    for reason, value, result in forbidden:

        def rules(event_type: Any, _content: Any, state: Any, _data: Any, result: Any = result) -> Any:
            if event_type == "enter":
                return result if state == "s2" else KeepStateAndData([StateTimeout(9.0), HIBERNATE, Postpone(False)])
            return NextState("s2", [])

        machine = await begin(rules, enter=True)
        ref = process.monitor(machine)
        cast(machine, "go")
        assert await expect_down(ref) == (reason, value)


@pytest.mark.otp("SM-031")
async def test_enter_comes_before_inserted_events_and_timeouts(node: Node, begin: Begin) -> None:
    machine = await begin(entering, enter=True)
    cast(machine, ("go", lambda _log: NextState("s2", [], [StateTimeout(0, "now"), NextEvent("internal", "in")])))
    assert await call(machine, "log") == [
        ("enter", "s1", "s2"),
        ("internal", "in", "s2"),
        ("state_timeout", "now", "s2"),
    ]


def postponing(event_type: Any, content: Any, state: Any, log: Log) -> Any:
    """Postpone casts in s1 and s2, and handle them in s3."""
    match event_type, content:
        case ("call", from_), "log":
            return KeepStateAndData(ReplyAction(from_, log))
        case ("call", from_), ("go", following):
            return NextState(following, log, ReplyAction(from_, "ok"))
        case _:
            return KeepState([*log, (content, state)], [] if state == "s3" else Postpone())


@pytest.mark.otp("SM-033")
async def test_an_event_is_postponed_again(node: Node, begin: Begin) -> None:
    machine = await begin(postponing)
    for content in ("a", "b"):
        cast(machine, content)
    assert await call(machine, "log") == [("a", "s1"), ("b", "s1")]
    await call(machine, ("go", "s1"))
    assert len(await call(machine, "log")) == 2
    await call(machine, ("go", "s2"))
    await call(machine, ("go", "s3"))
    log = await call(machine, "log")
    assert log == [(content, state) for state in ("s1", "s2", "s3") for content in ("a", "b")]


@pytest.mark.otp("SM-034")
async def test_a_timeout_is_postponed(node: Node, begin: Begin) -> None:
    def rules(event_type: Any, content: Any, state: Any, log: Log) -> Any:
        match event_type, content:
            case "cast", "start":
                return KeepState(log, StateTimeout(0.01, "over"))
            case _:
                return postponing(event_type, content, state, log)

    machine = await begin(rules)
    cast(machine, "start")
    await process.sleep(0.05)
    assert await call(machine, ("go", "s3")) == "ok"
    assert await call(machine, "log") == [("over", "s1"), ("over", "s3")]


@pytest.mark.otp("SM-035")
async def test_inserted_events_come_before_queued_ones(node: Node, begin: Begin) -> None:
    machine = await begin(logging_rules)
    await system.suspend(machine)
    actions = [NextEvent("info", 1), NextEvent("internal", 2)]
    cast(machine, doing(lambda _type, log: KeepState(log, actions)))
    process.send(machine, "external")
    await system.resume(machine)
    assert [content for _, content, _ in await call(machine, "log")] == [1, 2, "external"]


@pytest.mark.otp("SM-037")
async def test_postponed_events_end_with_the_machine(node: Node, begin: Begin) -> None:
    def rules(event_type: Any, content: Any, _state: Any, data: Any) -> Any:
        return Stop("over") if content == "stop" else KeepState([*data, word(event_type)], Postpone())

    machine = await begin(rules, module=Telling)
    pid, ref = process.spawn_monitor(ask_and_tell, machine, "x", process.current())
    await expect_idle()
    cast(machine, "stop")
    assert await expect_message(tuple) == ("terminate", "over", "s1", ["call"])
    assert await expect_down(ref) == ("over", ("gen_statem", "call", [machine, "x", None]))
    assert not process.alive(pid)


@pytest.mark.otp("SM-038")
async def test_terminate_sees_the_new_data(node: Node, begin: Begin) -> None:
    machine = await begin(lambda *_: Stop("over", "new"), module=Telling)
    cast(machine, "x")
    assert await expect_message(tuple) == ("terminate", "over", "s1", "new")
    machine = await begin(lambda *_: StopAndReply("over", [], "newer"), module=Telling)
    cast(machine, "x")
    assert await expect_message(tuple) == ("terminate", "over", "s1", "newer")
