"""Code that inspects a server, or works on it through `system`, may fail in every way: the server continues."""

# pyright: reportUnknownLambdaType=false
from __future__ import annotations

import io
from asyncio import CancelledError, get_running_loop
from pathlib import Path
from typing import Any, NoReturn

import pytest

from regrow import (
    Exit,
    GenEvent,
    GenServer,
    GenStatem,
    KeepState,
    NextState,
    Ok,
    Pid,
    Reply,
    ReplyAction,
    Service,
    call,
    cast,
    gen_event,
    process,
    service,
    system,
)
from regrow.behaviours.gen.system_requests import CallbackFailed
from regrow.testing import capture_reports, expect_down

pytestmark = pytest.mark.regrow


class Odd(BaseException):
    """An exception of a kind that no handler expects."""


async def others_future() -> NoReturn:
    """Await a future that another has cancelled."""
    future = get_running_loop().create_future()
    future.cancel()
    await future
    raise AssertionError


def raising(error: BaseException | type[BaseException]) -> Any:
    def fails(*_: Any) -> NoReturn:
        raise error

    return fails


async def awaiting(*_: Any) -> Any:
    await process.sleep(0.001)
    await others_future()


FAILURES: dict[str, Any] = {
    "Exception": raising(ValueError("no")),
    "Exit": raising(Exit("no")),
    "Exit normal": raising(Exit("normal")),
    "CancelledError": raising(CancelledError()),
    "GeneratorExit": raising(GeneratorExit),
    "StopIteration": raising(StopIteration),
    "RecursionError": raising(RecursionError),
    "BaseException": raising(Odd()),
    "another's cancelled future": awaiting,
}
WRONG: dict[str, Any] = {"None": lambda *_: None, "a list": lambda *_: [1]}

failing = pytest.mark.parametrize("fails", FAILURES.values(), ids=FAILURES.keys())
shown_wrong = pytest.mark.parametrize(
    "fails", [*FAILURES.values(), *WRONG.values()], ids=[*FAILURES.keys(), *WRONG.keys()]
)


class Server(GenServer[Any]):
    """A server whose state is the function that is called when it is inspected."""

    def handle_call(self, request: Any, _from: Any, state: Any, /) -> Any:
        return Reply(request, state)

    def handle_cast(self, request: Any, _state: Any, /) -> Any:
        raise request

    def code_change(self, _old: Any, state: Any, extra: Any, /) -> Any:
        return state(extra)

    def format_status(self, status: dict[str, Any], /) -> Any:
        return status["state"](status)


class Machine(GenStatem[str, Any]):
    """A state machine whose data is the function that is called when it is inspected."""

    def init(self, arg: Any, /) -> Any:
        return NextState("up", arg)

    def handle_event(self, event_type: Any, content: Any, _state: Any, data: Any, /) -> Any:
        match event_type:
            case ("call", from_):
                return KeepState(data, ReplyAction(from_, content))
            case _:
                raise content

    def code_change(self, _old: Any, _state: Any, data: Any, extra: Any, /) -> Any:
        return data(extra)

    def format_status(self, status: dict[str, Any], /) -> Any:
        return status["data"](status)


class Shop(Service):
    """A service whose attribute is the function that is called when it is inspected."""

    def __init__(self, fails: Any) -> None:
        self.fails = fails

    @service.call
    def echo(self, value: Any) -> Any:
        return value

    def code_change(self, _old: Any, extra: Any, /) -> Any:
        return self.fails(extra)

    def format_status(self, status: dict[str, Any], /) -> Any:
        return self.fails(status)


class Handler(GenEvent[Any]):
    """An event handler whose state is the function that is called when it is inspected."""

    def init(self, arg: Any, /) -> Any:
        return Ok(arg)

    def handle_event(self, event: Any, _state: Any, /) -> Any:
        raise event

    def handle_call(self, request: Any, state: Any, /) -> Any:
        return Reply(request, state)

    def code_change(self, _old: Any, state: Any, extra: Any, /) -> Any:
        return state(extra)

    def format_status(self, status: dict[str, Any], /) -> Any:
        return status["state"](status)


async def blocking(fails: Any) -> Pid:
    return await Server.start_link(fails, blocking=True)


async def by_hand(fails: Any) -> Pid:
    return process.spawn_link(hand_written, ByHand(fails))


class ByHand:
    """The callbacks of a special process."""

    def __init__(self, fails: Any) -> None:
        self.format_status = self.system_code_change = self.system_get_state = self.system_replace_state = fails


async def hand_written(module: ByHand) -> None:
    while True:
        message = await process.receive()
        if isinstance(message, system.SystemRequest):
            await system.handle_system_msg(message, process.current(), module, None, "misc")
        else:
            process.send(message, "alive")


async def manager(fails: Any) -> Pid:
    pid = await gen_event.start_link()
    await gen_event.add_handler(pid, Handler, fails)
    return pid


async def shop(fails: Any) -> Pid:
    return (await Shop.start_link(fails)).__regrow_address__  # type: ignore[no-any-return]


BEHAVIOURS: dict[str, Any] = {
    "GenServer": Server.start_link,
    "blocking": blocking,
    "GenStatem": Machine.start_link,
    "Service": shop,
    "gen_event": manager,
    "by hand": by_hand,
}
every_behaviour = pytest.mark.parametrize("start", BEHAVIOURS.values(), ids=BEHAVIOURS.keys())


async def answers(pid: Pid) -> bool:
    """Return whether the process still answers its requests."""
    if pid.process is None:
        return False
    match pid.process.initial_call:
        case function if function is hand_written:
            process.send(pid, process.current())
            return bool(await process.receive(str, timeout=1.0) == "alive")
        case function if function is gen_event.start_link:
            return bool(await gen_event.call(pid, Handler, "ping") == "ping")
        case function if "Shop" in getattr(function, "__qualname__", ""):
            return bool(await Shop.at(pid).echo("ping") == "ping")
        case _:
            return bool(await call(pid, "ping") == "ping")


@every_behaviour
@shown_wrong
@pytest.mark.otp("GS-117")
async def test_a_failed_format_status_is_shown_in_place_of_the_state(start: Any, fails: Any) -> None:
    pid = await start(fails)
    status = await system.get_status(pid)
    assert "<format_status " in str(status["state"])
    assert status["pid"] is pid
    assert await answers(pid)


@every_behaviour
async def test_a_format_status_may_be_awaited(start: Any) -> None:
    async def shown(status: dict[str, Any]) -> dict[str, Any]:
        await process.sleep(0.001)
        return {**status, "state": "shown", "data": "shown"}

    pid = await start(shown)
    await system.suspend(pid)
    assert "shown" in str((await system.get_status(pid))["state"])
    await system.resume(pid)
    assert "shown" in str((await system.get_status(pid))["state"])
    assert await answers(pid)


@pytest.mark.parametrize("start", [Server.start, Machine.start])
@shown_wrong
async def test_a_report_is_written_though_format_status_fails(start: Any, fails: Any) -> None:
    pid = await start(fails)
    ref = process.monitor(pid)
    with capture_reports() as reports:
        cast(pid, Exit("crashed"))
        assert await expect_down(ref) == "crashed"
    assert [report.reason for report in reports] == ["crashed", "crashed"]
    assert "<format_status " in str(reports[0].state)


async def test_a_report_awaits_format_status() -> None:
    async def shown(status: dict[str, Any]) -> dict[str, Any]:
        await process.sleep(0.001)
        return {**status, "state": "shown"}

    pid = await Server.start(shown)
    ref = process.monitor(pid)
    with capture_reports() as reports:
        cast(pid, Exit("crashed"))
        await expect_down(ref)
    assert reports[0].state == "shown"


@every_behaviour
@failing
async def test_a_failed_code_change_changes_nothing(start: Any, fails: Any) -> None:
    pid = await start(fails)
    await system.suspend(pid)
    module = (await system.get_status(pid))["module"] if start is not manager else Handler
    answer = await system.change_code(pid, module, 1, None)
    assert answer[0] == "error"
    await system.resume(pid)
    assert await answers(pid)


@pytest.mark.parametrize("start", [Server.start_link, blocking, Machine.start_link, shop, manager])
async def test_a_code_change_may_be_awaited(start: Any) -> None:
    async def change(_extra: Any) -> Any:
        await process.sleep(0.001)
        return None if start is shop else Ok("new", "new")

    pid = await start(change)
    await system.suspend(pid)
    assert await system.change_code(pid, Handler, 1, None) == "ok"
    if start is not shop:
        assert "new" in str(await system.get_state(pid))


@every_behaviour
@failing
@pytest.mark.otp("SY-015")
async def test_a_function_given_to_replace_state_may_fail(start: Any, fails: Any) -> None:
    pid = await start(fails)
    if start is manager:  # as in `gen_event`: the handler keeps its state, and no error is raised
        await system.replace_state(pid, fails)
    else:
        with pytest.raises(CallbackFailed) as caught:
            await system.replace_state(pid, fails)
        kind, reason = caught.value.reason[2]
        assert (kind == "exit") == (type(reason) is str)
    assert await answers(pid)


async def test_a_function_given_to_replace_state_may_be_awaited() -> None:
    async def replaced(_state: Any) -> str:
        await process.sleep(0.001)
        return "replaced"

    pid = await Server.start_link("state")
    assert await system.replace_state(pid, replaced) == "replaced"
    assert await system.get_state(pid) == "replaced"


@failing
async def test_an_installed_function_that_fails_is_removed(fails: Any) -> None:
    pid = await Server.start_link(None)
    if fails is awaiting:
        with pytest.raises(TypeError, match="async def"):
            await system.install(pid, fails)
    else:
        await system.install(pid, fails)
        assert await call(pid, "ping") == "ping"
    assert (await system.get_status(pid))["debug"] == []


class Moody:
    """An id that compares and hashes differently each time, or raises."""

    def __hash__(self) -> int:
        raise Exit("no hash")

    def __eq__(self, other: object) -> bool:
        raise Exit("no equality")

    def __repr__(self) -> str:
        raise Exit("no repr")


async def test_the_id_of_an_installed_function_may_be_any_object() -> None:
    pid = await Server.start_link(lambda status: status)
    seen: list[Any] = []

    def sees(state: Any, event: Any, _name: Any) -> Any:
        seen.append(event[0])
        return "done" if state == 1 else state + 1

    moody = Moody()
    await system.install(pid, sees, 0, id=[1])
    await system.install(pid, sees, 0, id=[1])
    await call(pid, "ping")
    assert seen == ["in", "out"]
    assert (await system.get_status(pid))["debug"] == []
    await system.install(pid, sees, 1, id=moody)
    with pytest.raises(Exit, match="no equality"):
        await system.remove(pid, [2])
    await system.remove(pid, moody)
    assert (await system.get_status(pid))["debug"] == []
    assert await call(pid, "ping") == "ping"


class Full(io.StringIO):
    """A stream that raises an exception class unknown to regrow."""

    def write(self, _text: str, /) -> int:
        raise Exit("full")


async def test_a_stream_that_fails_is_dropped() -> None:
    pid = await Server.start_link(lambda status: status)
    await system.log(pid, True)
    await system.trace(pid, True, stream=Full())
    assert await call(pid, "ping") == "ping"
    assert (await system.get_status(pid))["debug"] == [("log", 10)]
    with pytest.raises(Exit, match="full"):
        await system.log(pid, "print")
    assert await call(pid, "ping") == "ping"


class Surrogate:
    """A text that no file can encode."""

    def __repr__(self) -> str:
        return "\ud800"


async def test_a_file_that_cannot_encode_an_event_is_dropped(tmp_path: Path) -> None:
    pid = await Server.start_link(lambda status: status)
    for wrong in ("a\0b", 7.5, tmp_path):
        with pytest.raises((OSError, TypeError, ValueError)):
            await system.log_to_file(pid, wrong)
    await system.log_to_file(pid, tmp_path / "events")
    await call(pid, Surrogate())
    assert (await system.get_status(pid))["debug"] == []
    assert await call(pid, "ping") == "ping"


async def test_a_failed_format_ends_the_printing_and_not_the_process() -> None:
    debug = system.debug_options(["trace"])
    assert system.handle_debug(debug, ("in", 1), raising(Exit("no words"))) is None


def test_debug_options_are_a_list() -> None:
    with pytest.raises(TypeError, match="wanted a list of options"):
        system.debug_options("trace")
    with pytest.raises(TypeError, match="async def"):
        system.debug_options([("install", awaiting, 0)])


@pytest.mark.parametrize("start", [Server.start, Machine.start])
async def test_a_server_killed_during_an_inspection_is_dead(start: Any) -> None:
    async def waits(_: Any) -> None:
        await process.sleep(None)

    pid = await start(waits)
    ref = process.monitor(pid)
    process.spawn(system.get_status, pid)
    await process.sleep(0.001)
    process.exit(pid, "kill")
    assert await expect_down(ref) == "killed"


async def test_a_cancellation_of_the_server_itself_still_ends_it() -> None:
    async def waits(status: dict[str, Any]) -> dict[str, Any]:
        await process.sleep(None if status["reason"] == "normal" else 0.001)
        return status

    pid = await Server.start(waits)
    ref = process.monitor(pid)
    process.spawn(system.get_status, pid)
    await process.sleep(0.001)
    assert pid.process is not None
    assert pid.process.task is not None
    with capture_reports():
        pid.process.task.cancel()
        assert isinstance(await expect_down(ref), CancelledError)
