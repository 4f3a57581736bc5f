"""An exception that another process's failure raises shows that process's lines, and keeps none of its frames."""

from __future__ import annotations

import gc
import logging
import sys
import traceback
import weakref
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from regrow import (
    Agent,
    Application,
    CalleeExit,
    GenServer,
    NoProcess,
    StartError,
    Supervisor,
    Task,
    TaskSupervisor,
    application,
    call,
    gen_statem,
    proc_lib,
    process,
    run,
    stop,
    system,
)
from regrow.behaviours.application.controller import Ended
from regrow.behaviours.application.spec import ApplicationError
from regrow.kernel import exits, tracebacks
from regrow.kernel.tracebacks import trace_of

pytestmark = pytest.mark.regrow


class Big:
    """An object that only a frame holds."""


WATCHED: list[weakref.ref[Big]] = []


def fails(*_args: Any) -> Any:
    big = Big()
    WATCHED.append(weakref.ref(big))
    raise KeyError(type(big).__name__)  # here it fails


class Server(GenServer[None]):
    def init(self, arg: Any) -> Any:
        return fails() if arg == "init" else super().init(None)

    def handle_call(self, request: Any, from_: Any, state: None) -> Any:
        del request, from_
        fails(state)

    def terminate(self, reason: Any, state: None) -> None:
        del state
        if reason == "fail":
            fails()


async def a_call() -> None:
    server = await Server.start_link()
    await call(server, "fail")


async def a_call_through_another_server() -> None:
    class Outer(GenServer[Any]):
        async def handle_call(self, request: Any, from_: Any, state: Any) -> Any:
            del from_
            await call(state, request)

        def init(self, arg: Any) -> Any:
            from regrow import Ok

            return Ok(arg)

    await call(await Outer.start_link(await Server.start_link()), "fail")


async def a_task() -> None:
    await Task.async_(fails).await_()


async def many_tasks() -> None:
    await Task.await_many([Task.async_(fails)])


async def a_supervised_task() -> None:
    await (await TaskSupervisor.async_nolink(await TaskSupervisor.start_link(), fails)).await_()


async def an_agent() -> None:
    await Agent.update(await Agent.start_link(lambda: None), fails)  # pyright: ignore[reportArgumentType]


async def a_start() -> None:
    await Server.start_link("init")


async def a_start_by_proc_lib() -> None:
    await proc_lib.start(fails)


async def a_supervisor_s_start() -> None:
    await Supervisor.start_link([(Server, "init")])


async def an_application_s_start() -> None:
    class App(Application):
        async def start(self, type: Any, args: Any) -> Any:
            del type, args
            return await Supervisor.start_link([(Server, "init")])

    await application.start(App)


async def a_stop() -> None:
    await stop(await Server.start_link(), "fail")


PLACES: list[Callable[[], Awaitable[None]]] = [
    a_call,
    a_call_through_another_server,
    a_task,
    many_tasks,
    a_supervised_task,
    an_agent,
    a_start,
    a_start_by_proc_lib,
    a_supervisor_s_start,
    an_application_s_start,
    a_stop,
]


@pytest.mark.parametrize("place", PLACES, ids=lambda place: place.__name__)
async def test_the_exception_of_the_other_process_is_the_cause_with_its_lines(
    place: Callable[[], Awaitable[None]],
) -> None:
    process.trap_exit(True)
    WATCHED.clear()
    with pytest.raises((CalleeExit, StartError, ApplicationError)) as caught:
        await place()
    shown = "".join(traceback.format_exception(caught.value))
    assert "# here it fails" in shown
    assert f'File "{__file__}", line ' in shown
    assert "KeyError" in shown
    assert "direct cause" in shown
    gc.collect()
    assert [one() for one in WATCHED] == [None], "a frame of the dead process is kept alive"


async def test_a_failure_without_an_exception_has_no_cause() -> None:
    with pytest.raises(NoProcess) as caught:
        await call("unknown", "request")
    assert caught.value.__cause__ is None
    assert not caught.value.__suppress_context__


async def test_the_lines_of_a_cause_s_own_cause_are_there_too() -> None:
    def translated() -> None:
        try:
            fails()
        except KeyError as error:
            raise LookupError("translated") from error

    process.trap_exit(True)
    with pytest.raises(CalleeExit) as caught:
        await Task.async_(translated).await_()
    shown = "".join(traceback.format_exception(caught.value))
    assert shown.count("# here it fails") == 1
    assert "LookupError: translated" in shown


async def test_a_reason_that_is_raised_again_has_its_lines_once() -> None:
    process.trap_exit(True)

    async def passes_it_on() -> None:
        try:
            await Task.async_(fails).await_()
        except CalleeExit as error:
            raise exits.Exit(error.reason) from error

    _, ref = process.spawn_monitor(passes_it_on)
    down = await process.receive()
    assert down.ref is ref
    error = tracebacks.cause_in(down.reason)
    assert isinstance(error, KeyError)
    assert [code.co_name for code, _ in trace_of(error)].count("fails") == 1
    assert error.__traceback__ is not None
    assert all(tracebacks.is_shown(entry) for entry in entries(error.__traceback__))


def entries(traceback: Any) -> list[Any]:
    found: list[Any] = []
    while traceback is not None:
        found.append(traceback)
        traceback = traceback.tb_next
    return found


def test_a_made_traceback_has_no_caller_and_no_variables() -> None:
    def place() -> None:
        made = tracebacks.traceback_of([(sys._getframe().f_code, 7)])  # pyright: ignore[reportPrivateUsage]
        assert made is not None
        assert made.tb_lineno == 7
        assert made.tb_frame.f_code.co_name == "place"
        assert made.tb_frame.f_back is None
        assert made.tb_frame.f_locals == {}

    place()


@pytest.mark.parametrize("line", [1, 2, 40, 100, 5000, 100_000])
def test_a_made_traceback_shows_its_line_and_underlines_nothing(line: int) -> None:
    code = sys._getframe().f_code.replace(co_firstlineno=60)  # pyright: ignore[reportPrivateUsage]
    made = tracebacks.traceback_of([(code, line)])
    assert made is not None
    assert set(made.tb_frame.f_code.co_positions()) == {(line, line, None, None)}
    assert [(entry.lineno, entry.colno) for entry in traceback.extract_tb(made)] == [(line, None)]


def test_no_places_give_no_traceback() -> None:
    assert tracebacks.traceback_of([]) is None


def test_a_program_s_end_shows_the_lines(capsys: pytest.CaptureFixture[str]) -> None:
    async def main() -> None:
        await Task.async_(fails).await_()

    logging.getLogger("regrow").addHandler(handler := logging.NullHandler())
    try:
        with pytest.raises(Ended) as caught:
            run(main)
    finally:
        logging.getLogger("regrow").removeHandler(handler)
    sys.excepthook(caught.type, caught.value, caught.value.__traceback__)
    assert "# here it fails" in capsys.readouterr().err


async def test_a_state_machine_s_call_has_the_cause_too() -> None:
    class Machine(gen_statem.GenStatem[str, None]):
        def init(self, arg: Any) -> Any:
            from regrow import NextState

            del arg
            return NextState("on", None)

        def handle_event(self, event_type: Any, content: Any, state: str, data: None) -> Any:
            del event_type, content, state, data
            fails()

    process.trap_exit(True)
    with pytest.raises(CalleeExit) as caught:
        await call(await Machine.start_link(), "fail")
    assert isinstance(caught.value.__cause__, KeyError)
    with pytest.raises(NoProcess):
        await system.get_state(Machine)
