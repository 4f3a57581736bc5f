"""Arguments in an unusual form: accepted as they are meant, or refused at once with a clear error."""

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


async def test_update_value_refuses_an_async_function() -> None:
    await Registry.start_link(keys="unique", name="rooms")
    Registry.register("rooms", "lobby", 1)
    with pytest.raises(TypeError, match=r"update_value: .*waits.* has to be awaited"):
        Registry.update_value("rooms", "lobby", waits)
    assert Registry.lookup("rooms", "lobby") == [(process.current(), 1)]


async def test_predicates_and_dispatch_refuse_async_functions() -> None:
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


async def test_with_arguments_refuses_an_async_function() -> None:
    spec = ChildSpec("agent", (Agent.start_link, (dict,)))
    with pytest.raises(TypeError, match=r"with_arguments: .* has to be awaited"):
        await PartitionSupervisor.start_link(child_spec=spec, name="p", with_arguments=waits)  # type: ignore[arg-type]


class Misspelt:
    """A class whose child spec is invalid."""

    given: Any = None

    @classmethod
    def child_spec(cls, arg: Any = None) -> Any:
        return waits() if arg == "later" else arg


async def test_the_error_names_the_class_with_the_invalid_child_spec() -> None:
    with pytest.raises(TypeError, match=r"Misspelt.child_spec: .* has to be awaited"):
        await Supervisor.start_link([(Misspelt, "later")])
    with pytest.raises(InvalidChild, match=r"Misspelt.child_spec must return a ChildSpec; it returned 3"):
        await Supervisor.start_link([(Misspelt, 3)])


# A list


@pytest.mark.parametrize("wrong", ["lis", b"lis", str, 3])
async def test_listeners_must_be_a_list(wrong: Any) -> None:
    with pytest.raises(TypeError, match="listeners: wanted a list of names"):
        await Registry.start_link(keys="unique", name="rooms", listeners=wrong)


async def test_a_string_is_refused_where_a_list_is_expected() -> None:
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
    """A server with a type parameter."""

    def handle_call(self, _request: Any, _from: Any, state: T, /) -> Any:
        return Reply(state, state)


class Sum(GenEvent[T], Generic[T]):
    """A handler with a type parameter."""

    def init(self, arg: Any, /) -> Any:
        return Ok(arg)

    def handle_event(self, event: Any, state: Any, /) -> Any:
        return Ok(state + event)

    def handle_call(self, _request: Any, state: Any, /) -> Any:
        return Reply(state, state)


async def test_a_class_with_type_parameters_is_the_class() -> None:
    supervisor = await Supervisor.start_link([(Box[int], 1), ChildSpec("other", (Box[str].start_link, ("a",)))])
    assert [child.id for child in await Supervisor.which_children(supervisor)] == ["other", Box]
    single = Supervisor.child_spec((Box[int], 2), id="second")
    box = await Supervisor.start_child(supervisor, single)
    assert await call(box, "value") == 2
    with pytest.raises(TypeError, match="Put a single child into a list"):
        await Supervisor.start_link((Box[int], 1))  # type: ignore[arg-type]
    with pytest.raises(InvalidChild):
        await Supervisor.start_link([(list[int], 1)])  # type: ignore[list-item]


async def test_a_handler_with_type_parameters_is_the_handler() -> None:
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


async def test_the_error_of_an_agent_speaks_of_its_start_function() -> None:
    with pytest.raises(TypeError, match=r"Agent.start_link: wanted a function that returns the first state, got 0"):
        await Agent.start_link(0)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match=r"Agent.get: wanted a function of the state, got 0"):
        await Agent.get("agent", 0)  # type: ignore[arg-type]


# Numbers


@pytest.mark.parametrize("wrong", [1.5, True, 0, "2"])
async def test_the_number_of_tasks_must_be_an_integer(wrong: Any) -> None:
    with pytest.raises(ValueError, match="whole number of tasks"):
        Task.async_stream([1], waits, max_concurrency=wrong)
    with pytest.raises(ValueError, match="whole number of tasks"):
        await Task.yield_many([], limit=wrong)


async def test_seconds_that_no_float_can_hold_are_refused() -> None:
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
    """A server whose timeout is this long."""

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
    """A machine whose states have the names of its start functions."""

    def init(self, arg: Any, /) -> Any:
        return NextState("start", arg)

    def start(self, event_type: Any, content: Any, data: Any) -> Any:  # type: ignore[override]
        return NextState(content[0], data, ReplyAction(event_type[1], ("start", content[1:])))

    def start_link(self, event_type: Any, content: Any, data: Any) -> Any:  # type: ignore[override]
        return NextState(content[0], data, ReplyAction(event_type[1], ("start_link", content[1:])))


class Derived(Machine):
    """A machine with one more state of that name."""

    def start_link(self, event_type: Any, content: Any, data: Any) -> Any:  # type: ignore[override]
        return NextState(content[0], data, ReplyAction(event_type[1], ("derived", content[1:])))


MACHINE: Any = Machine  # to a checker `start` is no longer a start function
DERIVED: Any = Derived


async def test_a_state_may_have_the_name_of_a_start_function() -> None:
    machine = await MACHINE.start(None)
    assert await call(machine, ["start_link", 1]) == ("start", [1])
    assert await call(machine, ["start", 2]) == ("start_link", [2])
    derived = await DERIVED.start_link(None)
    await call(derived, ["start_link"])
    assert await call(derived, ["start"]) == ("derived", [])
    assert await call(await MACHINE.start(None), ["start"]) == ("start", [])


async def test_a_state_cannot_have_the_name_of_a_callback() -> None:
    machine = await MACHINE.start(None)
    ref = process.monitor(machine)
    with capture_reports():
        await call(machine, ["terminate"])
        send(machine, "hello")
        down = await process.receive(Down)
    assert down.ref is ref
    assert "every machine has a method terminate" in str(down.reason)


class Timed(GenStatem[str, None]):
    """A machine that sets an impossible timeout."""

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
    """A service that handles two classes of messages."""

    def __init__(self) -> None:
        self.seen: list[str] = []

    @service.info(str)
    def text(self, _message: str) -> None:
        self.seen.append("Base.text")

    @service.call
    def log(self) -> list[str]:
        return self.seen


class Middle(Base):
    """A service that handles strings by a method with another name."""

    @service.info(str)
    def words(self, _message: str) -> None:
        self.seen.append("Middle.words")


class Last(Middle):
    """A service that handles strings again, by the first method's name."""

    @service.info(str)
    def text(self, _message: str) -> None:
        self.seen.append("Last.text")


class Other(Middle):
    """A service that handles numbers where the first class handled strings."""

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
