"""A value that raises in every operation, wherever a value goes: it arrives, and no process that carries it ends."""

from __future__ import annotations

from typing import Any

import pytest

from regrow import (
    Agent,
    CalleeExit,
    ChildSpec,
    Down,
    Error,
    Exit,
    Exited,
    GenEvent,
    GenServer,
    GenStatem,
    KeepState,
    NoReply,
    Ok,
    Registry,
    Reply,
    ReplyAction,
    StartError,
    Stop,
    Supervisor,
    Task,
    call,
    cast,
    gen_event,
    gen_statem,
    process,
    send,
    system,
    trace,
)
from tests.matrix.cells import Echo, run_cell
from tests.matrix.ways import hidden, refuse


class Odd:
    """A value that raises in every operation."""

    __repr__ = __str__ = __eq__ = __ne__ = __reduce__ = __reduce_ex__ = __bool__ = __len__ = __iter__ = refuse  # pyright: ignore[reportAssignmentType] (to refuse is meant)
    __format__ = __copy__ = __deepcopy__ = __getattr__ = __call__ = __lt__ = __gt__ = refuse
    __class__ = hidden  # pyright: ignore[reportIncompatibleMethodOverride]
    __hash__ = object.__hash__


class Kept:
    """A holder that hides a value from pytest, which inspects every object in a module."""

    odd: Any = Odd()


class Holder(GenServer[Any]):
    """A server that holds the value, replies with it, and ends with it."""

    def init(self, arg: Any) -> Any:
        return Error(Kept.odd) if type(arg) is str else Ok(arg)

    def handle_call(self, request: Any, _from: Any, state: Any) -> Any:
        if type(request) is str and request == "stop":
            return Stop(Kept.odd, state, reply=Kept.odd)
        if type(request) is str and request == "raise":
            raise Exit(Kept.odd)
        if type(request) is str and request == "wrong":
            return Kept.odd
        return Reply(request, Kept.odd)

    def handle_cast(self, request: Any, _state: Any) -> Any:
        return NoReply(request)

    def handle_info(self, message: Any, _state: Any) -> Any:
        return NoReply(message)


class Machine(GenStatem[Any, Any]):
    """A machine that holds the value as its data, and sends it to itself."""

    def callback_mode(self) -> Any:
        return "handle_event_function"

    def init(self, arg: Any) -> Any:
        return Ok("on", arg)

    def handle_event(self, kind: Any, content: Any, _state: Any, data: Any) -> Any:
        if type(kind) is tuple:
            from_: Any = kind[1]  # pyright: ignore[reportUnknownVariableType]
            return KeepState(data, [ReplyAction(from_, content)])  # pyright: ignore[reportUnknownArgumentType]
        return KeepState(content)


class Handler(GenEvent[Any]):
    """A handler that holds the value."""

    def init(self, arg: Any) -> Any:
        return Ok(arg)

    def handle_event(self, event: Any, _state: Any) -> Any:
        return Ok(event)

    def handle_call(self, request: Any, state: Any) -> Any:
        return Reply(state, request)


async def to_a_server() -> None:
    server = await Holder.start_link(Kept.odd)
    assert await call(server, Kept.odd) is Kept.odd
    cast(server, Kept.odd)
    send(server, Kept.odd)
    assert await system.get_state(server) is Kept.odd
    status = await system.get_status(server)
    assert status["state"] is Kept.odd
    await system.log(server, True)
    await system.trace(server, True)
    assert await call(server, Kept.odd) is Kept.odd
    await system.trace(server, False)


async def out_of_a_server() -> None:
    for word in ("stop", "raise", "wrong"):
        server = await Holder.start_link(Kept.odd)
        ref = process.monitor(server)
        if word == "stop":
            assert await call(server, word) is Kept.odd
        else:
            with pytest.raises(CalleeExit):
                await call(server, word)
        reason: Any = (await process.receive(Down, timeout=1.0)).reason
        assert (reason[1] if word == "wrong" else reason) is Kept.odd
        assert ref is not None
        await process.receive(Exited, timeout=1.0)
    with pytest.raises(StartError) as caught:
        await Holder.start_link("fail")
    assert caught.value.reason is Kept.odd


async def to_a_machine() -> None:
    machine = await Machine.start_link(Kept.odd)
    assert await gen_statem.call(machine, Kept.odd) is Kept.odd
    gen_statem.cast(machine, Kept.odd)
    send(machine, Kept.odd)
    assert (await system.get_state(machine))[1] is Kept.odd


async def to_a_manager() -> None:
    manager = await gen_event.start_link()
    await gen_event.add_handler(manager, Handler, Kept.odd)
    gen_event.notify(manager, Kept.odd)
    await gen_event.sync_notify(manager, Kept.odd)
    assert await gen_event.call(manager, Handler, Kept.odd) is Kept.odd
    send(manager, Kept.odd)
    assert await gen_event.which_handlers(manager) == [Handler]


async def by_message() -> None:
    me = process.current()
    send(me, Kept.odd)
    assert await process.receive() is Kept.odd
    send(me, Kept.odd)
    send(me, "word")
    assert await process.receive(lambda message: type(message) is str) == "word"
    assert await process.receive() is Kept.odd
    process.send_after(me, Kept.odd, 1.0)
    assert await process.receive(timeout=2.0) is Kept.odd


async def as_a_reason() -> None:
    async def waits() -> None:
        await process.receive(str)

    for _ in range(2):
        pid, _ = process.spawn_monitor(waits)
        process.exit(pid, Kept.odd)
        assert (await process.receive(Down, timeout=1.0)).reason is Kept.odd
    pid = process.spawn_link(waits)
    process.exit(pid, Kept.odd)
    assert (await process.receive(Exited, timeout=1.0)).reason is Kept.odd

    async def raises() -> None:
        raise Exit(Kept.odd)

    task = Task.async_(raises)
    with pytest.raises(CalleeExit):
        await task.await_()


async def in_a_task() -> None:
    async def gives(value: Any) -> Any:
        return value

    assert await Task.async_(gives, Kept.odd).await_() is Kept.odd
    assert [one[1] is Kept.odd async for one in Task.async_stream([Kept.odd, Kept.odd], gives)] == [True, True]


async def in_an_agent() -> None:
    agent = await Agent.start_link(lambda: Kept.odd)
    assert await Agent.get(agent, lambda state: state) is Kept.odd
    await Agent.update(agent, lambda _: Kept.odd)


async def under_a_supervisor() -> None:
    supervisor = await Supervisor.start_link([ChildSpec("odd", (Holder.start_link, (Kept.odd,)))])
    (child,) = await Supervisor.which_children(supervisor)
    send(supervisor, Kept.odd)
    process.exit(child[1], Kept.odd)
    await process.sleep(1.0)
    assert (await Supervisor.count_children(supervisor)).active == 1
    await Supervisor.stop(supervisor)


async def in_the_dictionary() -> None:
    process.put("odd", Kept.odd)
    assert process.get("odd") is Kept.odd
    process.set_label(Kept.odd)
    assert process.get_label(process.current()) is Kept.odd
    server = await Holder.start_link(Kept.odd)
    process.exit(server, "kill")


async def in_a_registry() -> None:
    await Registry.start_link(keys="duplicate", name="odd")
    Registry.register("odd", "key", Kept.odd)
    ((_, value),) = Registry.lookup("odd", "key")
    assert value is Kept.odd


async def seen_by_a_trace() -> None:
    with trace() as seen:
        server = await Holder.start_link(Kept.odd)
        assert await call(server, Kept.odd) is Kept.odd
        send(server, Kept.odd)
        process.exit(server, Kept.odd)
        await process.receive(Exited, timeout=1.0)
    assert str(seen)


SCENARIOS = [
    to_a_server,
    out_of_a_server,
    to_a_machine,
    to_a_manager,
    by_message,
    as_a_reason,
    in_a_task,
    in_an_agent,
    under_a_supervisor,
    in_the_dictionary,
    in_a_registry,
    seen_by_a_trace,
]


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.__name__)
def test_a_value_that_raises_in_every_operation_arrives(scenario: Any) -> None:
    assert run_cell(scenario) == []


def test_the_checks_accept_a_healthy_node() -> None:
    """The checks of every cell pass on a node on which nothing has failed."""

    async def scenario() -> None:
        echo = await Echo.start_link(1)
        assert await call(echo, "hello") == "hello"

    assert run_cell(scenario) == []
