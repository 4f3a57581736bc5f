"""Jobs that put into the durable queue."""

from __future__ import annotations

import threading
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from regrow import process
from regrow.servers.cron.cron import Cron
from regrow.servers.cron.enqueue import enqueue
from regrow.servers.cron.job import CronJob
from regrow.servers.cron.tick import Tick
from regrow.servers.cron.when.schedules import cron, every
from regrow.servers.queue.broker import Broker
from regrow.servers.queue.job import Job
from regrow.servers.queue.memory.store import Memory
from regrow.servers.queue.queue import Queue
from regrow.servers.queue.sqlite.store import SQLite
from regrow.servers.queue.worker import Worker
from tests.servers.cron.helpers import START, history, rows, start

pytestmark = pytest.mark.regrow

Mails = Queue[str]("mails")


async def payloads(queue: Any = Mails) -> list[Any]:
    """Return what a queue has to claim."""
    return [job.payload for job in await queue.get_many(100)]


def named(tick: Tick) -> str:
    return tick.key


@pytest.mark.parametrize("kind", ["memory", "sqlite"])
async def test_a_tick_and_its_job_are_one_transaction(kind: str, tmp_path: Path) -> None:
    store: Any = Memory() if kind == "memory" else SQLite(tmp_path / "app.db", thread=False, synchronous="NORMAL")
    await Broker.start_link(store)
    server = await start(CronJob(enqueue(Mails, named), every(10)), store=Broker)
    await process.sleep(31)
    assert await rows(server, "mails") == [(10.0 * n, "ran", "enqueued") for n in (1, 2, 3)]
    assert await payloads() == [f"mails@2024-01-01T00:00:{n}0Z" for n in (1, 2, 3)]


async def test_the_worker_performs_what_was_put() -> None:
    done: list[str] = []

    class Greet(Worker[str]):
        async def perform(self, job: Job[str]) -> None:
            done.append(job.payload)

    await Broker.start_link(Memory(), workers=[Greet])
    await start(CronJob(enqueue(Greet, "Ann"), cron("* * * * *"), name="greet"), store=Broker)
    await process.sleep(121)
    assert done == ["Ann", "Ann"]


async def test_the_file_of_a_broker_is_shared_by_a_cron_with_its_path(tmp_path: Path) -> None:
    path = tmp_path / "app.db"
    await Broker.start_link(SQLite(path))
    server = await start(CronJob(enqueue(Mails, "x"), every(10)), store=str(path))
    await process.sleep(21)
    assert [row[2] for row in await rows(server, "mails")] == ["enqueued", "enqueued"]
    assert await payloads() == ["x", "x"]


async def test_without_a_broker_the_jobs_are_in_the_store_of_the_cron(tmp_path: Path) -> None:
    path = tmp_path / "app.db"
    server = await start(CronJob(enqueue(Mails, "x"), every(10)), store=str(path))
    await process.sleep(11)
    assert [row[2] for row in await rows(server, "mails")] == ["enqueued"]
    await Broker.start_link(SQLite(path, thread=False, synchronous="NORMAL"))
    assert await payloads() == ["x"]


async def test_another_store_gets_a_job_with_a_key() -> None:
    await Broker.start_link(Memory())
    server = await start(CronJob(enqueue(Mails, named), every(10)))
    await process.sleep(21)
    assert [row[2] for row in await rows(server, "mails")] == ["enqueued", "enqueued"]
    jobs = await Mails.get_many(10)
    assert [job.key for job in jobs] == [
        "cron/mails/2024-01-01T00:00:10Z",
        "cron/mails/2024-01-01T00:00:20Z",
    ]


@pytest.mark.parametrize("error", [ValueError("none"), SystemExit(3), KeyboardInterrupt()])
async def test_a_payload_that_cannot_be_made_fails_its_tick(error: BaseException) -> None:
    def payload(tick: Tick) -> str:
        raise error

    await Broker.start_link(Memory())
    server = await start(
        CronJob(enqueue(Mails, payload), every(10)), CronJob(enqueue(Mails, "y"), every(10), name="other"), store=Broker
    )
    await process.sleep(11)
    (tick,) = await history(server, "mails")
    assert tick.outcome == "failed"
    assert tick.error is not None
    assert type(error).__name__ in tick.error
    assert await payloads() == ["y"]


async def test_a_payload_of_a_wrong_type_fails_its_tick() -> None:
    await Broker.start_link(Memory())
    server = await start(CronJob(enqueue(Mails, lambda _: 42), every(10)), store=Broker)
    await process.sleep(11)
    assert [tick.outcome for tick in await history(server, "mails")] == ["failed"]


async def test_a_queue_without_room_fails_the_tick() -> None:
    small = Queue[str]("small", bound=1)
    await Broker.start_link(Memory())
    server = await start(CronJob(enqueue(small, "x"), every(10)), store=Broker)
    await process.sleep(21)
    first, second = await history(server, "small")
    assert (first.outcome, second.outcome) == ("enqueued", "failed")
    assert second.error == "Full: the queue 'small' has no room"


async def test_a_pause_a_trigger_and_a_backfill() -> None:
    await Broker.start_link(Memory())
    server = await start(CronJob(enqueue(Mails, named), every(10)), store=Broker)
    await Cron.pause(server, "mails")
    await process.sleep(35)
    tick = await Cron.trigger(server, "mails")
    assert tick.outcome == "enqueued"
    await Cron.resume(server, "mails")
    assert await Cron.backfill(server, "mails", START, START + timedelta(seconds=21)) == 2
    assert [row[1:] for row in await rows(server, "mails")] == [
        ("backfilled", "enqueued"),
        ("backfilled", "enqueued"),
        ("skipped_paused", None),
        ("triggered", "enqueued"),
    ]
    assert len(await payloads()) == 3


async def test_the_options_of_the_put() -> None:
    await Broker.start_link(Memory())
    await start(CronJob(enqueue(Mails, "x", delay=5.0, priority=-3), every(10)), store=Broker)
    await process.sleep(12)
    assert await Mails.get_many(1) == []
    await process.sleep(5)
    (job,) = await Mails.get_many(1)
    assert job.priority == -3
    assert threading.current_thread() is threading.main_thread()
