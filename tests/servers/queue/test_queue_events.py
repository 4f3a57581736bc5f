"""The telemetry of the queue: each event of the table happens, with what the table says of it."""

from __future__ import annotations

from collections.abc import Callable, Generator
from typing import Any

import pytest

from regrow import Supervisor, process, telemetry
from regrow.servers.queue.broker import Broker
from regrow.servers.queue.errors import StoreFull
from regrow.servers.queue.job import Job
from regrow.servers.queue.memory.store import Memory
from regrow.servers.queue.ops import Extend
from regrow.servers.queue.signals import Discard, Retry, Snooze
from tests.servers.queue.helpers import Code, Recording, put

pytestmark = pytest.mark.regrow

Events = list[tuple[str, dict[str, Any], dict[str, Any]]]


@pytest.fixture
def events() -> Generator[Events]:
    found: Events = []

    def handler(event: str, measurements: dict[str, Any], metadata: dict[str, Any]) -> None:
        found.append((event.removeprefix("regrow.queue."), measurements, metadata))

    names = [name for name in telemetry.EVENTS if name.startswith("regrow.queue.")]
    id = telemetry.attach(names, handler)
    yield found
    telemetry.detach(id)
    for event, measurements, metadata in found:
        row = telemetry.EVENTS[f"regrow.queue.{event}"]
        assert set(measurements) == set(row.measurements)
        assert set(metadata) == {*row.metadata, "node"}


def of_jobs(events: Events) -> list[tuple[str, Any]]:
    return [
        (name, more.get("outcome", more.get("kind"))) for name, _, more in events if name.startswith(("job", "lease"))
    ]


def code(*errors: BaseException | None) -> Callable[[Job[Any]], Any]:
    left = list(errors)

    async def perform(job: Job[Any]) -> None:
        await process.sleep(2.0)
        error = left.pop(0)
        if error is not None:
            raise error

    return perform


async def test_a_job_from_its_put_to_its_end(events: Events) -> None:
    await Broker.start_link(Memory(), workers=[Code(code(None))])
    await put("hello", delay=5.0)
    await process.sleep(10.0)
    found = {name: (measured, more) for name, measured, more in events}
    assert found["put"] == (
        {"bytes": 7, "wait": 0.0},
        {"queue": "q", "broker": Broker, "id": 1, "node": "nonode@nohost"},
    )
    assert found["job.start"][0]["waited"] == 0.0
    assert found["job.stop"][0]["duration"] == pytest.approx(2.0)
    assert found["job.stop"][1]["outcome"] == "ack"
    assert found["commit"][1]["broker"] is Broker
    assert of_jobs(events) == [("job.start", None), ("job.stop", "ack")]


@pytest.mark.parametrize(
    ("error", "outcomes"),
    [
        (ValueError("no"), [("job.exception", "ValueError"), ("job.exception", "ValueError")]),
        (Retry("later", delay=1.0), [("job.stop", "retry"), ("job.stop", "dead")]),
        (Discard("never"), [("job.stop", "discard")]),
    ],
    ids=["an exception", "Retry", "Discard"],
)
async def test_each_attempt_has_one_end(events: Events, error: BaseException, outcomes: list[Any]) -> None:
    await Broker.start_link(Memory(), workers=[Code(code(error, error))])
    await put("x", max_attempts=2)
    await process.sleep(100.0)
    assert [one for one in of_jobs(events) if one[0] != "job.start"] == outcomes
    assert len(of_jobs(events)) == 2 * len(outcomes)


async def test_a_snooze_is_a_stop(events: Events) -> None:
    await Broker.start_link(Memory(), workers=[Code(code(Snooze(1.0), None))])
    await put("x")
    await process.sleep(100.0)
    assert of_jobs(events)[1::2] == [("job.stop", "snooze"), ("job.stop", "ack")]


async def test_a_lost_lease(events: Events) -> None:
    class Lost(Recording):
        def run(self, ops: Any, clocks: Any, /) -> Any:
            done = super().run(ops, clocks)
            for place, op in enumerate(ops):
                if type(op) is Extend and op.leases:
                    done.results[place] = [None] * len(op.leases)
            return done

    await Broker.start_link(Lost(), workers=[Code(code(None), lease=3.0)])
    await put("x")
    await process.sleep(1.5)
    assert of_jobs(events) == [("job.start", None), ("lease.lost", None), ("job.exception", "LeaseLost")]


async def test_what_a_drain_gives_back(events: Events) -> None:
    supervisor = await Supervisor.start_link([Broker.child_spec(Memory(), workers=[Code(code(None))], drain=1.0)])
    await put("x")
    await process.sleep(0.5)
    await Supervisor.terminate_child(supervisor, Broker)
    assert of_jobs(events) == [("job.start", None), ("job.stop", "release")]


async def test_a_full_queue_and_a_failed_store(events: Events) -> None:
    store = Recording()
    await Broker.start_link(store)
    await put(0, bound=1)
    await put(1, bound=1)
    store.errors = [StoreFull("the disk is full")]
    await put(2)
    found = {name: (measured, more) for name, measured, more in events}
    assert found["full"][0] == {"jobs": 1, "bound": 1}
    assert (found["store.error"][1]["kind"], found["store.error"][1]["message"]) == ("StoreFull", "the disk is full")


async def test_the_sizes_come_every_ten_seconds(events: Events) -> None:
    await Broker.start_link(Memory())
    for number in range(30):
        await put(number)
        await process.sleep(1.0)
    sizes = [measured["ready"] for name, measured, _ in events if name == "size"]
    assert sizes == [1, 11, 21]
