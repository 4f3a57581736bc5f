# ruff: noqa: ARG002 (callbacks have the parameters that OTP gives them)
"""The result of a user's function is awaited if it is awaitable: each kind, at each place that calls a function."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Generator
from types import coroutine
from typing import Any

import pytest

from regrow import (
    Agent,
    Application,
    ChildSpec,
    Continue,
    DynamicSupervisor,
    GenEvent,
    GenServer,
    GenStatem,
    KeepState,
    ModuleSupervisor,
    NextState,
    NoReply,
    Ok,
    Registry,
    Reply,
    ReplyAction,
    Service,
    Supervisor,
    Task,
    TaskSupervisor,
    application,
    call,
    cast,
    gen_event,
    global_,
    proc_lib,
    process,
    service,
    stop,
    timer,
)
from regrow.kernel.awaitables import is_awaitable
from regrow.testing import expect_message

pytestmark = pytest.mark.regrow

Giver = Callable[[Any], Any]


@coroutine
def generator_based(value: Any) -> Generator[Any, Any, Any]:
    yield  # asyncio.sleep(0)
    return value


class Custom:
    def __init__(self, value: Any) -> None:
        self.value = value

    def __await__(self) -> Generator[Any, Any, Any]:
        yield
        return self.value


def future(value: Any) -> Awaitable[Any]:
    made = asyncio.get_running_loop().create_future()
    asyncio.get_running_loop().call_soon(made.set_result, value)
    return made


async def plain(value: Any) -> Any:
    await asyncio.sleep(0)
    return value


GIVERS: list[Giver] = [generator_based, Custom, future, plain]


@pytest.fixture(params=GIVERS, ids=lambda giver: giver.__name__)
def give(request: pytest.FixtureRequest) -> Giver:
    found: Giver = request.param
    return found


# Processes and tasks


async def test_a_task_returns_the_awaited_result_of_its_function(give: Giver) -> None:
    assert await Task.async_(give, 7).await_() == 7
    assert [one async for one in Task.async_stream([1, 2], give)] == [("ok", 1), ("ok", 2)]


async def test_a_supervised_task_returns_the_awaited_result_of_its_function(give: Giver) -> None:
    supervisor = await TaskSupervisor.start_link()
    assert await (await TaskSupervisor.async_(supervisor, give, 7)).await_() == 7


async def test_the_function_of_a_task_may_be_receive() -> None:
    task = Task.async_(process.receive)
    assert task.pid is not None
    process.send(task.pid, "mail")
    assert await task.await_() == "mail"


@pytest.mark.parametrize("spawn", [process.spawn_monitor, proc_lib.spawn_monitor])
async def test_a_process_awaits_the_result_of_its_function(give: Giver, spawn: Callable[..., Any]) -> None:
    me = process.current()
    done: list[Any] = []

    def function() -> Any:
        async def after() -> None:
            done.append(await give(7))
            process.send(me, "awaited")

        return finish(after())

    @coroutine
    def finish(rest: Any) -> Generator[Any, Any, Any]:
        yield from rest.__await__()

    spawn(function)
    assert await expect_message("awaited") == "awaited"
    assert done == [7]


async def test_the_function_of_a_process_may_be_receive() -> None:
    pid, ref = process.spawn_monitor(process.receive)
    await process.sleep(1.0)
    assert process.alive(pid)
    process.send(pid, "mail")
    assert (await process.receive()).ref is ref


async def test_a_process_ends_when_its_awaitable_is_done(give: Giver) -> None:
    _, ref = process.spawn_monitor(lambda: give(7))
    down = await process.receive()
    assert (down.ref, down.reason) == (ref, "normal")


async def test_the_exception_of_an_awaitable_is_the_reason_of_the_end() -> None:
    class Failing:
        def __await__(self) -> Generator[Any, Any, Any]:
            yield
            raise LookupError("late")

    _, ref = process.spawn_monitor(Failing)
    down = await process.receive()
    assert down.ref is ref
    assert isinstance(down.reason, LookupError)


async def test_a_function_after_hibernation_is_awaited(give: Giver) -> None:
    me = process.current()

    @coroutine
    def awake() -> Generator[Any, Any, None]:
        yield
        process.send(me, "awake")

    async def sleeper() -> None:
        await process.hibernate(awake)

    process.send(process.spawn(sleeper), "up")
    assert await expect_message("awake") == "awake"


async def test_tc_gives_the_time_until_the_awaitable_is_done() -> None:
    timed: Any = timer.tc(generator_based, 7)  # its type does not show that it is awaited
    _, value = await timed
    assert value == 7


# Servers


async def test_each_callback_of_a_server_is_awaited(give: Giver) -> None:
    me = process.current()

    class Server(GenServer[int]):
        def init(self, arg: Any) -> Any:
            return give(Ok(1, Continue("begun")))

        def handle_continue(self, arg: Any, state: int) -> Any:
            return give(NoReply(state + 1))

        def handle_call(self, request: Any, from_: Any, state: int) -> Any:
            return give(Reply(state, state + 1))

        def handle_cast(self, request: Any, state: int) -> Any:
            return give(NoReply(state + 1))

        def handle_info(self, message: Any, state: int) -> Any:
            return give(NoReply(state + 1))

        def terminate(self, reason: Any, state: int) -> Any:
            return record(give(state))

    async def record(state: Awaitable[int]) -> None:
        process.send(me, ("last", await state))

    server = await Server.start_link()
    assert await call(server, "state") == 2
    cast(server, "more")
    process.send(server, "more")
    assert await call(server, "state") == 5
    await stop(server)
    assert await expect_message(lambda message: message[0] == "last") == ("last", 6)  # pyright: ignore[reportUnknownLambdaType]


async def test_each_callback_of_a_state_machine_is_awaited(give: Giver) -> None:
    class Machine(GenStatem[str, int]):
        def callback_mode(self) -> Any:
            return ["state_functions", "state_enter"]

        def init(self, arg: Any) -> Any:
            return give(NextState("on", 1))

        def on(self, event_type: Any, content: Any, data: int) -> Any:
            if event_type == "enter":
                return give(KeepState(data + 1))
            return give(KeepState(data, [ReplyAction(event_type[1], data)]))

        def terminate(self, reason: Any, state: str, data: int) -> Any:
            return give(None)

    machine = await Machine.start_link()
    assert await call(machine, "data") == 2
    await stop(machine)


async def test_each_callback_of_an_event_handler_is_awaited(give: Giver) -> None:
    class Handler(GenEvent[int]):
        def init(self, arg: Any) -> Any:
            return give(Ok(1))

        def handle_event(self, event: Any, state: int) -> Any:
            return give(Ok(state + 1))

        def handle_call(self, request: Any, state: int) -> Any:
            return give(Reply(state, state))

        def terminate(self, arg: Any, state: int) -> Any:
            return give("left")

    manager = await gen_event.start_link()
    assert await gen_event.add_handler(manager, Handler) == "ok"
    await gen_event.sync_notify(manager, "event")
    assert await gen_event.call(manager, Handler, "state") == 2
    assert await gen_event.delete_handler(manager, Handler) == "left"


@pytest.mark.parametrize("give", [plain, generator_based])
async def test_each_function_on_an_agent_s_state_is_awaited(give: Giver) -> None:
    agent = await Agent.start_link(lambda: give(1))
    assert await Agent.get(agent, give) == 1
    await Agent.update(agent, lambda state: give(state + 1))
    assert await Agent.get_and_update(agent, lambda state: give((state, state + 1))) == 2
    Agent.cast(agent, lambda state: give(state + 1))
    assert await Agent.get(agent, lambda state: state) == 4


async def test_a_method_of_a_service_may_be_a_generator_based_coroutine() -> None:
    class Counter(Service):
        @service.call
        @coroutine
        def next(self) -> Generator[Any, Any, int]:
            yield
            return 7

    counter = await Counter.start_link()
    assert await counter.next() == 7


# Supervisors and applications


class Idle(GenServer[None]):
    pass


async def test_a_start_function_and_a_supervisor_s_init_are_awaited(give: Giver) -> None:
    async def start() -> Any:
        return await Idle.start_link(None)

    class Tree(ModuleSupervisor):
        def init(self, arg: Any) -> Any:
            return give(Supervisor.init([ChildSpec("child", lambda: awaited(start()))], strategy="one_for_one"))

    async def awaited(started: Any) -> Any:
        return await give(await started)

    tree = await Tree.start_link()
    assert (await Supervisor.count_children(tree)).active == 1
    dynamic = await DynamicSupervisor.start_link()
    child = await DynamicSupervisor.start_child(dynamic, ChildSpec("child", lambda: awaited(start())))
    assert process.alive(child)


async def test_each_callback_of_an_application_is_awaited(give: Giver) -> None:
    seen: list[str] = []

    def noted(word: str, value: Any) -> Any:
        async def later() -> Any:
            seen.append(word)
            return await give(value)

        return later()

    class App(Application, start_phases=[("warm", None)]):
        async def start(self, type: Any, args: Any) -> Any:
            return await give(await Supervisor.start_link([]))

        def start_phase(self, phase: Any, type: Any, args: Any) -> Any:
            return noted("phase", None)

        def prep_stop(self, state: Any) -> Any:
            return noted("prep_stop", state)

        def stop(self, state: Any) -> Any:
            return noted("stop", None)

    await application.start(App)
    await application.stop(App)
    assert seen == ["phase", "prep_stop", "stop"]


async def test_the_function_of_a_transaction_is_awaited(give: Giver) -> None:
    await Registry.start_link(keys="unique", name="reg")
    assert await Registry.lock("reg", "key", lambda: give(7)) == 7
    assert await global_.trans(("id", 1), lambda: give(8)) == 8


# Not awaitable


def yields() -> Generator[int, None, None]:
    yield 1


def test_a_generator_and_a_class_are_values() -> None:
    assert not is_awaitable(yields())
    assert not is_awaitable(Custom)
    assert not is_awaitable(asyncio.Future)


async def test_a_task_gives_a_generator_as_it_is() -> None:
    assert list(await Task.async_(yields).await_()) == [1]


async def test_an_agent_keeps_a_class_whose_objects_can_be_awaited() -> None:
    agent = await Agent.start_link(lambda: Custom)
    assert await Agent.get(agent, lambda state: state) is Custom
