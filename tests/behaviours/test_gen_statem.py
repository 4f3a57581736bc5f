# ruff: noqa: ARG002 - a callback has the parameters that OTP gives it, whether or not this one reads them
# pyright: reportUnknownLambdaType=false, reportUnknownArgumentType=false, reportUnknownVariableType=false
# pyright: reportUnknownMemberType=false
# A machine of these tests holds whatever its row asks for, and its rules are lambdas as short as the row.
"""What OTP demands of `gen_statem`, row by row. Rows hold in both callback modes unless they say otherwise."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from regrow import (
    HIBERNATE,
    AlreadyStarted,
    Down,
    Error,
    Exit,
    Exited,
    Global,
    NoClause,
    Node,
    NoProcess,
    Pid,
    StartError,
    Stop,
    Via,
    gen_server,
    gen_statem,
    process,
    system,
)
from regrow.behaviours.gen.results import Ok
from regrow.behaviours.gen_server.client import cast
from regrow.behaviours.gen_statem.gen_statem import GenStatem, call
from regrow.behaviours.gen_statem.results import (
    ChangeCallbackModule,
    EventTimeout,
    GenericTimeout,
    KeepState,
    KeepStateAndData,
    NextEvent,
    NextState,
    PopCallbackModule,
    Postpone,
    PushCallbackModule,
    RepeatState,
    RepeatStateAndData,
    ReplyAction,
    StateTimeout,
    StopAndReply,
)
from regrow.kernel.bounded_repr import Limits
from regrow.kernel.exits import CalleeExit, CallTimeout
from regrow.ops.logs import words
from regrow.testing.expect import expect_down, expect_idle, expect_message

Rules = Callable[[Any, Any, Any, Any], Any]
Log = list[Any]


class Scripted(GenStatem[Any, Any]):
    """A machine that does what its test's `rules(event_type, content, state, data)` say, in either mode."""

    def init(self, arg: Any, /) -> Any:
        self.mode, self.rules, first = arg
        return first

    def callback_mode(self) -> Any:
        return self.mode

    def handle_event(self, event_type: Any, content: Any, state: Any, data: Any, /) -> Any:
        return self.rules(event_type, content, state, data)

    def s1(self, event_type: Any, content: Any, data: Any) -> Any:
        return self.rules(event_type, content, "s1", data)

    def s2(self, event_type: Any, content: Any, data: Any) -> Any:
        return self.rules(event_type, content, "s2", data)

    def s3(self, event_type: Any, content: Any, data: Any) -> Any:
        return self.rules(event_type, content, "s3", data)


class Telling(Scripted):
    """The same, and tells its starter of its end."""

    def init(self, arg: Any, /) -> Any:
        self.starter = process.info(process.current(), "parent")
        return super().init(arg)

    def terminate(self, reason: Any, state: Any, data: Any, /) -> None:
        process.send(self.starter, ("terminate", reason, state, data))


Begin = Callable[..., Awaitable[Pid]]


@pytest.fixture(params=["state_functions", "handle_event_function"])
def begin(request: pytest.FixtureRequest) -> Begin:
    """For `await begin(rules)`: start a scripted machine, in each mode."""

    async def begin(
        rules: Rules,
        first: Any = None,
        *,
        enter: bool = False,
        link: bool = False,
        module: type[Scripted] = Scripted,
        **options: Any,
    ) -> Pid:
        mode = [request.param, "state_enter"] if enter else request.param
        arg = (mode, rules, NextState("s1", []) if first is None else first)
        return await (module.start_link if link else module.start)(arg, **options)

    return begin


def word(event_type: Any) -> Any:
    """An event's type without whom it is from."""
    return "call" if type(event_type) is tuple and event_type[0] == "call" else event_type


def logging_rules(event_type: Any, content: Any, state: Any, log: Log) -> Any:
    """Log everything, and answer a call for the log."""
    match event_type, content:
        case ("call", from_), "log":
            return KeepStateAndData(ReplyAction(from_, log))
        case _, ("do", result):
            return result(event_type, log)
        case _:
            return KeepState([*log, (word(event_type), content, state)])


def doing(result: Callable[[Any, Log], Any]) -> Any:
    """A request that the logging rules answer with `result(event_type, log)`."""
    return ("do", result)


def switch(event_type: Any, content: Any, state: Any, _data: Any) -> Any:
    """A machine of three states, by casts and by calls."""
    order = {"s1": ("connect", "s2"), "s2": ("accept", "s3"), "s3": ("disconnect", "s1")}
    wanted, following = order[state]
    match event_type, content:
        case ("call", from_), "alive?":
            return KeepStateAndData(ReplyAction(from_, ("yes", state)))
        case ("call", from_), _ if content == wanted:
            return NextState(following, None, [ReplyAction(from_, ("ok", following))])
        case ("call", from_), _:
            return KeepStateAndData([ReplyAction(from_, "no")])
        case "cast", _ if content == wanted:
            return NextState(following, None)
        case _:
            return KeepStateAndData()


async def mailbox() -> list[Any]:
    await expect_idle()
    found: list[Any] = process.info(process.current(), "messages")
    return found


# Start and stop


@pytest.mark.otp("SM-001")
async def test_machine_goes_from_state_to_state(node: Node, begin: Begin) -> None:
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
async def test_init_that_stops(node: Node, begin: Begin) -> None:
    with pytest.raises(StartError) as refused:
        await begin(switch, Stop("stopped"))
    assert refused.value.reason == "stopped"


async def test_init_that_is_at_fault(node: Node, begin: Begin) -> None:
    """`Error` ends without noise; what is no result of `init` is named."""
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
async def test_name_is_free_after_the_end(node: Node, begin: Begin) -> None:
    for name in ("SM-008", Global("SM-008")):
        for by_name in (False, True):
            machine = await begin(switch, NextState("s1", None), name=name)
            await gen_statem.stop(name if by_name else machine)
            assert gen_statem.whereis(name) is None


@pytest.mark.otp("SM-010")
async def test_next_events_come_before_a_call(node: Node, begin: Begin) -> None:
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


class Table:
    """A name table as `Via` wants it."""

    def __init__(self) -> None:
        self.names: dict[Any, Pid] = {}

    def register_name(self, key: Any, pid: Pid) -> bool:
        return self.names.setdefault(key, pid) is pid

    def unregister_name(self, key: Any) -> None:
        self.names.pop(key, None)

    def whereis_name(self, key: Any) -> Pid | None:
        found = self.names.get(key)
        return found if found is not None and process.alive(found) else None


@pytest.mark.otp("SM-011")
async def test_stop(node: Node, begin: Begin) -> None:
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


# Abnormal and shutdown


def delayed(event_type: Any, content: Any, _state: Any, _data: Any) -> Any:
    """Answers a call after so many seconds."""
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
async def test_dirty_timeout_is_a_clean_one(node: Node, begin: Begin) -> None:
    """Adapted: ("dirty_timeout", t) is another word for ("clean_timeout", t)."""
    machine = await begin(delayed)
    assert await call(machine, 0.1, ("clean_timeout", 2.0)) == "delayed"
    with pytest.raises(CallTimeout):
        await call(machine, 2.0, ("dirty_timeout", 0.1))
    await process.sleep(3.0)
    assert await mailbox() == []


@pytest.mark.otp("SM-017")
async def test_illegal_return(node: Node, begin: Begin) -> None:
    process.trap_exit(True)
    machine = await begin(lambda *_: "bad return", link=True)
    with pytest.raises(CalleeExit) as ended:
        await call(machine, "badreturn")
    why = ("bad_return_from_state_function", "bad return")
    assert ended.value.reason == (why, ("gen_statem", "call", [machine, "badreturn", None]))
    assert await expect_message(Exited) == Exited(machine, why)


@pytest.mark.otp("SM-019")
async def test_illegal_timeout(node: Node, begin: Begin) -> None:
    process.trap_exit(True)
    actions: list[Any] = [EventTimeout("soon"), StateTimeout(-1.0), GenericTimeout([], 1.0), -1.0, "postpone", True]  # type: ignore[arg-type]
    for action in actions:
        machine = await begin(lambda *_: KeepStateAndData(action), link=True)  # noqa: B023 (it is called at once)
        with pytest.raises(CalleeExit) as ended:
            await call(machine, "x")
        assert ended.value.reason[0] == ("bad_action_from_state_function", action)
        assert await expect_message(Exited) == Exited(machine, ("bad_action_from_state_function", action))


def collecting(event_type: Any, content: Any, _state: Any, waiting: Log) -> Any:
    """Keeps two calls, then answers both with its end."""
    match event_type, content:
        case ("call", from_), int():
            return KeepState([*waiting, from_])
        case "cast", "stop":
            return StopAndReply("because", [ReplyAction(from_, number) for number, from_ in enumerate(waiting)])
        case _:
            raise NoClause(content)


async def ask_and_tell(machine: Pid, request: Any, owner: Pid) -> None:
    process.send(owner, ("answer", await call(machine, request)))


async def asked(machine: Pid, contents: list[Any]) -> gen_statem.RequestIds:
    """So many requests of one process, which sees the answers in the order in which they are sent."""
    requests = gen_statem.RequestIds()
    for content in contents:
        requests = gen_statem.send_request(machine, content, content, requests)
    await expect_idle()
    return requests


async def answers(requests: gen_statem.RequestIds) -> list[tuple[Any, Any]]:
    """Label and answer of each, as they come."""
    found: list[tuple[Any, Any]] = []
    while len(requests) > 0:
        (_, value), label, requests = await gen_statem.receive_response(requests, 1.0)
        found.append((label, value))
    return found


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
async def test_what_is_raised_is_no_return(node: Node, begin: Begin) -> None:
    """Adapted: nothing that is raised counts as returned; `Exit` ends the machine with its reason."""

    def rules(*_: Any) -> Any:
        raise Exit(KeepStateAndData)

    machine = await begin(rules)
    ref = process.monitor(machine)
    cast(machine, "x")
    assert await expect_down(ref) is KeepStateAndData


# Events, postponing, order


@pytest.mark.otp("SM-026")
async def test_next_events_of_every_type(node: Node, begin: Begin) -> None:
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


def entering(event_type: Any, content: Any, state: Any, log: Log) -> Any:
    """Logs enter events, and goes where it is told."""
    match event_type, content:
        case ("call", from_), "log":
            return KeepStateAndData(ReplyAction(from_, log))
        case "cast", ("go", result):
            return result(log)
        case _:
            return KeepState([*log, (word(event_type), content, state)])


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
async def test_what_an_enter_event_may_not_do(node: Node, begin: Begin) -> None:
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
    """Postpones casts in s1 and s2, and takes them in s3."""
    match event_type, content:
        case ("call", from_), "log":
            return KeepStateAndData(ReplyAction(from_, log))
        case ("call", from_), ("go", following):
            return NextState(following, log, ReplyAction(from_, "ok"))
        case _:
            return KeepState([*log, (content, state)], [] if state == "s3" else Postpone())


@pytest.mark.otp("SM-033")
async def test_postponed_again(node: Node, begin: Begin) -> None:
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
async def test_timeout_is_postponed(node: Node, begin: Begin) -> None:
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
async def test_next_events_come_before_what_waits(node: Node, begin: Begin) -> None:
    machine = await begin(logging_rules)
    await system.suspend(machine)
    actions = [NextEvent("info", 1), NextEvent("internal", 2)]
    cast(machine, doing(lambda _type, log: KeepState(log, actions)))
    process.send(machine, "external")
    await system.resume(machine)
    assert [content for _, content, _ in await call(machine, "log")] == [1, 2, "external"]


@pytest.mark.otp("SM-037")
async def test_what_is_postponed_ends_with_the_machine(node: Node, begin: Begin) -> None:
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


# Timeouts


def timed(log: Log) -> Log:
    """The log's contents."""
    return [content for _, content, _ in log]


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
async def test_number_as_action(node: Node, begin: Begin) -> None:
    machine = await begin(logging_rules)
    cast(machine, doing(lambda _type, log: KeepState(log, 0.5)))
    status = await system.get_status(machine)
    assert status["timeouts"] == (1, [("timeout", 0.5)])
    await process.sleep(0.6)
    assert await call(machine, "log") == [("timeout", 0.5, "s1")]


@pytest.mark.otp("SM-044")
@pytest.mark.parametrize("never", [None, "infinity", float("inf")])
async def test_infinity_as_action(node: Node, begin: Begin, never: Any) -> None:
    """It is a timeout that never comes, alone or as the time of one: OTP's `infinity`."""
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
async def test_of_two_timeouts_the_last_counts(node: Node, begin: Begin) -> None:
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


# System messages, status, hibernation


@pytest.mark.otp("SM-054")
async def test_suspended_machine_answers_nobody(node: Node, begin: Begin) -> None:
    machine = await begin(switch)
    status = await system.get_status(machine)
    assert status["module"] is Scripted
    assert status["modules"] == [Scripted]
    assert status["state"] == ("s1", [])
    await system.suspend(machine)
    process.spawn(ask_and_tell, machine, "alive?", process.current())
    await process.sleep(1.0)
    assert await mailbox() == []
    await system.resume(machine)
    assert await expect_message(tuple) == ("answer", ("yes", "s1"))


class Older(GenStatem[str, Any]):
    def callback_mode(self) -> Any:
        return getattr(self, "mode", "state_functions")

    def init(self, arg: Any, /) -> Any:
        return NextState("s1", arg)

    def s1(self, event_type: Any, content: Any, data: Any) -> Any:
        return KeepStateAndData(ReplyAction(event_type[1], ("by state", content, data)))

    def handle_event(self, event_type: Any, content: Any, state: str, data: Any, /) -> Any:
        return KeepStateAndData(ReplyAction(event_type[1], ("by event", content, data)))

    def code_change(self, old_version: Any, state: str, data: Any, extra: Any, /) -> Any:
        self.mode = "handle_event_function"
        return Ok(state, (old_version, data, extra))


@pytest.mark.otp("SM-055")
async def test_code_change_switches_the_mode(node: Node) -> None:
    """Adapted: `system.change_code` calls the class's own `code_change`."""
    machine = await Older.start("data")
    assert await call(machine, "x") == ("by state", "x", "data")
    await system.suspend(machine)
    assert await system.change_code(machine, Older, 1, "extra") == "ok"
    await system.resume(machine)
    assert await call(machine, "x") == ("by event", "x", (1, "data", "extra"))


class Shown(Scripted):
    def format_status(self, status: dict[str, Any], /) -> dict[str, Any]:
        return {**status, "data": ("formatted", status["data"])}


def of_kind(reports: Any, kind: str) -> list[Any]:
    return [one for one in reports if getattr(one, "kind", None) == kind]


@pytest.mark.otp("SM-057")
async def test_report_shows_the_formatted_state(node: Node, begin: Begin, reports: Any) -> None:
    machine = await begin(lambda *_: "bad", module=Shown, name="SM-057")
    with pytest.raises(CalleeExit):
        await call(machine, "x")
    (report,) = of_kind(reports, "GenStatem terminating")
    assert report.name == "SM-057"
    assert report.queue[0][1] == "x"
    assert report.state == ("s1", ("formatted", []))
    assert report.reason == ("bad_return_from_state_function", "bad")


@pytest.mark.otp("SM-058")
async def test_report_of_a_terminate_that_fails(node: Node, begin: Begin, reports: Any) -> None:
    class Failing(Shown):
        def terminate(self, reason: Any, state: Any, data: Any, /) -> None:
            raise RuntimeError("crash in terminate")

    machine = await begin(switch, module=Failing)
    with pytest.raises(CalleeExit) as ended:
        await gen_statem.stop(machine)
    assert isinstance(ended.value.reason[0], RuntimeError)
    first, second = (one.kind for one in reports)
    assert (first, second) == ("GenStatem terminating", "process terminating")
    (report,) = of_kind(reports, "GenStatem terminating")
    assert report.state == ("s1", ("formatted", []))
    assert isinstance(report.reason, RuntimeError)


@pytest.mark.otp("SM-060")
async def test_get_state(node: Node, begin: Begin) -> None:
    machine = await begin(switch, NextState("s1", "data"), name="SM-060")
    assert await system.get_state(machine) == ("s1", "data")
    assert await system.get_state("SM-060", 1.0) == ("s1", "data")
    await system.suspend(machine)
    assert await system.get_state(machine) == ("s1", "data")


@pytest.mark.otp("SM-061")
async def test_replace_state(node: Node, begin: Begin) -> None:
    machine = await begin(entering, NextState("s1", ["old"]), enter=True)
    before = await system.get_state(machine)
    assert before == ("s1", ["old", ("enter", "s1", "s1")])
    assert await system.replace_state(machine, lambda pair: ("s2", [pair[0]])) == ("s2", ["s1"])
    assert await call(machine, "log") == ["s1"]  # no enter event
    with pytest.raises(system.CallbackFailed):
        await system.replace_state(machine, lambda _: 1 / 0)
    with pytest.raises(system.CallbackFailed):
        await system.replace_state(machine, lambda _: "no pair")
    await system.suspend(machine)
    assert await system.get_state(machine) == ("s2", ["s1"])
    assert await system.replace_state(machine, lambda _: ("s3", [])) == ("s3", [])
    await system.resume(machine)
    assert await system.get_state(machine) == ("s3", [])


@pytest.mark.otp("SM-062")
async def test_hibernate(node: Node, begin: Begin) -> None:
    """Adapted: the action is accepted wherever it may stand, and changes nothing else."""
    hibernating: list[Any] = [
        lambda _type, log: KeepState(log, HIBERNATE),
        lambda _type, log: NextState("s2", log, [HIBERNATE, NextEvent("internal", "in")]),
        lambda _type, log: KeepState(log, [HIBERNATE, StateTimeout(0.1, "late")]),
        lambda _type, log: NextState("s1", log, [HIBERNATE]),
    ]
    machine = await begin(logging_rules, NextState("s1", [], HIBERNATE))
    for result in hibernating[:3]:
        cast(machine, doing(result))
    await process.sleep(0.2)
    process.send(machine, doing(hibernating[3]))
    assert timed(await call(machine, "log")) == ["in", "late"]
    entered = await begin(lambda *_: KeepStateAndData([HIBERNATE]), enter=True)
    assert await system.get_state(entered) == ("s1", [])


def after(time: float) -> Callable[[Any, Log], Any]:
    """A state timeout."""
    return lambda _type, log: KeepState(log, StateTimeout(time, time))


@pytest.mark.otp("SM-063")
async def test_hibernate_after(node: Node, begin: Begin) -> None:
    """Adapted: the option is accepted, and events and timeouts come as without it."""
    machine = await begin(logging_rules, hibernate_after=1.0)
    for time in (0.5, 2.0):
        cast(machine, doing(after(time)))
        await process.sleep(3.0)
    process.send(machine, "info")
    assert timed(await call(machine, "log")) == [0.5, 2.0, "info"]
    with pytest.raises(TypeError, match="hibernate_after"):
        await begin(logging_rules, hibernate_after="soon")


class Plain(GenStatem[str, Any]):
    def handle_event(self, event_type: Any, content: Any, state: str, data: Any, /) -> Any:
        match event_type:
            case ("call", from_):
                return KeepStateAndData(ReplyAction(from_, (state, data)))
            case _:
                return KeepStateAndData()


@pytest.mark.otp("SM-064")
async def test_enter_loop(node: Node) -> None:
    """Adapted: `Global` is known to this program alone, and any process may enter a loop: each knows its parent."""
    table = Table()

    async def become(name: Any, register: bool) -> None:
        if register:
            match name:
                case str():
                    process.register(name, process.current())
                case _:
                    table.names[name] = process.current()
        await gen_statem.enter_loop(Plain, "s1", "data", EventTimeout(9.0), name=name)

    for name, register in ((None, False), ("SM-064", True)):
        pid = process.spawn(become, name, register)
        assert await call(pid, "x") == ("s1", "data")
        await gen_statem.stop(pid)
    process.register("SM-064 taken", process.current())
    refused: list[tuple[Any, Any]] = [
        ("SM-064", "process_not_registered"),
        ("SM-064 taken", "process_not_registered"),
        (Global("SM-064"), "process_not_registered_globally"),
        (Via(table, "SM-064"), ("process_not_registered_via", table)),
    ]
    for name, reason in refused:
        _, ref = process.spawn_monitor(become, name, False)
        assert await expect_down(ref) == reason


async def test_adopted_task_becomes_no_machine(node: Node) -> None:
    """asyncio drives it, and would not know what a machine waits for."""

    async def task() -> None:
        async with process.adopt():
            await gen_statem.enter_loop(Plain, "s1", "data")

    with pytest.raises(RuntimeError, match="adopted"):
        await asyncio.create_task(task())


# Callbacks, modules, requests, logs


@pytest.mark.otp("SM-066")
async def test_no_code_change(node: Node, begin: Begin) -> None:
    """Adapted: a class without `code_change` answers ("error", NotImplementedError), and lives."""
    machine = await begin(switch)
    await system.suspend(machine)
    word_, why = await system.change_code(machine, Scripted, 1, None)
    assert (word_, type(why)) == ("error", NotImplementedError)
    await system.resume(machine)
    assert await call(machine, "alive?") == ("yes", "s1")


@pytest.mark.otp("SM-067")
async def test_no_terminate(node: Node, begin: Begin) -> None:
    for reason in ("normal", "another"):
        machine = await begin(switch)
        ref = process.monitor(machine)
        await gen_statem.stop(machine, reason)
        assert await expect_down(ref) == reason


@pytest.mark.otp("SM-068")
async def test_terminate_that_raises(node: Node, begin: Begin) -> None:
    class Failing(Scripted):
        async def terminate(self, reason: Any, state: Any, data: Any, /) -> None:
            raise LookupError("undef")

    machine = await begin(switch, module=Failing)
    with pytest.raises(CalleeExit) as ended:
        await gen_statem.stop(machine)
    assert isinstance(ended.value.reason[0], LookupError)


class Second(GenStatem[str, Any]):
    def callback_mode(self) -> Any:
        return "handle_event_function"

    def handle_event(self, event_type: Any, content: Any, state: str, data: Any, /) -> Any:
        match event_type, content:
            case ("call", from_), action:
                return KeepStateAndData([action, ReplyAction(from_, "second")])
            case _:
                raise NoClause(content)


class First(GenStatem[str, Any]):
    def init(self, arg: Any, /) -> Any:
        return NextState("s1", arg)

    def s1(self, event_type: Any, content: Any, _data: Any) -> Any:
        return KeepStateAndData([content, ReplyAction(event_type[1], "first")])


NOTHING = Postpone(False)


@pytest.mark.otp("SM-069")
async def test_callback_modules(node: Node) -> None:
    machine = await First.start()
    steps: list[tuple[Any, str, list[Any]]] = [
        (NOTHING, "first", [First]),
        (PushCallbackModule(Second), "first", [Second, First]),
        (NOTHING, "second", [Second, First]),
        (PopCallbackModule(), "second", [First]),
        (ChangeCallbackModule(Second), "first", [Second]),
        (PushCallbackModule(First), "second", [First, Second]),
        (NOTHING, "first", [First, Second]),
    ]
    for action, who, modules in steps:
        assert await call(machine, action) == who
        assert (await system.get_status(machine))["modules"] == modules


@pytest.mark.otp("SM-071")
async def test_pop_too_many(node: Node) -> None:
    machine = await First.start()
    ref = process.monitor(machine)
    action = PopCallbackModule()
    with pytest.raises(CalleeExit):
        await call(machine, action)
    assert await expect_down(ref) == ("bad_action_from_state_function", action)


@pytest.mark.otp("SM-072")
async def test_bad_callback_mode(node: Node) -> None:
    """Adapted: as on OTP 25, the start succeeds and the machine dies at once."""
    for mode in ("some_mode", ["state_enter"], ["state_functions", "handle_event_function"], 17):
        machine, ref = await Scripted.start_monitor((mode, switch, NextState("s1", None)))
        with pytest.raises((CalleeExit, NoProcess)):
            await call(machine, "x")
        down = await expect_message(Down)
        assert down.ref is ref
        assert down.reason in (("bad_return_from_callback_mode", mode), "noproc")
    process.trap_exit(True)
    machine = await Scripted.start_link(("some_mode", switch, NextState("s1", None)))
    assert (await expect_message(Exited)).reason == ("bad_return_from_callback_mode", "some_mode")


@pytest.mark.otp("SM-073")
async def test_state_that_is_no_state(node: Node) -> None:
    """Adapted: in the mode state_functions a state is the name of a method of the class's own; else any value."""
    for state in (17, "nowhere", "terminate", "_hidden", ("s", 1)):
        machine = await Scripted.start(("state_functions", switch, NextState(state, None)))
        ref = process.monitor(machine)
        assert await system.get_state(machine) == (state, None)
        cast(machine, "x")
        reason = await expect_down(ref)
        assert isinstance(reason, ValueError)
        assert "is no state of Scripted" in str(reason)
    machine = await Scripted.start(("handle_event_function", logging_rules, NextState(("s", 1), [])))
    cast(machine, "x")
    assert await call(machine, "log") == [("cast", "x", ("s", 1))]


@pytest.mark.otp("SM-074")
@pytest.mark.otp("LG-013")
@pytest.mark.otp("LG-015")
async def test_report_tells_all_that_the_machine_held(node: Node, reports: Any) -> None:
    """Adapted: the words are regrow's own; the limits are those of every report."""

    def rules(event_type: Any, content: Any, _state: Any, data: Any) -> Any:
        match content:
            case "later":
                return KeepState(data, [Postpone(), GenericTimeout("t", 9.0, "content")])
            case _:
                raise ValueError("oops")

    for mode in ("state_functions", "handle_event_function"):
        first = NextState("s1", ["x" * 100], StateTimeout(8.0, "over"))
        machine = await Scripted.start(([mode, "state_enter"], lambda *event: enter_or(rules, *event), first))
        await system.log(machine, True)
        cast(machine, "later")
        with pytest.raises(CalleeExit):
            await call(machine, ("request", mode))
        report = of_kind(reports, "GenStatem terminating")[-1]
        assert report.pid is machine
        assert [content for _, content in report.queue] == [("request", mode)]
        assert report.postponed == [("cast", "later")]
        assert report.state == ("s1", ["x" * 100])
        assert isinstance(report.reason, ValueError)
        assert (report.callback_mode, report.state_enter, report.modules) == (mode, True, [Scripted])
        assert report.timeouts == (2, [("state_timeout", "over"), (("timeout", "t"), "content")])
        assert report.client is process.current()
        assert report.client_alive
        assert report.client_trace
        assert report.log

        text = words(report, Limits(chars_limit=None))
        for part in (
            f"GenStatem {machine} (Scripted) terminating",
            "(ValueError) oops",
            f"Callback mode: {mode}",
            "alive",
        ):
            assert part in text
        assert "('request', " in text
        assert "xxxx" in text
        short = words(report, Limits(chars_limit=200, single_line=True))
        assert len(short) < 300
        assert "\n" not in short


def enter_or(rules: Rules, event_type: Any, content: Any, state: Any, data: Any) -> Any:
    return KeepStateAndData() if event_type == "enter" else rules(event_type, content, state, data)


@pytest.mark.otp("SM-076")
async def test_requests_by_id(node: Node, begin: Begin) -> None:
    def start(delays: list[float], machine: Pid) -> gen_statem.RequestIds:
        requests = gen_statem.reqids_new()
        for delay in delays:
            requests = gen_statem.send_request(machine, delay, f"after {delay}", requests)
        return requests

    def rules(event_type: Any, content: Any, _state: Any, data: Any) -> Any:
        match event_type, content:
            case ("call", from_), float():
                return KeepStateAndData(GenericTimeout(from_, content, content))
            case ("timeout", from_), delay:
                return KeepStateAndData(ReplyAction(from_, delay))
            case ("call", _), "stop":
                return Stop("shutdown")
            case _:
                raise NoClause(data)

    machine = await begin(rules)
    for take in (gen_statem.receive_response, gen_statem.wait_response):
        requests = start([0.4, 0.001, 0.2], machine)
        with pytest.raises(ValueError, match="already"):
            gen_statem.reqids_add(gen_statem.reqids_to_list(requests)[0][0], "again", requests)
        for delay, size in ((0.001, 2), (0.2, 1), (0.4, 0)):
            response, label, requests = await take(requests)
            assert (response, label) == (("reply", delay), f"after {delay}")
            assert gen_statem.reqids_size(requests) == size
        assert await take(requests) == "no_request"

        requests = start([1.0], machine)
        deadline = process.monotonic() + 0.1
        assert await take(requests, deadline, abs=True) == "timeout"
        again = await take(requests, 2.0)
        if take is gen_statem.wait_response:
            assert again[0] == ("reply", 1.0)
        else:
            assert again == "timeout"  # it was given up

    requests = start([0.1], machine)
    before = requests
    response, label, requests = await gen_statem.receive_response(requests, None, delete=False)
    assert (response, label, requests) == (("reply", 0.1), "after 0.1", before)

    requests = start([0.05], machine)
    await process.sleep(0.1)
    assert gen_statem.check_response("unrelated", requests) == "no_reply"
    (message,) = await mailbox()
    response, label, _ = gen_statem.check_response(message, requests)
    assert (response, label) == (("reply", 0.05), "after 0.05")
    await process.receive()

    request = gen_statem.send_request(machine, "stop")
    assert await gen_statem.receive_response(request) == ("error", ("shutdown", machine))


@pytest.mark.otp("SM-077")
async def test_replies_in_every_form(node: Node, begin: Begin) -> None:
    def rules(event_type: Any, content: Any, _state: Any, waiting: Log) -> Any:
        match event_type, content:
            case ("call", from_), _ if len(waiting) < 3:
                return KeepState([*waiting, from_])
            case ("call", from_), _:
                gen_statem.reply(from_, "by function")
                gen_statem.reply(ReplyAction(waiting[0], "by action"))
                gen_statem.reply([ReplyAction(waiting[2], "third"), ReplyAction(waiting[1], "second")])
                return KeepStateAndData()
            case _:
                raise NoClause(content)

    machine = await begin(rules)
    found = await answers(await asked(machine, [0, 1, 2, 3]))
    assert found == [(3, "by function"), (0, "by action"), (2, "third"), (1, "second")]


async def test_async_callbacks(node: Node) -> None:
    """Every callback may be `async def`, and waits without losing its place."""

    class Slow(GenStatem[str, Log]):
        def callback_mode(self) -> Any:
            return ["handle_event_function", "state_enter"]

        async def init(self, arg: Any, /) -> Any:
            await process.sleep(0.1)
            return NextState("s1", [])

        async def handle_event(self, event_type: Any, content: Any, state: str, log: Log, /) -> Any:
            await process.sleep(0.1)
            match event_type, content:
                case ("call", from_), _:
                    return NextState("s2", [*log, content], ReplyAction(from_, log))
                case _:
                    return KeepState([*log, (event_type, content, state)])

    machine = await Slow.start_link()
    assert await call(machine, "one") == [("enter", "s1", "s1")]
    assert await call(machine, "two") == [("enter", "s1", "s1"), "one", ("enter", "s1", "s2")]
    await gen_statem.stop(machine)


async def test_a_machine_is_a_child(node: Node) -> None:
    """Its class options are those of every child."""

    class Child(Plain, restart="transient", named=True):
        def init(self, arg: Any, /) -> Any:
            return NextState("s1", arg)

    assert Child.child_spec(1).restart == "transient"
    await Child.start_link(1)
    assert await call(Child, "x") == ("s1", 1)
    assert await gen_server.call(Child, "x") == ("s1", 1)
