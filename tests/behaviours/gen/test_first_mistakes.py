# ruff: noqa: ARG002 - a callback has the parameters that OTP gives it, whether or not this one reads them
"""The error for a wrong result of a callback names the callback, its line, the result, and the expected form."""

from __future__ import annotations

import functools
from collections.abc import Callable
from types import CodeType
from typing import Any

import pytest

from regrow import (
    Agent,
    Application,
    CalleeExit,
    ChildSpec,
    DynamicSupervisor,
    GenEvent,
    GenServer,
    GenStatem,
    ModuleDynamicSupervisor,
    ModuleSupervisor,
    NextState,
    NoReply,
    Ok,
    Reply,
    ReplyAction,
    Service,
    StartError,
    StopAndReply,
    Supervisor,
    application,
    call,
    cast,
    gen_event,
    process,
    service,
    stop,
)
from regrow.behaviours.application.spec import ApplicationError
from regrow.kernel import explained_reasons
from regrow.ops.logs import words
from regrow.testing import expect_down
from regrow.testing.capture import Reports

pytestmark = pytest.mark.regrow


def stands_at(function: Any) -> str:
    """Return the line that the error gives for a callback."""
    code: CodeType = function.__code__
    return f"It stands at {explained_reasons.path_words(code.co_filename)}:{code.co_firstlineno}"


# The results of a server's callbacks


class Server(GenServer[Any]):
    def init(self, arg: Any) -> Any:
        return arg[0] if isinstance(arg, list) else Ok(arg)  # pyright: ignore[reportUnknownVariableType]

    def handle_call(self, request: Any, from_: Any, state: Any) -> Any:
        return state

    def handle_cast(self, request: Any, state: Any) -> Any:
        return state

    def handle_info(self, message: Any, state: Any) -> Any:
        return state

    def handle_continue(self, arg: Any, state: Any) -> Any:
        return state


class Later(Server):
    """A `Server` whose callbacks are `async def`."""

    async def init(self, arg: Any) -> Any:
        return super().init(arg)

    async def handle_call(self, request: Any, from_: Any, state: Any) -> Any:
        return state


CALL = "Reply(value, state), NoReply(state) or Stop(reason, state), or Stop(reason, state, reply=value)"
CAST = "NoReply(state) or Stop(reason, state)"
INIT = "Ok(state), IGNORE, Stop(reason) or Error(reason)"


@pytest.mark.parametrize("kind", [Server, Later])
@pytest.mark.parametrize(("value", "came"), [(None, "nothing"), (7, "7"), ({"n": 1}, "{'n': 1}")])
async def test_an_invalid_result_of_init(kind: type[Server], value: Any, came: str) -> None:
    process.trap_exit(True)
    with pytest.raises(StartError) as caught:
        await kind.start_link([value])
    assert str(caught.value) == (
        f"{kind.__name__} did not start: {kind.__name__}.init returned {came}. Wanted: {INIT}.\n  {stands_at(kind.init)}"
    )
    assert caught.value.reason == ("bad_return_value", value)


@pytest.mark.parametrize("kind", [Server, Later])
async def test_handle_call_that_returns_the_bare_state(kind: type[Server], reports: Reports) -> None:
    process.trap_exit(True)
    server = await kind.start_link(7)
    with pytest.raises(CalleeExit) as caught:
        await call(server, "request")
    letter = f"{kind.__name__}.handle_call returned 7. Wanted: {CALL}.\n  {stands_at(kind.handle_call)}"
    assert letter in str(caught.value)
    assert caught.value.reason[0] == ("bad_return_value", 7)
    text = words(reports.only("GenServer terminating"))
    assert "** (stop) bad return value: 7\n    " + letter.replace("\n", "\n    ") in text


async def test_a_blocking_server_s_callback_is_named_as_its_class_has_it() -> None:
    process.trap_exit(True)
    server = await Server.start_link(7, blocking=True)
    with pytest.raises(CalleeExit) as caught:
        await call(server, "request")
    assert f"Server.handle_call returned 7. Wanted: {CALL}.\n  {stands_at(Server.handle_call)}" in str(caught.value)


@pytest.mark.parametrize("way", [cast, process.send], ids=["cast", "send"])
async def test_a_handler_that_returns_nothing(way: Callable[[Any, Any], Any], reports: Reports) -> None:
    server = await Server.start(None)
    way(server, "message")
    callback = "handle_cast" if way is cast else "handle_info"
    await expect_down(server)
    text = words(reports.only("GenServer terminating"))
    assert (
        f"** (regrow.NoClause) no clause for 'message'. Server.{callback} returned nothing. Wanted: {CAST}.\n"
        f"      {stands_at(getattr(Server, callback))}"
    ) in text


async def test_an_invalid_timeout_names_the_callback() -> None:
    class Waits(Server):
        def handle_call(self, request: Any, from_: Any, state: Any) -> Any:
            return Reply(1, state, "soon")

    process.trap_exit(True)
    with pytest.raises(CalleeExit, match=r"Waits\.handle_call returned Reply\(1, 7, 'soon'\)\. Wanted: a timeout"):
        await call(await Waits.start_link(7), "request")


async def test_the_error_recognizes_a_tuple_as_in_otp() -> None:
    process.trap_exit(True)
    with pytest.raises(StartError, match="Results that are tuples in OTP are objects here"):
        await Server.start_link([("ok", 7)])
    with pytest.raises(CalleeExit, match="Results that are tuples in OTP are objects here"):
        await call(await Server.start_link(("reply", 1, 7)), "request")


async def test_the_error_has_the_line_of_a_decorated_callback() -> None:
    def decorated(function: Any) -> Any:
        @functools.wraps(function)
        def wrapper(*args: Any) -> Any:
            return function(*args)

        return wrapper

    class Wrapped(Server):
        @decorated
        def handle_call(self, request: Any, from_: Any, state: Any) -> Any:
            return state

    process.trap_exit(True)
    function: Any = Wrapped.handle_call
    with pytest.raises(CalleeExit) as caught:
        await call(await Wrapped.start_link(7), "request")
    assert stands_at(function.__wrapped__) in str(caught.value)


# Other behaviours


NO_ACTION: Any = "no action"
NO_REPLY: Any = "no reply"


class Machine(GenStatem[str, Any]):
    def callback_mode(self) -> Any:
        return ["state_functions", "state_enter"]

    def init(self, arg: Any) -> Any:
        return arg[0] if isinstance(arg, list) else NextState("on", arg)  # pyright: ignore[reportUnknownVariableType]

    def on(self, event_type: Any, content: Any, data: Any) -> Any:
        if event_type == "enter":
            return [] if data == "enter" else NextState("on", data)
        match content:
            case "nothing":
                return None
            case "leave":
                return NextState("off", data, [NO_ACTION])
            case "reply":
                return StopAndReply("normal", [NO_REPLY])
            case _:
                return data

    def off(self, event_type: Any, content: Any, data: Any) -> Any:
        return 5 if event_type == "enter" else None


@pytest.mark.parametrize(
    ("content", "letter"),
    [
        ("bare", "Machine.on returned 7. Wanted: NextState, KeepState"),
        ("nothing", "Machine.on returned nothing. Wanted: NextState, KeepState"),
        ("leave", "Machine.on returned 'no action'. Wanted: ReplyAction"),
        ("reply", "Machine.on returned 'no reply'. Wanted: ReplyAction"),
    ],
)
async def test_an_invalid_result_of_a_state(content: str, letter: str) -> None:
    process.trap_exit(True)
    with pytest.raises(CalleeExit) as caught:
        await call(await Machine.start_link(7), content)
    shown = str(caught.value.__cause__ or caught.value)
    assert letter in shown
    assert stands_at(Machine.on) in shown


async def test_invalid_results_of_a_machine_s_other_callbacks(reports: Reports) -> None:
    class Modeless(Machine):
        def callback_mode(self) -> Any:
            return "state_function"

    process.trap_exit(True)
    with pytest.raises(StartError) as caught:
        await Machine.start_link([7])
    assert "Machine.init returned 7. Wanted: NextState(state, data[, actions])" in str(caught.value)
    assert stands_at(Machine.init) in str(caught.value)
    await Modeless.start(7)
    assert "Modeless.callback_mode returned 'state_function'. Wanted:" in words(reports.of("GenStatem terminating")[-1])
    await Machine.start("enter")
    assert "Machine.on returned []. Wanted:" in words(reports.of("GenStatem terminating")[-1])


async def test_an_impossible_action_of_init_is_init_s_mistake(reports: Reports) -> None:
    class Wants(Machine):
        def init(self, arg: Any) -> Any:
            return NextState("on", 7, [NO_ACTION])

    await Wants.start()
    assert "Wants.init returned 'no action'. Wanted: ReplyAction" in words(reports.of("GenStatem terminating")[-1])


async def test_an_invalid_result_of_an_agent_s_function() -> None:
    def bare(state: int) -> int:
        return state + 1

    process.trap_exit(True)
    agent = await Agent.start_link(lambda: 1)
    with pytest.raises(CalleeExit) as caught:
        await Agent.get_and_update(agent, bare)
    letter = "the function given to Agent.get_and_update returned 2. Wanted: (value, new state)"
    assert letter in str(caught.value)
    assert stands_at(bare) in str(caught.value)


async def test_an_invalid_result_of_a_service_s_init() -> None:
    class Counter(Service):
        def init(self) -> Any:
            return 7

        @service.call
        def wait(self) -> None:
            self.then("soon")  # type: ignore[arg-type]

    process.trap_exit(True)
    with pytest.raises(StartError) as caught:
        await Counter.start_link()
    assert "Counter.init returned 7. Wanted: nothing, IGNORE" in str(caught.value)
    assert stands_at(Counter.init) in str(caught.value)


async def test_an_invalid_then_of_a_service() -> None:
    class Waits(Service):
        @service.call
        def wait(self) -> str:
            with pytest.raises(TypeError, match=r"then: wanted a timeout of seconds ≥ 0, .* got 'soon'"):
                self.then("soon")  # type: ignore[arg-type]
            return "refused"

    assert await (await Waits.start_link()).wait() == "refused"


class Tree(ModuleSupervisor):
    def init(self, arg: Any) -> Any:
        return arg


class Crowd(ModuleDynamicSupervisor):
    def init(self, arg: Any) -> Any:
        return arg


@pytest.mark.parametrize(("kind", "gives"), [(Tree, "Supervisor.init("), (Crowd, "DynamicSupervisor.init(")])
@pytest.mark.parametrize(("value", "came"), [(None, "nothing"), ([Server], "[Server]")])
async def test_an_invalid_result_of_a_supervisor_s_init(kind: Any, gives: str, value: Any, came: str) -> None:
    process.trap_exit(True)
    with pytest.raises(StartError) as caught:
        await kind.start_link(value)
    name = kind.__name__
    assert f"{name} did not start: {name}.init returned {came}. Wanted: {gives}" in str(caught.value)
    assert stands_at(kind.init) in str(caught.value)


async def no_start() -> Any:
    return "up"


async def test_an_invalid_result_of_a_start_function() -> None:
    process.trap_exit(True)
    dynamic = await DynamicSupervisor.start_link()
    with pytest.raises(StartError) as caught:
        await DynamicSupervisor.start_child(dynamic, ChildSpec("child", no_start))
    assert "its start function returned 'up'. Wanted: the pid" in str(caught.value)
    assert stands_at(no_start) in str(caught.value)


class Shop(Application, start_phases=[("open", None)]):
    def start(self, type: Any, args: Any) -> Any:
        return args or Supervisor.start_link([])

    def start_phase(self, phase: Any, type: Any, args: Any) -> Any:
        return 7


async def test_invalid_results_of_an_application_s_start_and_phases(reports: Reports) -> None:
    class Bare(Shop):
        def start(self, type: Any, args: Any) -> Any:
            return None

    for app, callback, letter in [
        (Bare, Bare.start, "its start returned None; wanted the pid of the top supervisor"),
        (Shop, Shop.start_phase, "its phase 'open' returned 7; wanted None"),
    ]:
        with pytest.raises(ApplicationError) as caught:
            await application.start(app)
        assert letter in str(caught.value)
        assert stands_at(callback) in str(caught.value)
        assert letter in words(reports.of("exited")[-1])


class Handler(GenEvent[Any]):
    def init(self, arg: Any) -> Any:
        return Ok(arg)

    def handle_event(self, event: Any, state: Any) -> Any:
        return event

    def handle_info(self, message: Any, state: Any) -> Any:
        return None

    def handle_call(self, request: Any, state: Any) -> Any:
        return state


@pytest.mark.parametrize(
    ("callback", "letter"),
    [
        ("handle_event", "Handler.handle_event returned 5. Wanted: Ok(state), RemoveHandler() or SwapHandler(…)"),
        ("handle_info", "Handler.handle_info returned nothing. Wanted: Ok(state), RemoveHandler()"),
        ("handle_call", "Handler.handle_call returned 7. Wanted: Reply(value, state), RemoveHandler(reply)"),
    ],
)
async def test_an_invalid_result_of_an_event_handler(callback: str, letter: str, reports: Reports) -> None:
    manager = await gen_event.start()
    await gen_event.add_handler(manager, Handler, 7)
    if callback == "handle_event":
        await gen_event.sync_notify(manager, 5)
    elif callback == "handle_info":
        process.send(manager, "message")
        await gen_event.which_handlers(manager)
    else:
        assert await gen_event.call(manager, Handler, "request") == ("error", 7)
    text = words(reports.only("handler terminating"))
    assert letter in text
    assert stands_at(getattr(Handler, callback)) in text


# What the error leaves out, and keeps


async def test_the_reason_is_otp_s_tuple_and_explains_itself() -> None:
    server = await Server.start(7)
    ref = process.monitor(server)
    cast(server, "message")
    down = await process.receive()
    assert down.ref is ref
    assert down.reason == ("bad_return_value", 7)
    assert repr(down.reason) == "('bad_return_value', 7)"
    match down.reason:
        case ("bad_return_value", value):
            assert value == 7
        case _:
            pytest.fail("the reason is a tuple as any other")


def test_a_function_that_has_no_line_is_named_without_one() -> None:
    assert explained_reasons.at(len) == ""
    assert explained_reasons.at(None) == ""
    assert explained_reasons.at(functools.partial(no_start)) == explained_reasons.at(no_start)


async def test_a_valid_result_is_no_mistake() -> None:
    class Good(Machine):
        def on(self, event_type: Any, content: Any, data: Any) -> Any:
            if event_type == "enter":
                return NextState("on", data)
            return NextState("on", data, [ReplyAction(event_type[1], content)])

    machine = await Good.start_link(1)
    assert await call(machine, "echo") == "echo"
    await stop(machine)
    assert NoReply(1).state == 1
