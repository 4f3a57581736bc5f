"""`telemetry.attach`, `detach` and `handlers`."""

from __future__ import annotations

import asyncio
import functools
import os
import signal
import threading
from collections.abc import AsyncIterator, Iterator
from typing import Any
from unittest.mock import AsyncMock

import pytest

from regrow import Node, telemetry
from regrow.kernel.telemetry import HANDLERS, Function
from tests.kernel.telemetry.seen import Seen


def nothing(_event: str, _measurements: dict[str, Any], _metadata: dict[str, Any]) -> None:
    pass


def test_a_handler_gets_the_event_with_both_mappings() -> None:
    seen = Seen()
    telemetry.attach("shop.paid", seen)
    telemetry.execute("shop.paid", {"total": 3}, {"order": 7})
    telemetry.execute("shop.paid")
    telemetry.execute("shop.shipped", {"total": 4})
    assert seen == [("shop.paid", {"total": 3}, {"order": 7, "node": None}), ("shop.paid", {}, {"node": None})]


def test_handlers_are_called_in_the_order_of_attachment() -> None:
    order: list[str] = []

    def named(name: str) -> Function:
        return lambda _event, _measurements, _metadata: order.append(name)

    for name in "cab":
        telemetry.attach(["x", "y"], named(name), id=name)
    telemetry.execute("x")
    telemetry.detach("a")
    telemetry.attach("x", named("a again"), id="a")
    telemetry.execute("x")
    assert order == ["c", "a", "b", "c", "b", "a again"]


def test_one_handler_of_several_events_is_called_once_for_each() -> None:
    seen = Seen()
    telemetry.attach((name for name in ["x", "y", "x"]), seen)
    telemetry.execute("x")
    telemetry.execute("y")
    assert seen.events() == ["x", "y"]
    assert telemetry.handlers("x")[0].events == ("x", "y")


def test_a_handler_can_be_attached_to_all_events_of_regrow() -> None:
    telemetry.attach(telemetry.EVENTS, nothing, id="all")
    assert telemetry.handlers("regrow.queue.put")[0].events == tuple(telemetry.EVENTS)


def test_attach_returns_the_id_or_a_new_one() -> None:
    assert telemetry.attach("x", nothing, id="mine") == "mine"
    first, second = telemetry.attach("x", nothing), telemetry.attach("x", nothing)
    assert len({"mine", first, second}) == 3
    telemetry.detach(second)
    assert telemetry.attach("x", nothing) not in {first, second}


def test_an_id_that_attach_would_make_may_be_taken() -> None:
    number = int(telemetry.attach("x", nothing).rpartition("-")[2])
    telemetry.attach("x", nothing, id=f"handler-{number + 1}")
    assert telemetry.attach("x", nothing) == f"handler-{number + 2}"


def test_an_id_that_is_taken_is_refused() -> None:
    telemetry.attach("x", nothing, id="mine")
    seen = Seen()
    with pytest.raises(
        ValueError, match=r"a handler with the id 'mine' is attached already: nothing. Choose another id"
    ):
        telemetry.attach("y", seen, id="mine")
    telemetry.execute("y")
    assert (seen, len(telemetry.handlers())) == ([], 1)


def test_detach_returns_whether_there_was_a_handler() -> None:
    seen = Seen()
    telemetry.attach(["x", "y"], seen, id="mine")
    assert telemetry.detach("mine")
    assert not telemetry.detach("mine")
    telemetry.execute("x")
    assert seen == []
    assert {"x", "y"} & HANDLERS.keys() == set()


def test_handlers_are_shown_by_the_beginning_of_their_events() -> None:
    telemetry.attach(["shop.paid", "mail.sent"], nothing, id="one")
    telemetry.attach("mail.failed", nothing, id="two")
    assert [one.id for one in telemetry.handlers()] == ["one", "two"]
    assert [one.id for one in telemetry.handlers("shop.")] == ["one"]
    assert [one.id for one in telemetry.handlers("mail")] == ["one", "two"]
    assert telemetry.handlers("shop.shipped") == []
    [one] = telemetry.handlers("shop")
    assert one == telemetry.Handler("one", ("shop.paid", "mail.sent"), nothing, 0, None)


@pytest.mark.parametrize(
    ("wrong", "nearest"),
    [
        ("regrow.queue.putt", "regrow.queue.put"),
        ("regrow.queue.start", "regrow.queue.job.start"),
        ("regrow.job.stop", "regrow.queue.job.stop"),
        ("regrow.", "regrow."),
    ],
)
def test_an_unknown_event_of_regrow_is_refused_with_the_nearest_names(wrong: str, nearest: str) -> None:
    with pytest.raises(ValueError, match=f"regrow has no event '{wrong}'. The nearest names are .*{nearest}"):
        telemetry.attach(["x", wrong], nothing)
    assert telemetry.handlers() == []
    assert "x" not in HANDLERS


@pytest.mark.parametrize(
    ("events", "error"),
    [
        (5, TypeError),
        (None, TypeError),
        (["x", None], TypeError),
        (b"x", TypeError),
        ([], ValueError),
        ("", ValueError),
    ],
)
def test_what_is_no_event_is_refused(events: Any, error: type[Exception]) -> None:
    with pytest.raises(error, match=r"telemetry\.attach: wanted"):
        telemetry.attach(events, nothing)
    assert telemetry.handlers() == []


async def coroutine(_event: str, _measurements: Any, _metadata: Any) -> None:
    pass


async def async_generator(_event: str, _measurements: Any, _metadata: Any) -> AsyncIterator[int]:
    yield 1


def generator(_event: str, _measurements: Any, _metadata: Any) -> Iterator[int]:
    yield 1


class Awaited:
    """An object whose call has to be awaited."""

    async def __call__(self, event: str, measurements: Any, metadata: Any) -> None:
        """Do nothing."""

    async def method(self, event: str, measurements: Any, metadata: Any) -> None:
        """Do nothing."""


@pytest.mark.parametrize(
    "handler",
    [
        coroutine,
        async_generator,
        generator,
        Awaited(),
        Awaited().method,
        functools.partial(functools.partial(coroutine, "x"), {}),
        AsyncMock(),
        "print",
        None,
    ],
)
def test_only_a_plain_function_can_be_a_handler(handler: Any) -> None:
    with pytest.raises(TypeError, match=r"telemetry\.attach: "):
        telemetry.attach("x", handler)
    assert telemetry.handlers() == []


@pytest.mark.parametrize("wrong", [5, b"id", ("a", "b")])
def test_an_id_is_a_string(wrong: Any) -> None:
    with pytest.raises(TypeError, match=r"telemetry.attach\(id=\): wanted a string, got"):
        telemetry.attach("x", nothing, id=wrong)


def test_a_handler_that_is_attached_during_an_event_is_called_from_the_next_one_on() -> None:
    late = Seen()
    attached: list[str] = []

    def attaches(_event: str, _measurements: Any, _metadata: Any) -> None:
        if not attached:
            attached.append(telemetry.attach("x", late))

    telemetry.attach("x", attaches)
    telemetry.execute("x", {"n": 1})
    assert late == []
    telemetry.execute("x", {"n": 2})
    assert [measurements["n"] for _, measurements, _ in late] == [2]


def test_a_handler_that_is_detached_during_an_event_is_not_called_any_more() -> None:
    seen = Seen()
    telemetry.attach("x", lambda _event, _measurements, _metadata: telemetry.detach("second"))
    telemetry.attach("x", seen, id="second")
    telemetry.execute("x")
    assert seen == []


def test_a_handler_may_detach_itself() -> None:
    seen = Seen()

    def once(event: str, measurements: dict[str, Any], metadata: dict[str, Any]) -> None:
        telemetry.detach("once")
        seen(event, measurements, metadata)

    telemetry.attach("x", once, id="once")
    telemetry.attach("x", seen)
    telemetry.execute("x")
    telemetry.execute("x")
    assert len(seen) == 3


def test_threads_attach_detach_and_emit_at_the_same_time() -> None:
    seen = Seen()
    telemetry.attach("x", seen)
    errors: list[BaseException] = []
    start = threading.Barrier(4)

    def work(number: int) -> None:
        try:
            start.wait(10.0)
            for _ in range(300):
                mine = telemetry.attach(["x", f"y{number}"], nothing)
                telemetry.execute("x")
                assert telemetry.detach(mine)
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    assert len(seen) == 1200
    assert [one.function for one in telemetry.handlers()] == [seen]
    assert HANDLERS.keys() == {"x"}


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_a_forked_child_can_attach_although_another_thread_was_attaching() -> None:
    stop = threading.Event()

    def attaches() -> None:
        while not stop.is_set():
            telemetry.detach(telemetry.attach("x", nothing))

    thread = threading.Thread(target=attaches)
    thread.start()
    try:
        children = 0
        for _ in range(5):
            child = os.fork()
            if child == 0:
                signal.alarm(10)  # ends a child that waits for ever
                telemetry.attach("y", nothing)
                os._exit(0)
            children += os.waitpid(child, 0)[1] == 0
    finally:
        stop.set()
        thread.join()
    assert children == 5


def test_attaching_needs_no_node_and_outlives_one() -> None:
    seen = Seen()

    async def main() -> None:
        async with Node("first"):
            telemetry.attach("x", seen)
            telemetry.execute("x")

    asyncio.run(main())
    telemetry.execute("x")
    assert [metadata["node"] for _, _, metadata in seen] == ["first", None]
