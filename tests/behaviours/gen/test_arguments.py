"""What is given in another form than the usual one: taken as it is meant, or refused in words where it is given."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any, Generic, TypeVar

import pytest

from regrow import (
    Agent,
    Application,
    ChildSpec,
    Down,
    GenEvent,
    GenServer,
    GenStatem,
    KeepState,
    NextState,
    NoReply,
    Ok,
    PartitionSupervisor,
    Registry,
    Reply,
    ReplyAction,
    Service,
    Supervisor,
    Task,
    call,
    cast,
    gen_event,
    gen_server,
    process,
    send,
    service,
    system,
)
from regrow.behaviours.application.spec import InvalidApplication
from regrow.behaviours.gen.child_spec import InvalidChild
from regrow.behaviours.supervision.restart import InvalidFlags
from regrow.testing import capture_reports

pytestmark = pytest.mark.regrow

T = TypeVar("T")
HUGE = 10**400


async def waits(*_: Any) -> Any:
    await process.sleep(0.001)


# Where nothing can be awaited


async def test_update_value_refuses_what_has_to_be_awaited() -> None:
    await Registry.start_link(keys="unique", name="rooms")
    Registry.register("rooms", "lobby", 1)
    with pytest.raises(TypeError, match=r"update_value: .*waits.* has to be awaited"):
        Registry.update_value("rooms", "lobby", waits)
    assert Registry.lookup("rooms", "lobby") == [(process.current(), 1)]


async def test_so_do_predicates_and_dispatch() -> None:
    await Registry.start_link(keys="unique", name="rooms")
    Registry.register("rooms", "lobby", 1)
    for asks in (
        lambda: Registry.match("rooms", "lobby", ..., where=waits),
        lambda: Registry.select("rooms", where=waits),
        lambda: Registry.unregister_match("rooms", "lobby", ..., waits),
        lambda: Registry.dispatch("rooms", "lobby", waits),
    ):
        with pytest.raises(TypeError, match="has to be awaited"):
            asks()
    assert Registry.count("rooms") == 1


async def test_with_arguments_is_no_async_def() -> None:
    spec = ChildSpec("agent", (Agent.start_link, (dict,)))
    with pytest.raises(TypeError, match=r"with_arguments: .* has to be awaited"):
        await PartitionSupervisor.start_link(child_spec=spec, name="p", with_arguments=waits)  # type: ignore[arg-type]


class Misspelt:
    """A class whose child spec is none."""

    given: Any = None

    @classmethod
    def child_spec(cls, arg: Any = None) -> Any:
        return waits() if arg == "later" else arg


async def test_a_child_spec_that_is_none_is_named() -> None:
    with pytest.raises(TypeError, match=r"Misspelt.child_spec: .* has to be awaited"):
        await Supervisor.start_link([(Misspelt, "later")])
    with pytest.raises(InvalidChild, match=r"Misspelt.child_spec must return a ChildSpec; it returned 3"):
        await Supervisor.start_link([(Misspelt, 3)])


# A list


@pytest.mark.parametrize("wrong", ["lis", b"lis", str, 3])
async def test_listeners_are_a_list(wrong: Any) -> None:
    with pytest.raises(TypeError, match="listeners: wanted a list of names"):
        await Registry.start_link(keys="unique", name="rooms", listeners=wrong)


async def test_other_lists_are_no_strings_either() -> None:
    with pytest.raises(TypeError, match="wanted a list of nodes"):
        gen_server.abcast("name", "hello", nodes="nodes")
    with pytest.raises(TypeError, match="wanted a list of nodes"):
        await gen_server.multi_call("name", "hello", nodes=3)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="wanted a list of tasks"):
        await Task.await_many("ab")  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="wanted a list of options"):
        await Agent.start_link(dict, debug="trace")
    with pytest.raises(TypeError, match="meta: wanted a mapping"):
        await Registry.start_link(keys="unique", name="rooms", meta="ab")  # type: ignore[arg-type]


# A class with its parameters


class Box(GenServer[T], Generic[T]):
    """A server of anything."""

    def handle_call(self, _request: Any, _from: Any, state: T, /) -> Any:
        return Reply(state, state)


class Sum(GenEvent[T], Generic[T]):
    """A handler of anything."""

    def init(self, arg: Any, /) -> Any:
        return Ok(arg)

    def handle_event(self, event: Any, state: Any, /) -> Any:
        return Ok(state + event)

    def handle_call(self, _request: Any, state: Any, /) -> Any:
        return Reply(state, state)


async def test_a_class_with_parameters_is_the_class() -> None:
    supervisor = await Supervisor.start_link([(Box[int], 1), ChildSpec("other", (Box[str].start_link, ("a",)))])
    assert [child.id for child in await Supervisor.which_children(supervisor)] == ["other", Box]
    single = Supervisor.child_spec((Box[int], 2), id="second")
    box = await Supervisor.start_child(supervisor, single)
    assert await call(box, "value") == 2
    with pytest.raises(TypeError, match="Put a single child into a list"):
        await Supervisor.start_link((Box[int], 1))  # type: ignore[arg-type]
    with pytest.raises(InvalidChild):
        await Supervisor.start_link([(list[int], 1)])  # type: ignore[list-item]


async def test_a_handler_with_parameters_is_the_handler() -> None:
    manager = await gen_event.start_link()
    assert await gen_event.add_handler(manager, (Sum[int], "id"), 1) == "ok"
    await gen_event.sync_notify(manager, 2)
    assert await gen_event.call(manager, (Sum, "id"), "total") == 3
    assert await gen_event.which_handlers(manager) == [(Sum, "id")]


# Agents


async def test_a_future_is_a_state_like_any_other() -> None:
    future: asyncio.Future[int] = asyncio.get_running_loop().create_future()
    agent = await Agent.start_link(lambda: future)
    assert await Agent.get(agent, lambda state: state) is future
    await Agent.update(agent, lambda state: state)
    assert await Agent.get_and_update(agent, lambda state: (state, state)) is future
    Agent.cast(agent, lambda _: asyncio.ensure_future(waits()))
    assert isinstance(await Agent.get(agent, lambda state: state), asyncio.Future)
    await system.suspend(agent)

    async def replaced(_state: Any) -> str:
        return "replaced"

    assert await system.change_code(agent, Agent, 1, replaced) == "ok"
    assert await system.get_state(agent) == "replaced"


async def test_what_an_agent_starts_with_is_said_in_its_own_words() -> None:
    with pytest.raises(TypeError, match=r"Agent.start_link: wanted a function that returns the first state, got 0"):
        await Agent.start_link(0)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match=r"Agent.get: wanted a function of the state, got 0"):
        await Agent.get("agent", 0)  # type: ignore[arg-type]


# Numbers


@pytest.mark.parametrize("wrong", [1.5, True, 0, "2"])
async def test_how_many_tasks_is_a_whole_number(wrong: Any) -> None:
    with pytest.raises(ValueError, match="whole number of tasks"):
        Task.async_stream([1], waits, max_concurrency=wrong)
    with pytest.raises(ValueError, match="whole number of tasks"):
        await Task.yield_many([], limit=wrong)


async def test_seconds_that_no_float_can_hold() -> None:
    for waiting in (process.sleep(HUGE), call("name", "hello", HUGE), process.receive(timeout=HUGE)):
        with pytest.raises(ValueError, match="wanted seconds"):
            await waiting
    with pytest.raises(InvalidChild, match="shutdown"):
        ChildSpec("child", Agent.start_link, shutdown=HUGE)
    with pytest.raises(InvalidFlags, match="max_seconds"):
        await Supervisor.start_link([], max_seconds=HUGE)
    with pytest.raises(ValueError, match=r"service\.every"):
        service.every(HUGE)
    for wrong in (HUGE, float("nan"), -1):
        with pytest.raises(InvalidApplication, match="max_time"):
            type("Wrong", (Application,), {}, max_time=wrong)


class Patient(GenServer[None]):
    """Waits for so long."""

    def handle_cast(self, request: Any, state: Any, /) -> Any:
        return NoReply(state, request)


async def test_a_then_that_no_float_can_hold_is_a_bad_return() -> None:
    patient = await Patient.start()
    with capture_reports() as reports:
        cast(patient, HUGE)
        await process.sleep(0.001)
    assert reports[0].reason[0] == "bad_return_value"
    cast(await Patient.start(), timedelta(days=1))


class Machine(GenStatem[str, Any]):
    """Its states are called as the ways to start it are."""

    def init(self, arg: Any, /) -> Any:
        return NextState("start", arg)

    def start(self, event_type: Any, content: Any, data: Any) -> Any:  # type: ignore[override]
        return NextState(content[0], data, ReplyAction(event_type[1], ("start", content[1:])))

    def start_link(self, event_type: Any, content: Any, data: Any) -> Any:  # type: ignore[override]
        return NextState(content[0], data, ReplyAction(event_type[1], ("start_link", content[1:])))


class Derived(Machine):
    """Has another state of that name."""

    def start_link(self, event_type: Any, content: Any, data: Any) -> Any:  # type: ignore[override]
        return NextState(content[0], data, ReplyAction(event_type[1], ("derived", content[1:])))


MACHINE: Any = Machine  # to a checker `start` is no way to start one any more
DERIVED: Any = Derived


async def test_a_state_may_be_called_as_the_function_that_starts_the_machine() -> None:
    machine = await MACHINE.start(None)
    assert await call(machine, ["start_link", 1]) == ("start", [1])
    assert await call(machine, ["start", 2]) == ("start_link", [2])
    derived = await DERIVED.start_link(None)
    await call(derived, ["start_link"])
    assert await call(derived, ["start"]) == ("derived", [])
    assert await call(await MACHINE.start(None), ["start"]) == ("start", [])


async def test_a_state_cannot_be_called_as_a_callback_is() -> None:
    machine = await MACHINE.start(None)
    ref = process.monitor(machine)
    with capture_reports():
        await call(machine, ["terminate"])
        send(machine, "hello")
        down = await process.receive(Down)
    assert down.ref is ref
    assert "every machine has a method terminate" in str(down.reason)


class Timed(GenStatem[str, None]):
    """Wants a timeout that cannot be."""

    def init(self, _arg: Any, /) -> Any:
        return NextState("up", None)

    def handle_event(self, _type: Any, content: Any, _state: Any, data: Any, /) -> Any:
        return KeepState(data, content)


async def test_a_timeout_of_a_machine_is_at_most_as_long_as_its_timers() -> None:
    timed = await Timed.start()
    ref = process.monitor(timed)
    with capture_reports():
        send(timed, HUGE)
        down = await process.receive(Down)
    assert down.ref is ref
    assert "bad_action_from_state_function" in str(down.reason)


# Services


class Base(Service):
    """Takes two classes of messages."""

    def __init__(self) -> None:
        self.seen: list[str] = []

    @service.info(str)
    def text(self, _message: str) -> None:
        self.seen.append("Base.text")

    @service.call
    def log(self) -> list[str]:
        return self.seen


class Middle(Base):
    """Takes strings under another name."""

    @service.info(str)
    def words(self, _message: str) -> None:
        self.seen.append("Middle.words")


class Last(Middle):
    """Takes them again, under the first one."""

    @service.info(str)
    def text(self, _message: str) -> None:
        self.seen.append("Last.text")


class Other(Middle):
    """Takes numbers where the first class took strings."""

    @service.info(int)
    def text(self, _message: int) -> None:
        self.seen.append("Other.text")


async def test_the_nearest_class_takes_a_message() -> None:
    for kind, seen in ((Base, "Base.text"), (Middle, "Middle.words"), (Last, "Last.text"), (Other, "Middle.words")):
        started = await kind.start_link()
        send(started, "hello")
        assert await started.log() == [seen]
    other = await Other.start_link()
    send(other, 3)
    assert await other.log() == ["Other.text"]
