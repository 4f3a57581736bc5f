"""1, 1.0 and True are three keys, as in OTP: of global names, locks, states, timeouts, children, handlers."""

from __future__ import annotations

from typing import Any

import pytest

from regrow import (
    ChildError,
    ChildSpec,
    GenEvent,
    GenServer,
    GenStatem,
    Global,
    InvalidChild,
    Ok,
    Pid,
    Reply,
    Supervisor,
    Via,
    gen_event,
    gen_statem,
    global_,
    process,
    system,
)
from regrow.behaviours.gen_statem.results import GenericTimeout, KeepStateAndData, NextState, Postpone, ReplyAction
from regrow.kernel.keys import equal, exact, plain
from regrow.testing import flush

pytestmark = pytest.mark.regrow

KEYS: list[Any] = [1, 1.0, True, 0, 0.0, False, (1,), (True,), (1.0, (0,)), (1.0, (False,)), "1"]


class Idle(GenServer[Any]):
    """A server that does nothing."""


@pytest.mark.parametrize("one", KEYS)
async def test_a_key_equals_only_itself(one: Any) -> None:
    assert [equal(one, other) for other in KEYS] == [one is other for other in KEYS]
    assert len({exact(key): None for key in KEYS}) == len(KEYS)
    assert repr(plain(exact(one))) == repr(one)
    assert [Global(one) == Global(other) for other in KEYS] == [one is other for other in KEYS]
    assert [Via("r", one) == Via("r", other) for other in KEYS] == [one is other for other in KEYS]


async def test_global_names_are_exact() -> None:
    holders = [await Idle.start_link(name=Global(key)) for key in KEYS]
    assert [process.whereis(Global(key)) for key in KEYS] == holders
    assert list(map(repr, global_.registered_names())) == list(map(repr, KEYS))
    await global_.unregister_name(1)
    assert global_.whereis_name(1) is None
    assert global_.whereis_name(True) is holders[2]
    process.unlink(holders[2])
    process.exit(holders[2], "kill")
    assert global_.whereis_name(1.0) is holders[1]
    assert await global_.register_name(True, process.current())


async def test_lock_resources_are_exact() -> None:
    taken: list[Any] = []

    async def other() -> None:
        taken.extend([await global_.set_lock((key, "other"), retries=0) for key in KEYS])
        taken.append(await global_.set_lock(("mine", 1.0), retries=0))

    assert await global_.set_lock((1, "me"), retries=0)
    assert await global_.set_lock(("mine", 1), retries=0)
    _, ref = process.spawn_monitor(other)
    await process.receive(lambda message: message.ref is ref)
    assert taken == [False, *[True] * (len(KEYS) - 1), False]


class Numbers(GenStatem[Any, Any]):
    """A machine whose states are numbers."""

    def callback_mode(self) -> Any:
        return "handle_event_function", "state_enter"

    def init(self, arg: Any, /) -> Any:
        return Ok(1, arg)

    def handle_event(self, type_: Any, event: Any, state: Any, data: Any, /) -> Any:
        match type_, event:
            case "enter", old:
                data.append((repr(old), repr(state)))
                return KeepStateAndData()
            case ("call", from_), ("go", to):
                return NextState(to, data, [ReplyAction(from_, "gone")])
            case ("call", _), ("later", in_state) if not equal(in_state, state):
                return KeepStateAndData(actions=[Postpone()])
            case ("call", from_), ("timeouts", names):
                started = [GenericTimeout(name, 1.0, name) for name in names]
                return KeepStateAndData(actions=[*started, ReplyAction(from_, "started")])
            case ("call", from_), _:
                return KeepStateAndData(actions=[ReplyAction(from_, state)])
            case ("timeout", name), content:
                data.append((repr(name), repr(content)))
            case _:
                pass
        return KeepStateAndData()


async def test_states_and_timeouts_of_a_machine_are_exact() -> None:
    seen: list[Any] = []
    machine = await Numbers.start_link(seen)
    later = gen_statem.send_request(machine, ("later", True))
    assert await gen_statem.call(machine, ("go", 1.0)) == "gone"
    assert await gen_statem.call(machine, ("go", True)) == "gone"
    assert await gen_statem.receive_response(later, 1.0) == ("reply", True)
    assert seen == [("1", "1"), ("1", "1.0"), ("1.0", "True")]
    seen.clear()
    names = [1, 1.0, True]
    assert await gen_statem.call(machine, ("timeouts", names)) == "started"
    await process.sleep(2.0)
    assert sorted(seen) == sorted((repr(name), repr(name)) for name in names)


async def test_ids_of_children_are_exact() -> None:
    def child(id: Any) -> ChildSpec:
        return ChildSpec(id, (Idle.start_link, (id,)))

    supervisor = await Supervisor.start_link([child(key) for key in KEYS])
    rows = await Supervisor.which_children(supervisor)
    assert [repr(row.id) for row in reversed(rows)] == list(map(repr, KEYS))
    await Supervisor.terminate_child(supervisor, True)
    await Supervisor.delete_child(supervisor, True)
    with pytest.raises(ChildError):
        await Supervisor.which_child(supervisor, True)
    assert isinstance((await Supervisor.which_child(supervisor, 1)).pid, Pid)
    assert isinstance(await Supervisor.start_child(supervisor, child(True)), Pid)
    with pytest.raises(InvalidChild):
        Supervisor.check_childspecs([child(1.0), child(1.0)])


class Handler(GenEvent[Any]):
    """A handler that answers with its id."""

    def init(self, arg: Any, /) -> Any:
        return Ok(arg)

    def handle_event(self, _event: Any, state: Any, /) -> Any:
        return Ok(state)

    def handle_call(self, _request: Any, state: Any, /) -> Any:
        return Reply(state, state)

    def terminate(self, _arg: Any, state: Any, /) -> Any:
        return state


async def test_ids_of_handlers_are_exact() -> None:
    manager = await gen_event.start_link()
    ids: list[Any] = [0, False, 0.0, 1, True, None, ""]
    await gen_event.add_handler(manager, Handler, "without an id")
    for id in ids:
        await gen_event.add_handler(manager, (Handler, id), repr(id))
    assert await gen_event.call(manager, Handler, "who") == "without an id"
    for id in ids:
        assert await gen_event.call(manager, (Handler, id), "who") == repr(id)
    assert await gen_event.delete_handler(manager, (Handler, 0), "stop") == "0"
    assert await gen_event.delete_handler(manager, (Handler, False), "stop") == "False"
    assert await gen_event.call(manager, Handler, "who") == "without an id"
    assert await gen_event.delete_handler(manager, (Handler, 0), "stop") == ("error", "module_not_found")
    assert await gen_event.delete_handler(manager, Handler, "stop") == "without an id"
    left = await gen_event.which_handlers(manager)
    assert sorted(map(repr, left)) == sorted(repr((Handler, id)) for id in ids[2:])
    states = await system.get_state(manager)
    assert sorted(repr(id) for _, id, _ in states) == sorted(map(repr, ids[2:]))


async def test_flush_removes_the_messages_it_returns() -> None:
    me = process.current()
    for message in (1, True, 1.0, [1], [True]):
        process.send(me, message)
    assert repr(flush(lambda message: message is True)) == "[True]"  # pyright: ignore[reportUnknownLambdaType]
    assert repr(flush([True])) == "[[True]]"
    assert repr(flush()) == "[1, 1.0, [1]]"


# A second global name


async def test_a_process_may_get_a_second_name_by_re_register() -> None:
    one, two = await Idle.start_link(name=Global("a")), await Idle.start_link(name=Global("b"))
    await global_.re_register_name("a", two)
    assert global_.whereis_name("a") is two
    assert global_.whereis_name("b") is two
    assert not await global_.register_name("c", two)
    await global_.re_register_name("a", two)
    assert global_.whereis_name("a") is two
    process.unlink(two)
    process.exit(two, "kill")
    assert global_.registered_names() == []
    assert await global_.register_name("a", one)
