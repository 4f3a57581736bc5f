# pyright: reportUnknownLambdaType=false, reportUnknownArgumentType=false, reportUnknownVariableType=false
# pyright: reportUnknownMemberType=false
# A machine of these tests holds whatever its row asks for, and its rules are lambdas as short as the row.
"""Wrong results, timeouts of calls, and abnormal ends of machines."""

from __future__ import annotations

from typing import Any

import pytest

from regrow import (
    Exit,
    Exited,
    NoClause,
    Node,
    process,
)
from regrow.behaviours.gen_server.client import cast
from regrow.behaviours.gen_statem.gen_statem import call
from regrow.behaviours.gen_statem.results import (
    EventTimeout,
    GenericTimeout,
    KeepState,
    KeepStateAndData,
    ReplyAction,
    StateTimeout,
    StopAndReply,
)
from regrow.kernel.exits import CalleeExit, CallTimeout
from regrow.testing.expect import expect_down, expect_idle, expect_message
from tests.behaviours.gen_statem.machines import Begin, Log, Telling, answers, ask_and_tell, asked, mailbox


def delayed(event_type: Any, content: Any, _state: Any, _data: Any) -> Any:
    """Answer a call after a number of seconds."""
    match event_type, content:
        case ("call", from_), float(delay):
            return KeepStateAndData(GenericTimeout("answer", delay, from_))
        case ("timeout", "answer"), from_:
            return KeepStateAndData(ReplyAction(from_, "delayed"))
        case _:
            raise NoClause(content)


@pytest.mark.otp("SM-014")
async def test_call_is_limited_in_time(node: Node, begin: Begin) -> None:
    machine = await begin(delayed)
    assert await call(machine, 0.1, 2.0) == "delayed"
    with pytest.raises(CallTimeout) as late:
        await call(machine, 2.0, 0.1)
    assert late.value.reason[0] == "timeout"
    await process.sleep(3.0)
    assert await mailbox() == []


@pytest.mark.otp("SM-016")
async def test_a_dirty_timeout_is_a_clean_one(node: Node, begin: Begin) -> None:
    """Adapted: ("dirty_timeout", t) means ("clean_timeout", t)."""
    machine = await begin(delayed)
    assert await call(machine, 0.1, ("clean_timeout", 2.0)) == "delayed"
    with pytest.raises(CallTimeout):
        await call(machine, 2.0, ("dirty_timeout", 0.1))
    await process.sleep(3.0)
    assert await mailbox() == []


@pytest.mark.otp("SM-017")
async def test_an_illegal_result(node: Node, begin: Begin) -> None:
    process.trap_exit(True)
    machine = await begin(lambda *_: "bad return", link=True)
    with pytest.raises(CalleeExit) as ended:
        await call(machine, "badreturn")
    why = ("bad_return_from_state_function", "bad return")
    assert ended.value.reason == (why, ("gen_statem", "call", [machine, "badreturn", None]))
    assert await expect_message(Exited) == Exited(machine, why)


@pytest.mark.otp("SM-019")
async def test_an_illegal_timeout(node: Node, begin: Begin) -> None:
    process.trap_exit(True)
    actions: list[Any] = [EventTimeout("soon"), StateTimeout(-1.0), GenericTimeout([], 1.0), -1.0, "postpone", True]  # type: ignore[arg-type]
    for action in actions:
        machine = await begin(lambda *_: KeepStateAndData(action), link=True)  # noqa: B023 (it is called at once)
        with pytest.raises(CalleeExit) as ended:
            await call(machine, "x")
        assert ended.value.reason[0] == ("bad_action_from_state_function", action)
        assert await expect_message(Exited) == Exited(machine, ("bad_action_from_state_function", action))


def collecting(event_type: Any, content: Any, _state: Any, waiting: Log) -> Any:
    """Keep two calls, then answer both at the end."""
    match event_type, content:
        case ("call", from_), int():
            return KeepState([*waiting, from_])
        case "cast", "stop":
            return StopAndReply("because", [ReplyAction(from_, number) for number, from_ in enumerate(waiting)])
        case _:
            raise NoClause(content)


@pytest.mark.otp("SM-021")
async def test_stop_and_reply(node: Node, begin: Begin) -> None:
    process.trap_exit(True)
    machine = await begin(collecting, link=True)
    requests = await asked(machine, [0, 1])
    cast(machine, "stop")
    assert await answers(requests) == [(0, 0), (1, 1)]
    assert await expect_message(Exited) == Exited(machine, "because")


@pytest.mark.otp("SM-022")
async def test_terminate_comes_before_the_replies_of_a_stop(node: Node, begin: Begin) -> None:
    machine = await begin(collecting, module=Telling)
    process.spawn(ask_and_tell, machine, 0, process.current())
    await expect_idle()
    cast(machine, "stop")
    assert (await expect_message(tuple))[:2] == ("terminate", "because")
    assert await expect_message(tuple) == ("answer", 0)


@pytest.mark.otp("SM-024")
async def test_a_raised_result_does_not_count_as_returned(node: Node, begin: Begin) -> None:
    """Adapted: a raised object never counts as returned; `Exit` ends the machine with its reason."""

    def rules(*_: Any) -> Any:
        raise Exit(KeepStateAndData)

    machine = await begin(rules)
    ref = process.monitor(machine)
    cast(machine, "x")
    assert await expect_down(ref) is KeepStateAndData
