# pyright: reportUnknownLambdaType=false, reportUnknownArgumentType=false, reportUnknownVariableType=false
# pyright: reportUnknownMemberType=false
# A machine of these tests holds whatever its row asks for, and its rules are lambdas as short as the row.
"""Start and stop of machines."""

from __future__ import annotations

from typing import Any

import pytest

from regrow import (
    AlreadyStarted,
    Error,
    Global,
    NoClause,
    Node,
    NoProcess,
    StartError,
    Stop,
    Via,
    gen_statem,
    process,
    system,
)
from regrow.behaviours.gen.results import Ok
from regrow.behaviours.gen_server.client import cast
from regrow.behaviours.gen_statem.gen_statem import call
from regrow.behaviours.gen_statem.results import (
    KeepState,
    KeepStateAndData,
    NextEvent,
    NextState,
    ReplyAction,
)
from regrow.testing.expect import expect_down
from tests.behaviours.gen_statem.machines import Begin, Scripted, Table, logging_rules, mailbox, switch


@pytest.mark.otp("SM-001")
async def test_a_machine_goes_from_state_to_state(node: Node, begin: Begin) -> None:
    for link in (False, True):
        machine = await begin(switch, NextState("s1", None), link=link)
        assert await call(machine, "alive?") == ("yes", "s1")
        assert await call(machine, "accept") == "no"
        cast(machine, "connect")
        assert await call(machine, "alive?") == ("yes", "s2")
        assert await call(machine, "accept") == ("ok", "s3")
        assert await call(machine, "alive?") == ("yes", "s3")
        assert await call(machine, "connect") == "no"
        cast(machine, "nonsense")
        assert await call(machine, "disconnect") == ("ok", "s1")
        await gen_statem.stop(machine)
    assert await mailbox() == []


@pytest.mark.otp("SM-003")
async def test_start_is_limited_in_time(node: Node) -> None:
    class Slow(Scripted):
        async def init(self, arg: Any, /) -> Any:
            await process.sleep(arg)
            self.mode = "handle_event_function"
            return NextState("s1", None)

    assert process.alive(await Slow.start(0.0, timeout=0.005))
    with pytest.raises(StartError) as refused:
        await Slow.start(1.0, timeout=0.005)
    assert refused.value.reason == "timeout"
    assert await mailbox() == []


@pytest.mark.otp("SM-005")
async def test_init_stops_the_machine(node: Node, begin: Begin) -> None:
    with pytest.raises(StartError) as refused:
        await begin(switch, Stop("stopped"))
    assert refused.value.reason == "stopped"


async def test_init_returns_an_invalid_result(node: Node, begin: Begin) -> None:
    """`Error` ends the machine without a report; an invalid result of `init` is shown."""
    with pytest.raises(StartError) as refused:
        await begin(switch, Error("no"))
    assert refused.value.reason == "no"
    with pytest.raises(StartError) as refused:
        await begin(switch, 17)
    assert refused.value.reason == ("bad_return_from_init", 17)
    machine = await begin(logging_rules, Ok("s1", ["data"]))
    assert await system.get_state(machine) == ("s1", ["data"])


@pytest.mark.otp("SM-006")
async def test_global_name(node: Node) -> None:
    """Adapted: `Global` is known to the nodes of this program."""
    name = Global("SM-006")
    arg = ("handle_event_function", switch, NextState("s1", None))
    machine = await Scripted.start(arg, name=name)
    for start in (Scripted.start, Scripted.start_link, Scripted.start_monitor):
        with pytest.raises(AlreadyStarted) as refused:
            await start(arg, name=name)
        assert refused.value.pid is machine
        assert refused.value.reason == ("already_started", machine)
    await gen_statem.stop(name)
    machine, ref = await Scripted.start_monitor(arg, name=name)
    assert gen_statem.whereis(name) is machine
    await gen_statem.stop(machine)
    assert await expect_down(ref) == "normal"


@pytest.mark.otp("SM-008")
async def test_the_name_is_free_after_the_end(node: Node, begin: Begin) -> None:
    for name in ("SM-008", Global("SM-008")):
        for by_name in (False, True):
            machine = await begin(switch, NextState("s1", None), name=name)
            await gen_statem.stop(name if by_name else machine)
            assert gen_statem.whereis(name) is None


@pytest.mark.otp("SM-010")
async def test_inserted_events_come_before_a_call(node: Node, begin: Begin) -> None:
    def rules(event_type: Any, content: Any, state: Any, data: Any) -> Any:
        match event_type, content:
            case "cast", "go":
                return NextState("s2", [1, 2, 3], [NextEvent("internal", number) for number in (1, 2, 3)])
            case "internal", number:
                assert state == "s2"
                assert data[0] == number
                return KeepState(data[1:])
            case ("call", from_), "get":
                return KeepStateAndData(ReplyAction(from_, (state, data)))
            case _:
                raise NoClause(content)

    machine = await begin(rules)
    cast(machine, "go")
    assert await call(machine, "get") == ("s2", [])


@pytest.mark.otp("SM-011")
async def test_a_machine_stops(node: Node, begin: Begin) -> None:
    machine = await begin(switch)
    await gen_statem.stop(machine)
    assert not process.alive(machine)
    with pytest.raises(NoProcess) as gone:
        await gen_statem.stop(machine)
    assert gone.value.reason == ("noproc", ("gen_statem", "stop", [machine, "normal", None]))

    machine = await begin(switch)
    ref = process.monitor(machine)
    await gen_statem.stop(machine, "another", None)
    assert await expect_down(ref) == "another"

    machine = await begin(switch)
    with pytest.raises(ValueError, match="seconds"):
        await gen_statem.stop(machine, "normal", -1)
    with pytest.raises(TypeError, match="seconds"):
        await gen_statem.stop(machine, "normal", "soon")  # type: ignore[arg-type]
    assert process.alive(machine)
    await gen_statem.stop(machine)

    table = Table()
    for name in ("SM-011", Global("SM-011"), Via(table, "SM-011")):
        machine = await begin(switch, name=name)
        at: Any = (name, node.name) if isinstance(name, str) else name
        for address in (at, name):
            if process.alive(machine):
                await gen_statem.stop(address)
            with pytest.raises(NoProcess):
                await gen_statem.stop(address)
