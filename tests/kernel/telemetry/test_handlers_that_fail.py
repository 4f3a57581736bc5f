"""Handlers that raise: the code that emits goes on, and the failure is reported."""

from __future__ import annotations

import asyncio
import functools
import gc
import logging
import weakref
from typing import Any

import pytest

from regrow import Exit, GenServer, NoReply, Ok, Reply, VirtualClock, call, cast, process, telemetry
from regrow.testing import expect_idle
from tests.kernel.telemetry.seen import Seen

LOGGER = "regrow.telemetry"


def fails(_event: str, _measurements: Any, _metadata: Any) -> None:
    raise ZeroDivisionError("handler")


def records(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.name == LOGGER]


@pytest.mark.parametrize("error", [ZeroDivisionError("x"), Exit("boom"), asyncio.CancelledError(), GeneratorExit()])
def test_the_emitter_and_the_other_handlers_go_on(error: BaseException, caplog: pytest.LogCaptureFixture) -> None:
    def handler(_event: str, _measurements: Any, _metadata: Any) -> None:
        raise error

    before, after = Seen(), Seen()
    telemetry.attach("x", before)
    telemetry.attach("x", handler, id="bad")
    telemetry.attach("x", after)
    telemetry.execute("x", {"n": 1})
    assert before == after == [("x", {"n": 1}, {"node": None})]
    assert len(records(caplog)) == 1
    assert "'bad'" in records(caplog)[0]
    [record] = [one for one in caplog.records if one.name == LOGGER]
    assert record.levelno == logging.ERROR
    assert record.exc_info is not None
    assert record.exc_info[1] is error
    assert record.exc_info[2] is not None


@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit])
def test_an_interrupt_is_passed_on(error: type[BaseException], caplog: pytest.LogCaptureFixture) -> None:
    def handler(_event: str, _measurements: Any, _metadata: Any) -> None:
        raise error

    telemetry.attach("x", handler)
    with pytest.raises(error):
        telemetry.execute("x")
    assert (records(caplog), telemetry.handlers()[0].failures) == ([], 0)
    seen = Seen()
    telemetry.attach(
        "y", lambda _event, _measurements, _metadata: telemetry.execute("z")
    )  # the thread is not left as one that calls a handler
    telemetry.attach("z", seen)
    telemetry.execute("y")
    assert seen.events() == ["z"]


def test_a_failure_is_shown_and_emitted() -> None:
    seen = Seen()
    telemetry.attach("regrow.telemetry.failed", seen)
    telemetry.attach("x", fails, id="bad")
    telemetry.execute("x")
    telemetry.execute("x")
    assert [(measurements, metadata["id"], metadata["event"]) for _, measurements, metadata in seen] == [
        ({"failures": 1}, "bad", "x"),
        ({"failures": 2}, "bad", "x"),
    ]
    assert isinstance(seen[0][2]["error"], ZeroDivisionError)
    assert seen[0][2]["node"] is None
    [shown] = telemetry.handlers("x")
    assert (shown.failures, type(shown.last_error), str(shown.last_error)) == (2, ZeroDivisionError, "handler")
    assert set(seen[0][1]) == set(telemetry.EVENTS["regrow.telemetry.failed"].measurements)
    assert set(seen[0][2]) == {*telemetry.EVENTS["regrow.telemetry.failed"].metadata, "node"}


def test_ten_failures_in_a_row_detach_a_handler(caplog: pytest.LogCaptureFixture) -> None:
    seen = Seen()
    telemetry.attach(["regrow.telemetry.failed", "regrow.telemetry.detached"], seen)
    calls: list[str] = []

    def bad(_event: str, _measurements: Any, _metadata: Any) -> None:
        calls.append("called")
        raise ZeroDivisionError("handler")

    telemetry.attach("x", bad, id="bad")
    for _ in range(12):
        telemetry.execute("x")
    assert len(calls) == 10
    assert seen.events() == ["regrow.telemetry.failed"] * 10 + ["regrow.telemetry.detached"]
    last = seen[-1]
    assert (last[1], last[2]["id"], last[2]["event"], str(last[2]["error"])) == (
        {"failures": 10},
        "bad",
        "x",
        "handler",
    )
    assert telemetry.handlers("x") == []
    assert len(records(caplog)) == 2
    assert "was detached: it has failed 10 times in a row, last at x" in records(caplog)[1]
    assert telemetry.attach("x", bad, id="bad") == "bad"


def test_a_call_that_returns_begins_the_count_again() -> None:
    answers = ([1] * 9 + [0]) * 3

    def mostly_bad(_event: str, _measurements: Any, _metadata: Any) -> None:
        if answers.pop(0):
            raise ZeroDivisionError("handler")

    telemetry.attach("x", mostly_bad)
    for number in range(1, 31):
        telemetry.execute("x")
        assert telemetry.handlers("x")[0].failures == (number % 10)
    assert answers == []
    assert isinstance(telemetry.handlers("x")[0].last_error, ZeroDivisionError)


@pytest.mark.regrow
async def test_failures_are_logged_at_most_once_a_minute_for_each_handler(
    virtual_clock: VirtualClock, caplog: pytest.LogCaptureFixture
) -> None:
    good_at = {5, 9, 13}
    calls = 0

    def bad(_event: str, _measurements: Any, _metadata: Any) -> None:
        nonlocal calls
        calls += 1
        if calls not in good_at:
            raise ZeroDivisionError("handler")

    telemetry.attach("x", bad, id="bad")
    for _ in range(15):
        telemetry.execute("x")
        virtual_clock.advance(10.0)
    logged = records(caplog)
    assert [text.partition(" has failed")[2] for text in logged] == [
        " at x",
        " at x (4 more failures since the last record)",
        " at x (4 more failures since the last record)",
    ]
    telemetry.attach("y", fails, id="another")
    telemetry.execute("y")
    assert "'another'" in records(caplog)[-1]


def test_a_failing_handler_of_failures_does_not_recurse(caplog: pytest.LogCaptureFixture) -> None:
    calls: list[str] = []

    def first(event: str, _measurements: Any, _metadata: Any) -> None:
        calls.append(f"first {event}")
        raise ZeroDivisionError("handler")

    def second(event: str, _measurements: Any, metadata: Any) -> None:
        calls.append(f"second {event} of {metadata.get('id')}")
        raise ZeroDivisionError("handler")

    telemetry.attach(["x", "regrow.telemetry.failed"], first, id="first")
    telemetry.attach("regrow.telemetry.failed", second, id="second")
    telemetry.execute("x")
    assert calls == ["first x", "second regrow.telemetry.failed of first"]
    assert len(records(caplog)) == 2


def test_a_handler_is_not_called_for_the_events_that_it_causes() -> None:
    seen = Seen()

    def causes(event: str, measurements: dict[str, Any], metadata: dict[str, Any]) -> None:
        seen(event, measurements, metadata)
        telemetry.execute("x", {"by": "causes"})

    others = Seen()
    telemetry.attach(["x", "y"], causes)
    telemetry.attach("x", others)
    telemetry.execute("x")
    assert seen.events() == ["x"]
    assert len(others) == 2
    telemetry.execute("x")  # it is called again, once its call is over
    assert len(seen) == 2


def test_two_handlers_do_not_call_each_other_for_ever() -> None:
    calls: list[str] = []

    def passes_on(event: str, _measurements: Any, _metadata: Any) -> None:
        calls.append(event)
        telemetry.execute("y" if event == "x" else "x")

    telemetry.attach("x", passes_on)
    telemetry.attach("y", functools.partial(passes_on))
    telemetry.execute("x")
    assert calls == ["x", "y"]


def test_a_lambda_that_returns_a_coroutine_fails(caplog: pytest.LogCaptureFixture) -> None:
    async def later() -> None:
        pass

    telemetry.attach("x", lambda _event, _measurements, _metadata: later())
    telemetry.execute("x")
    [shown] = telemetry.handlers("x")
    assert isinstance(shown.last_error, TypeError)
    assert "has returned a coroutine, which telemetry does not await" in str(shown.last_error)
    assert len(records(caplog)) == 1


def test_the_last_error_keeps_no_variables_alive(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.CRITICAL + 1, logger=LOGGER)  # pytest would keep the record with its frames

    class Big:
        pass

    refs: list[weakref.ref[Big]] = []

    def bad(_event: str, _measurements: Any, _metadata: Any) -> None:
        big = Big()
        refs.append(weakref.ref(big))
        raise ZeroDivisionError("handler")

    telemetry.attach("x", bad)
    telemetry.execute("x")
    gc.collect()
    assert refs[0]() is None
    assert isinstance(telemetry.handlers("x")[0].last_error, ZeroDivisionError)


def test_an_exception_that_a_handler_passes_on_keeps_its_traceback() -> None:
    def raises_it(_event: str, _measurements: Any, metadata: Any) -> None:
        raise metadata["reason"]

    telemetry.attach("x", raises_it)

    def divide() -> float:
        return 1 // 0

    with pytest.raises(ZeroDivisionError) as raised:
        divide()
    telemetry.execute("x", None, {"reason": raised.value})
    assert raised.value.__traceback__ is not None
    assert telemetry.handlers("x")[0].last_error is not raised.value


def test_a_broken_log_handler_harms_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    class Broken(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            raise OSError(f"the disk is full: {record.levelname}")

    broken = Broken()
    logging.getLogger(LOGGER).addHandler(broken)
    after = Seen()
    try:
        telemetry.attach("x", fails)
        telemetry.attach("x", after)
        telemetry.execute("x")
    finally:
        logging.getLogger(LOGGER).removeHandler(broken)
    assert len(after) == 1
    assert "a record was lost" in capsys.readouterr().err


class Server(GenServer[list[Any]]):
    """A server that emits an event in each callback."""

    def init(self, seen: Any, /) -> Any:
        """Keep the state."""
        return Ok(seen)

    def handle_call(self, request: Any, _from: Any, seen: list[Any], /) -> Any:
        """Emit, and answer."""
        telemetry.execute("server.call", {}, {"request": request})
        return Reply(len(seen), seen)

    def handle_cast(self, request: Any, seen: list[Any], /) -> Any:
        """Note the request."""
        seen.append(request)
        return NoReply(seen)


@pytest.mark.regrow
async def test_a_server_survives_its_handlers(caplog: pytest.LogCaptureFixture) -> None:
    def exits(_event: str, _measurements: Any, _metadata: Any) -> None:
        raise Exit("by a handler")

    caplog.set_level(logging.CRITICAL + 1, logger=LOGGER)
    server = await Server.start_link([])
    telemetry.attach("server.call", exits)
    telemetry.attach("server.call", fails)
    assert [await call(server, number) for number in range(12)] == [0] * 12
    assert telemetry.handlers() == []


@pytest.mark.regrow
async def test_a_handler_runs_in_the_process_and_may_cast_and_send() -> None:
    pids: list[Any] = []

    def handler(_event: str, _measurements: Any, metadata: Any) -> None:
        pids.append(process.current())
        cast(server, metadata["request"])
        process.send(me, "sent")

    me = process.current()
    server = await Server.start_link([])
    telemetry.attach("server.call", handler)
    assert await call(server, "first") == 0
    await expect_idle()
    assert await call(server, "second") == 1
    assert pids == [server, server]
    assert await process.receive() == "sent"


@pytest.mark.regrow
async def test_a_handler_that_kills_its_process_is_no_failure(caplog: pytest.LogCaptureFixture) -> None:
    after = Seen()

    def kills(_event: str, _measurements: Any, _metadata: Any) -> None:
        process.exit(process.current(), "kill")

    async def victim() -> None:
        telemetry.execute("x")
        await process.sleep(None)

    telemetry.attach("x", kills)
    telemetry.attach("x", after)
    _, _ = process.spawn_monitor(victim)
    assert (await process.receive()).reason == "killed"
    assert len(after) == 1
    assert records(caplog) == []
    assert telemetry.handlers("x")[0].failures == 0
