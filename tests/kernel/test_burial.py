"""The end of a process cannot fail: all watchers are notified, whatever an exception, log handler or listener does."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import Any

import pytest

from regrow import CalleeExit, Down, Exit, From, GenServer, Ok, Pid, Reply, Task, call, process, send
from regrow.kernel import bounded_repr, exits, trace
from regrow.kernel.running import running
from regrow.kernel.tracebacks import trace_of
from tests.matrix.ways import RAISED, Frozen, Hostile, Slotted, Unlisted, Way

pytestmark = pytest.mark.regrow

ODD: dict[str, Callable[[], BaseException]] = {
    "frozen": Frozen,
    "slots": lambda: Slotted("boom"),
    "hostile": Hostile,
    "group": lambda: ExceptionGroup("boom", [Frozen(), Hostile()]),
}
FIELDS: dict[str, Any] = dict(vars(BaseException))


class Shop(GenServer[Any]):
    def init(self, arg: Any) -> Any:
        return Ok(arg)

    def handle_call(self, request: Any, _from: From, state: Any) -> Any:
        if isinstance(request, BaseException):
            raise request
        return Reply(request, state)


@contextmanager
def logged_by(handler: logging.Handler | logging.Filter) -> Generator[None]:
    """Add a handler or a filter to all that regrow logs."""
    logger = logging.getLogger("regrow")
    loggers = [logger, *(logging.getLogger(name) for name in logging.root.manager.loggerDict if name[:7] == "regrow.")]
    for one in loggers:
        if isinstance(handler, logging.Handler):
            one.addHandler(handler)
        else:
            one.addFilter(handler)
    try:
        yield
    finally:
        for one in loggers:
            if isinstance(handler, logging.Handler):
                one.removeHandler(handler)
            else:
                one.removeFilter(handler)


class BadHandler(logging.Handler):
    def __init__(self, way: Way) -> None:
        super().__init__()
        self.way = way

    def handle(self, record: logging.LogRecord) -> bool:  # noqa: ARG002 - as logging has it
        self.way.fail()
        return True


class BadFilter(logging.Filter):
    def __init__(self, way: Way) -> None:
        super().__init__()
        self.way = way

    def filter(self, record: logging.LogRecord) -> bool:  # noqa: ARG002 - as logging has it
        self.way.fail()
        return True


QUIET = [way for way in RAISED if not way.leaves]


@pytest.mark.parametrize("way", QUIET, ids=lambda way: way.name)
@pytest.mark.parametrize("kind", [BadHandler, BadFilter])
async def test_a_log_handler_that_raises_ends_no_process(
    kind: Any, way: Way, capsys: pytest.CaptureFixture[str]
) -> None:
    """The record is lost, standard error reports that, and the rest is done."""
    process.trap_exit(True)

    async def fails() -> None:
        raise ValueError("plain")

    shop = await Shop.start_link(1)
    with logged_by(kind(way)):
        send(shop, "stray")
        assert await call(shop, "alive") == "alive"
        ref = process.monitor(shop)
        with pytest.raises(CalleeExit):
            await call(shop, ValueError("boom"), timeout=1.0)
        plain, other = process.spawn_monitor(fails)
        task = Task.async_(fails)
        with pytest.raises(CalleeExit):
            await task.await_()
    downs = {down.ref for down in [await process.receive(Down, timeout=1.0) for _ in range(2)]}
    assert downs == {ref, other}
    assert not process.alive(plain)
    assert "a record was lost" in capsys.readouterr().err


@pytest.mark.parametrize("odd", ODD)
async def test_an_odd_exception_ends_a_task_and_a_process(odd: str) -> None:
    error = ODD[odd]()
    process.trap_exit(True)

    async def fails() -> None:
        raise error

    def fails_at_once() -> None:
        raise error

    for function in (fails, fails_at_once):
        pid, ref = process.spawn_monitor(function)
        down = await process.receive(Down, timeout=1.0)
        assert down.ref is ref
        assert down.reason is error
        assert not process.alive(pid)
        with pytest.raises(CalleeExit) as caught:
            await Task.async_(function).await_()
        assert caught.value.reason[0] is error
    assert running().node.scheduler.depth == 0


async def test_an_exception_that_is_being_handled_keeps_its_traceback() -> None:
    """The reason of the other process's end is a copy: equal in all parts, and without frames."""

    def deeper(error: BaseException) -> None:
        raise error

    async def waits() -> None:
        await process.receive(Pid)

    for error in [KeyError("boom"), OSError(2, "boom", "file"), *[odd() for odd in ODD.values()]]:
        pid, _ = process.spawn_monitor(waits)
        try:
            try:
                deeper(ValueError("first"))
            except ValueError as first:
                raise error from first
        except BaseException as caught:
            before = FIELDS["__traceback__"].__get__(caught)
            process.exit(pid, ("because", caught))
            after = FIELDS["__traceback__"].__get__(caught)
            assert after is before is not None
        reason: Any = (await process.receive(Down)).reason[1]  # type: ignore[index]
        assert type(reason) is type(error)  # pyright: ignore[reportUnknownArgumentType]
        assert reason is not error
        assert FIELDS["args"].__get__(reason)[:1] == FIELDS["args"].__get__(error)[:1]
        assert FIELDS["__traceback__"].__get__(reason) is None
        assert [code.co_name for code, _ in trace_of(reason)] == [
            "test_an_exception_that_is_being_handled_keeps_its_traceback"
        ]
        cause = FIELDS["__cause__"].__get__(reason)
        assert (type(cause), cause.args, cause.__traceback__) == (ValueError, ("first",), None)


async def test_a_copy_has_the_state_that_its_class_keeps_outside_the_dict() -> None:
    class Unlucky(OSError):
        __slots__ = ("word",)

        def __init__(self, word: str) -> None:
            super().__init__(2, "boom", "file")
            self.word = word
            self.more = word * 2

    try:
        raise Unlucky("one")
    except Unlucky as error:
        copy: Any = exits.apart(error)
    assert (copy.errno, copy.strerror, copy.filename, copy.word, copy.more) == (2, "boom", "file", "one", "oneone")


class Bad:
    """Raises when its repr is taken."""

    def __init__(self, error: type[BaseException]) -> None:
        self.error = error

    def __repr__(self) -> str:
        raise self.error


@pytest.mark.parametrize(
    "error", [BaseException, Exit, asyncio.CancelledError, GeneratorExit, Unlisted, RecursionError]
)
def test_a_repr_never_raises(error: type[BaseException]) -> None:
    for value in (Bad(error), [Bad(error)], {1: Bad(error)}, (Bad(error),)):
        assert f"Bad whose repr raised {error.__name__}" in bounded_repr.show(value)
        assert f"Bad whose repr raised {error.__name__}" in bounded_repr.safe_repr(value)


@pytest.mark.parametrize("way", QUIET, ids=lambda way: way.name)
async def test_a_listener_that_raises_is_removed(way: Way, reports: Any) -> None:
    node = running().node
    points: list[str] = []

    def bad(point: str, *_: object) -> None:
        points.append(point)
        way.fail()

    trace.listen(node, bad)
    pid, _ = process.spawn_monitor(process.receive)
    process.exit(pid, "kill")
    assert (await process.receive(Down, timeout=1.0)).reason == "killed"
    assert points == ["spawn"]
    assert node.trace is not None
    trace.unlisten(node, bad)
    assert len(reports) == 1
