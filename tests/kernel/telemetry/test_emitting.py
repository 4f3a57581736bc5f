"""`telemetry.execute` and `span`, and the table of regrow's events."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from types import MappingProxyType
from typing import Any

import pytest

from regrow import Exit, Node, VirtualClock, process, telemetry
from regrow.kernel.telemetry import HANDLERS
from regrow.testing import expect_idle, kill
from tests.kernel.telemetry.seen import Seen

SPAN = ["work.start", "work.stop", "work.exception"]


@pytest.fixture
def seen() -> Seen:
    """Return a handler of the three events of a span."""
    found = Seen()
    telemetry.attach([*SPAN, "x"], found)
    return found


def test_the_handlers_get_fresh_dicts_that_they_share(seen: Seen) -> None:
    def changes(_event: str, measurements: dict[str, Any], metadata: dict[str, Any]) -> None:
        measurements.clear()
        metadata["more"] = 1

    telemetry.attach("x", changes)
    another = Seen()
    telemetry.attach("x", another)
    measurements, metadata = {"n": 1}, {"node": "mine"}
    telemetry.execute("x", measurements, metadata)
    telemetry.execute("x", MappingProxyType({"n": 2}), MappingProxyType({"a": 1}))
    assert (measurements, metadata) == ({"n": 1}, {"node": "mine"})
    assert another == [("x", {}, {"node": None, "more": 1}), ("x", {}, {"a": 1, "node": None, "more": 1})]
    assert seen[0][1] is another[0][1]
    assert seen[0][2] is another[0][2]
    assert seen[0][1] is not seen[1][1]


@pytest.mark.parametrize(
    ("arguments", "match"),
    [
        ((5,), "telemetry.execute: wanted the name of an event, a string; got 5"),
        (("unheard", 5), r"telemetry.execute\('unheard'\): wanted measurements and metadata as mappings"),
        (
            ("x", None, [1]),
            r"telemetry.execute\('x'\): wanted measurements and metadata as mappings, such as dicts; got",
        ),
    ],
)
def test_a_mistake_of_the_emitter_is_raised_with_and_without_handlers(arguments: Any, match: str, seen: Seen) -> None:
    with pytest.raises(TypeError, match=match):
        telemetry.execute(*arguments)
    assert seen == []


async def test_the_metadata_have_the_name_of_the_node(node: Node, seen: Seen) -> None:
    telemetry.execute("x")
    with telemetry.span("work"):
        await asyncio.to_thread(telemetry.execute, "x")
    assert [metadata["node"] for _, _, metadata in seen] == [node.name, node.name, None, node.name]


async def test_a_span_measures_by_the_clock_of_the_node(virtual_clock: VirtualClock, seen: Seen) -> None:
    with telemetry.span("work", {"cart": 7}) as span:
        await process.sleep(90.0)
        virtual_clock.step_wall(3600.0)
        span.measurements["items"] = 3
        span.metadata["outcome"] = "paid"
    name = seen[0][2]["node"]
    assert seen == [
        ("work.start", {"system_time": 1704067200.0, "monotonic_time": 1000.0}, {"cart": 7, "node": name}),
        ("work.stop", {"items": 3, "duration": 90.0}, {"cart": 7, "outcome": "paid", "node": name}),
    ]


def test_a_span_in_a_thread_measures_by_the_machines_clock(seen: Seen) -> None:
    with telemetry.span("work"):
        threading.Event().wait(0.01)
    assert seen.events() == ["work.start", "work.stop"]
    assert 0.01 <= seen[1][1]["duration"] < 10.0


def test_the_mapping_that_was_given_does_not_change(seen: Seen) -> None:
    given = {"cart": 7}
    with telemetry.span("work", given) as span:
        span.metadata["outcome"] = "paid"
    assert given == {"cart": 7}
    assert "outcome" not in seen[0][2]
    assert seen[0][2] is not seen[1][2]


@pytest.mark.parametrize(
    ("error", "kind", "reason"),
    [
        (ZeroDivisionError("x"), "error", None),
        (Exit(("shutdown", 1)), "exit", ("shutdown", 1)),
        (asyncio.CancelledError(), "cancelled", "cancelled"),
        (KeyboardInterrupt(), "error", None),
    ],
)
def test_an_exception_leaves_the_span_and_is_in_the_event(
    error: BaseException, kind: str, reason: object, seen: Seen
) -> None:
    def work() -> None:
        with telemetry.span("work", {"cart": 7}) as span:
            span.measurements["items"] = 3
            raise error

    with pytest.raises(type(error)) as raised:
        work()
    assert raised.value is error
    assert seen.events() == ["work.start", "work.exception"]
    _, measurements, metadata = seen[1]
    assert (metadata["kind"], metadata["reason"]) == (kind, error if reason is None else reason)
    assert (metadata["cart"], measurements["items"]) == (7, 3)
    assert measurements["duration"] >= 0.0


async def blocked() -> None:
    with telemetry.span("work"):
        await process.sleep(None)


async def blocked_in_asyncio() -> None:
    with telemetry.span("work"):
        await asyncio.get_running_loop().create_future()


@pytest.mark.regrow
@pytest.mark.parametrize("body", [blocked, blocked_in_asyncio])
@pytest.mark.parametrize(
    ("reason", "kind", "shown"),
    [("kill", "killed", "killed"), ("boom", "exit", "boom"), ("shutdown", "exit", "shutdown")],
)
async def test_a_process_that_is_ended_in_a_span(
    body: Callable[[], Any], reason: str, kind: str, shown: str, seen: Seen
) -> None:
    victim = process.spawn(body)
    await expect_idle()
    await kill(victim, reason)
    await expect_idle()
    assert seen.events() == ["work.start", "work.exception"]
    assert (seen[1][2]["kind"], seen[1][2]["reason"]) == (kind, shown)


@pytest.mark.regrow
async def test_a_task_that_is_cancelled_in_a_span(virtual_clock: VirtualClock, seen: Seen) -> None:
    task = asyncio.create_task(blocked_in_asyncio())
    await process.sleep(5.0)
    task.cancel()
    await asyncio.wait([task])
    assert seen.events() == ["work.start", "work.exception"]
    assert (seen[1][2]["kind"], seen[1][1]["duration"]) == ("cancelled", 5.0)
    assert virtual_clock.now() == 1005.0


@pytest.mark.regrow
async def test_hibernation_stops_a_span(seen: Seen) -> None:
    async def sleeper() -> None:
        with telemetry.span("work"):
            await process.hibernate(blocked)

    process.spawn(sleeper)
    await expect_idle()
    assert seen.events() == ["work.start", "work.stop"]


def test_an_interrupt_in_a_handler_of_start_still_ends_the_span(seen: Seen) -> None:
    def interrupts(_event: str, _measurements: Any, _metadata: Any) -> None:
        raise KeyboardInterrupt

    telemetry.attach("work.start", interrupts)
    with pytest.raises(KeyboardInterrupt), telemetry.span("work"):
        raise AssertionError("the block is not entered")
    assert seen.events() == ["work.start", "work.exception"]


def test_a_span_that_begins_without_handlers_is_measured_for_those_of_its_end() -> None:
    late = Seen()
    with telemetry.span("work"):
        telemetry.attach(SPAN, late)
        threading.Event().wait(0.01)
    assert late.events() == ["work.stop"]
    assert late[0][1]["duration"] >= 0.01


def test_spans_may_be_nested(seen: Seen) -> None:
    with telemetry.span("work", {"n": 1}), telemetry.span("work", {"n": 2}):
        pass
    assert [(event, metadata["n"]) for event, _, metadata in seen] == [
        ("work.start", 1),
        ("work.start", 2),
        ("work.stop", 2),
        ("work.stop", 1),
    ]


def test_a_span_is_entered_once() -> None:
    span = telemetry.span("work")
    with span:
        pass
    with pytest.raises(RuntimeError, match=r"Span\('work'\) was entered before: make a span for each block"):
        span.__enter__()


@pytest.mark.parametrize("arguments", [(5,), ("work", 5), (None, {})])
def test_a_mistake_at_a_span_is_raised(arguments: Any) -> None:
    with pytest.raises(TypeError, match=r"telemetry\.span"):
        telemetry.span(*arguments)


def test_without_a_handler_there_is_nothing_to_call() -> None:
    assert "regrow.queue.put" not in HANDLERS
    telemetry.attach("regrow.queue.put", Seen(), id="one")
    assert len(HANDLERS["regrow.queue.put"]) == 1
    telemetry.detach("one")
    assert "regrow.queue.put" not in HANDLERS


QUEUE_EVENTS = "put job.start job.stop job.exception lease.lost commit full store.error size"
CRON_EVENTS = "tick.decided run.start run.stop run.exception lease.lost job.changed job.paused job.resumed clock.stepped store.failed"


def test_the_table_has_the_events_of_the_queue_of_cron_and_of_telemetry() -> None:
    wanted = {f"regrow.queue.{name}" for name in QUEUE_EVENTS.split()}
    wanted |= {f"regrow.cron.{name}" for name in CRON_EVENTS.split()}
    assert set(telemetry.EVENTS) == wanted | {"regrow.telemetry.failed", "regrow.telemetry.detached"}


@pytest.mark.parametrize("name", telemetry.EVENTS)
def test_each_event_is_described(name: str) -> None:
    event = telemetry.EVENTS[name]
    assert event.doc.endswith(".")
    assert all(meaning.strip() for meaning in [*event.measurements.values(), *event.metadata.values()])
    assert "node" not in event.metadata
    assert ("system_time" in event.measurements) == name.endswith(".start")


def test_the_table_cannot_be_changed() -> None:
    with pytest.raises(TypeError):
        telemetry.EVENTS["regrow.mine"] = telemetry.EVENTS["regrow.queue.put"]  # type: ignore[index]
    with pytest.raises(TypeError):
        telemetry.EVENTS["regrow.queue.put"].metadata["mine"] = ""  # type: ignore[index]
