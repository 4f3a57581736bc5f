# ruff: noqa: ARG002 - a callback has the parameters that OTP gives it, whether or not this one reads them
"""The log record of a crash, for plain logging and for tools that collect exceptions."""

from __future__ import annotations

import gc
import logging
import subprocess
import sys
import traceback
import weakref
from collections.abc import Awaitable, Callable, Generator
from pathlib import Path
from types import TracebackType
from typing import Any

import pytest

from regrow import (
    CalleeExit,
    Exit,
    GenEvent,
    GenServer,
    GenStatem,
    NextState,
    Ok,
    StartError,
    Stop,
    Supervisor,
    Task,
    cast,
    gen_event,
    proc_lib,
    process,
    stop,
)
from regrow.kernel.tracebacks import is_shown
from regrow.testing import expect_down

pytestmark = pytest.mark.regrow


class Local:
    """A local variable of a frame, which nothing else references."""


LOCALS: list[weakref.ref[Local]] = []


def fails(*_args: Any) -> Any:
    local = Local()
    LOCALS.append(weakref.ref(local))
    raise LookupError(type(local).__name__)  # the failing line


class Collector(logging.Handler):
    """A handler that, as error collectors do, takes the exception, its lines and its variables at once."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.records: list[logging.LogRecord] = []
        self.kinds: list[str | None] = []
        self.variables: list[dict[str, str]] = []
        self.texts: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.records.append(record)
        self.texts.append(logging.Formatter("%(levelname)s %(name)s %(message)s").format(record))
        kind, error, frames = record.exc_info or (None, None, None)
        self.kinds.append(None if kind is None else kind.__name__)
        assert (error is None) == (kind is None)
        found: dict[str, str] = {}
        for frame, _ in traceback.walk_tb(frames):
            found |= {name: type(value).__name__ for name, value in frame.f_locals.items()}
        self.variables.append(found)


@pytest.fixture
def collector() -> Generator[Collector]:
    made = Collector()
    logger = logging.getLogger("regrow")
    logger.addHandler(made)
    LOCALS.clear()
    yield made
    logger.removeHandler(made)


class Server(GenServer[Any]):
    def init(self, arg: Any) -> Any:
        return fails() if arg == "init" else Ok(arg)

    def handle_cast(self, request: Any, state: Any) -> Any:
        if request == "exit":
            raise Exit("crashed")
        if request == "stop":
            return Stop("bad", state)
        return fails()

    def terminate(self, reason: Any, state: Any) -> Any:
        if state == "terminate":
            fails()


class Later(Server):
    async def handle_cast(self, request: Any, state: Any) -> Any:
        await process.sleep(0.1)
        return fails()

    async def terminate(self, reason: Any, state: Any) -> Any:
        await process.sleep(0.1)


async def a_server() -> None:
    server = await Server.start()
    cast(server, "fail")
    await expect_down(server)


async def a_server_with_an_async_terminate() -> None:
    server = await Later.start()
    ref = process.monitor(server)
    cast(server, "fail")
    assert (await process.receive()).ref is ref


async def a_terminate() -> None:
    server = await Server.start("terminate")
    with pytest.raises(CalleeExit):
        await stop(server)


async def a_machine() -> None:
    class Machine(GenStatem[str, Any]):
        def init(self, arg: Any) -> Any:
            return NextState("on", arg)

        def on(self, event_type: Any, content: Any, data: Any) -> Any:
            fails()

    machine = await Machine.start()
    cast(machine, "fail")
    await expect_down(machine)


async def a_handler() -> None:
    class Handler(GenEvent[Any]):
        def init(self, arg: Any) -> Any:
            return Ok(arg)

        def handle_event(self, event: Any, state: Any) -> Any:
            fails()

    manager = await gen_event.start()
    await gen_event.add_handler(manager, Handler)
    await gen_event.sync_notify(manager, "event")
    await gen_event.stop(manager)


async def a_task() -> None:
    pid = await Task.start(fails)
    await expect_down(pid)


async def an_async_task() -> None:
    async def later() -> None:
        await process.sleep(0.1)
        fails()

    _, ref = process.spawn_monitor(lambda: None)
    assert (await process.receive()).ref is ref
    await expect_down(await Task.start(later))


async def a_plain_process() -> None:
    _, ref = process.spawn_monitor(fails)
    assert (await process.receive()).ref is ref


async def a_process_of_proc_lib() -> None:
    _, ref = proc_lib.spawn_monitor(fails)
    assert (await process.receive()).ref is ref


async def a_child_that_does_not_start() -> None:
    process.trap_exit(True)
    with pytest.raises(StartError):
        await Supervisor.start_link([(Server, "init")])


PLACES: list[Callable[[], Awaitable[None]]] = [
    a_server,
    a_server_with_an_async_terminate,
    a_terminate,
    a_machine,
    a_handler,
    a_task,
    an_async_task,
    a_plain_process,
    a_process_of_proc_lib,
]


@pytest.mark.parametrize("place", PLACES, ids=lambda place: place.__name__)
async def test_a_crash_has_its_exception_with_all_frames(
    place: Callable[[], Awaitable[None]], collector: Collector
) -> None:
    await place()
    assert collector.kinds == ["LookupError"] * len(collector.kinds)
    assert collector.variables[0]["local"] == "Local"
    first = collector.texts[0]
    assert first.startswith("ERROR regrow.")
    assert "** (LookupError) Local" in first
    assert "# the failing line" in first.partition("Traceback (most recent call last):")[0]
    assert first.partition("Traceback (most recent call last):")[2].rstrip().endswith("LookupError: Local")
    assert "0x" not in first


@pytest.mark.parametrize("place", PLACES, ids=lambda place: place.__name__)
async def test_a_stored_record_keeps_the_lines_and_no_frames(
    place: Callable[[], Awaitable[None]], collector: Collector
) -> None:
    await place()
    gc.collect()
    assert [one() for one in LOCALS] == [None]
    for record in collector.records:
        assert record.exc_info is not None
        assert "# the failing line" in "".join(traceback.format_exception(*record.exc_info))
        assert record.exc_info[1] is not None
        assert all(is_shown(entry) for entry in entries(record.exc_info[1].__traceback__))


def entries(frames: TracebackType | None) -> list[TracebackType]:
    found: list[TracebackType] = []
    while frames is not None:
        found.append(frames)
        frames = frames.tb_next
    return found


async def test_a_failed_start_has_its_exception_in_the_supervisors_report(collector: Collector) -> None:
    await a_child_that_does_not_start()
    assert collector.kinds == ["LookupError"]
    assert "# the failing line" in collector.texts[0]


async def test_an_exit_has_its_lines(collector: Collector) -> None:
    server = await Server.start()
    cast(server, "exit")
    await expect_down(server)
    assert collector.kinds == ["Exit", "Exit"]
    assert 'raise Exit("crashed")' in collector.texts[0]


async def test_a_returned_stop_has_no_exception(collector: Collector) -> None:
    server = await Server.start()
    cast(server, "stop")
    await expect_down(server)
    assert collector.kinds == [None, None]
    assert "** (stop) bad" in collector.texts[0]
    assert "Traceback" not in collector.texts[0]


async def test_the_cause_of_a_failed_call_is_in_its_traceback(collector: Collector) -> None:
    class Asks(Server):
        async def handle_cast(self, request: Any, state: Any) -> Any:
            task = Task.async_(fails)
            process.unlink(task.pid)  # type: ignore[arg-type]
            return await task.await_()

    server = await Asks.start()
    ref = process.monitor(server)
    cast(server, "fail")
    assert (await process.receive()).ref is ref
    assert collector.kinds == ["LookupError", "CalleeExit", "CalleeExit"]
    assert "# the failing line" in collector.texts[1].partition("Traceback (most recent call last):")[2]
    assert "direct cause" in collector.texts[1]


class WithReason(Exception):
    """An exception with an attribute `reason`, as some of the standard library have."""

    reason = "its own"


@pytest.mark.parametrize("error", [LookupError("secret"), WithReason("secret")])
async def test_a_reason_that_format_status_hides_is_hidden_here_too(error: Exception, collector: Collector) -> None:
    class Hides(Server):
        def handle_cast(self, request: Any, state: Any) -> Any:
            raise error

        def format_status(self, status: dict[str, Any]) -> dict[str, Any]:
            return {**status, "reason": "hidden"}

    server = await Hides.start()
    cast(server, "fail")
    await expect_down(server)
    assert collector.kinds[0] is None
    assert "secret" not in collector.texts[0]


async def test_an_exception_is_logged_in_full_once(collector: Collector) -> None:
    """A collector that skips repeated exceptions has one event; a plain log has one traceback."""
    process.trap_exit(True)
    supervisor = await Supervisor.start_link([Server])
    [child] = await Supervisor.which_children(supervisor)
    cast(child.pid, "fail")
    await process.sleep(0.1)
    assert [record.name for record in collector.records] == [
        "regrow.gen_server",
        "regrow.proc_lib",
        "regrow.supervisor",
    ]
    errors = {id(record.exc_info[1]) for record in collector.records if record.exc_info is not None}
    assert len(errors) == 1
    assert ["Traceback" in text for text in collector.texts] == [True, False, False]
    assert all("LookupError" in text for text in collector.texts)


SCRIPT = """
from regrow import GenServer, NoReply, Supervisor, cast, process, run


class Counter(GenServer, named=True):
    def handle_cast(self, request, count):
        return NoReply(count + int(request))


async def main():
    await Supervisor.start_link([(Counter, 40)])
    cast(Counter, "one")
    await process.sleep(0.01)


run(main)
"""


def test_without_configuration_a_crash_is_one_record_of_text(tmp_path: Path) -> None:
    path = tmp_path / "counter.py"
    path.write_text(SCRIPT, encoding="utf-8")
    ran = subprocess.run([sys.executable, path.name], cwd=tmp_path, capture_output=True, text=True, check=True)
    printed, _, frames = ran.stderr.partition("Traceback (most recent call last):\n")
    assert printed.splitlines() == [
        "GenServer Counter terminating",
        "** (ValueError) invalid literal for int() with base 10: 'one'",
        '    File "counter.py", line 7, in Counter.handle_cast',
        "      return NoReply(count + int(request))",
        "Last message: Cast('one')",
        "State: 40",
        "For more: regrow.ops.logs.configure(reports=True), or its Formatter in your handler",
    ]
    assert frames.rstrip().endswith("ValueError: invalid literal for int() with base 10: 'one'")
    assert frames.count("handle_cast(self") == 0
    assert "Traceback" not in frames


class Slow:
    """An object that counts the calls of its repr."""

    asked = 0

    def __repr__(self) -> str:
        type(self).asked += 1
        return "slow"


@pytest.mark.parametrize("bad", ["returned", "raised"])
async def test_a_report_calls_a_repr_once(bad: str, collector: Collector) -> None:
    class Keeps(GenServer[Any]):
        def init(self, arg: Any) -> Any:
            return Ok(arg)

        def handle_cast(self, request: Any, state: Any) -> Any:
            return state if bad == "returned" else fails()

    logging.getLogger("regrow").addHandler(second := Collector())
    try:
        server = await Keeps.start(Slow())
        Slow.asked = 0
        cast(server, "fail")
        await expect_down(server)
    finally:
        logging.getLogger("regrow").removeHandler(second)
    assert collector.texts[0] == second.texts[0]
    assert collector.texts[0].count("slow") == (3 if bad == "returned" else 1)
    assert Slow.asked == (2 if bad == "returned" else 1)  # the reason in the report of its process has the value
