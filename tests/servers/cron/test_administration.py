"""`Cron`'s functions: jobs, history, pause, resume, trigger, backfill; and its start."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from regrow import NoProcess, Supervisor, process
from regrow.behaviours.gen.start_errors import AlreadyStarted, StartError
from regrow.kernel.process_record import Pid
from regrow.servers.cron.cron import Cron
from regrow.servers.cron.errors import DuplicateJob, UnknownJob
from regrow.servers.cron.job import CronJob
from regrow.servers.cron.when.errors import UnknownZone
from regrow.servers.cron.when.schedules import at, cron, every, reboot
from regrow.servers.queue.broker import Broker
from regrow.servers.queue.errors import StoreError
from regrow.servers.queue.memory.store import Memory
from regrow.servers.queue.sqlite.store import SQLite
from tests.servers.cron.helpers import START, Recording, history, rows, seconds, start

pytestmark = pytest.mark.regrow


def after(length: float) -> datetime:
    return START + timedelta(seconds=length)


async def test_the_jobs_as_a_person_sees_them() -> None:
    job = Recording()
    jobs = [job.job(cron("*/5 * * * *"), "minutes"), job.job(every(90), "other"), job.job(reboot(), "boot")]
    await start(*jobs, name="cron", tz="Europe/Berlin")
    await process.sleep(301)
    minutes, other, boot = await Cron.jobs("cron")
    assert (minutes.name, minutes.schedule, minutes.words) == (
        "minutes",
        "cron */5 * * * * Europe/Berlin",
        "Every fifth minute of every hour, Europe/Berlin",
    )
    assert minutes.next is not None
    assert minutes.next.isoformat() == "2024-01-01T01:10:00+01:00"
    assert minutes.last is not None
    assert (minutes.last.outcome, seconds(minutes.last.scheduled_for)) == ("succeeded", 300)
    assert (other.words, seconds(other.next)) == ("every 1 min 30 s", 360)
    assert (boot.words, boot.next, boot.last and boot.last.outcome) == ("when the program starts", None, "succeeded")
    assert all(one.in_code and not one.paused and not one.running for one in (minutes, other, boot))


async def test_history_has_the_newest_first() -> None:
    server = await start(Recording().job(), Recording().job(every(15), "other"))
    await process.sleep(31)
    assert [(tick.job, seconds(tick.scheduled_for)) for tick in await Cron.history(server, limit=3)] == [
        ("job", 30),
        ("other", 30),
        ("job", 20),
    ]
    assert [seconds(tick.scheduled_for) for tick in await Cron.history(server, "other", limit=1)] == [30]
    with pytest.raises(ValueError, match="limit"):
        await Cron.history(server, limit=0)


async def test_a_pause_covers_its_ticks_with_one_row() -> None:
    job = Recording()
    server = await start(job.job())
    await process.sleep(11)
    await Cron.pause(server, "job", note="db")
    await Cron.pause(server, "job", note="db move")
    (info,) = await Cron.jobs(server)
    assert (info.paused, info.note, info.next) == (True, "db move", None)
    await process.sleep(50)
    await Cron.resume(server, "job")
    await Cron.resume(server, "job")
    await process.sleep(10)
    assert job.starts == [10, 70]
    assert await rows(server) == [(10, "ran", "succeeded"), (20, "skipped_paused", None), (70, "ran", "succeeded")]
    tick = (await history(server))[1]
    assert (tick.ticks, seconds(tick.until), tick.words) == (
        5,
        60,
        "skipped: paused (5 ticks until Mon 2024-01-01 00:01)",
    )


async def test_a_pause_does_not_stop_what_runs_or_waits() -> None:
    job = Recording(work=15)
    server = await start(job.job(overlap="buffer_all"))
    await process.sleep(21)
    await Cron.pause(server, "job")
    await process.sleep(60)
    assert job.ends == pytest.approx([25, 40], abs=1e-3)


async def test_a_paused_job_can_be_triggered() -> None:
    job = Recording()
    server = await start(job.job())
    await Cron.pause(server, "job")
    await process.sleep(12)
    tick = await Cron.trigger(server, "job")
    await process.sleep(1)
    assert job.starts == [12]
    assert tick.key == "job@2024-01-01T00:00:12Z"
    again = await Cron.trigger(server, "job", traceparent="00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")
    assert again.scheduled_for > tick.scheduled_for
    assert again.traceparent == "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    with pytest.raises(TypeError, match="traceparent"):
        await Cron.trigger(server, "job", traceparent=1)  # type: ignore[arg-type] # pyright: ignore[reportArgumentType]


async def test_two_triggers_at_one_moment_are_two_ticks() -> None:
    server = await start(Recording().job(overlap="allow_all"))
    one, other = await Cron.trigger(server, "job"), await Cron.trigger(server, "job")
    assert one.key != other.key


async def test_a_backfill_runs_what_never_succeeded() -> None:
    job = Recording(work=1)
    server = await start(job.job())
    await process.sleep(12)
    await Cron.pause(server, "job")
    await process.sleep(40)
    await Cron.resume(server, "job")
    assert await Cron.backfill(server, "job", START, after(41)) == 3
    await process.sleep(4)
    assert job.starts == [10, 20, 30, 40]
    assert job.at == pytest.approx([10, 52, 53, 54], abs=1e-2)
    assert await Cron.backfill(server, "job", START, after(41)) == 0
    found = await rows(server)
    assert found == [
        (10, "ran", "succeeded"),
        (20, "backfilled", "succeeded"),
        (30, "backfilled", "succeeded"),
        (40, "backfilled", "succeeded"),
        (50, "skipped_paused", None),
    ]


async def test_a_backfill_at_once() -> None:
    job = Recording(work=5)
    server = await start(job.job(cron("* * * * * *")))
    await Cron.pause(server, "job")
    await process.sleep(10.5)
    assert await Cron.backfill(server, "job", after(1), after(4), overlap="allow_all") == 3
    await process.sleep(1)
    assert job.starts == [1, 2, 3]


async def test_what_a_backfill_refuses() -> None:
    server = await start(Recording().job(every(0.001)))
    await Cron.pause(server, "job")
    await process.sleep(100)
    with pytest.raises(ValueError, match="not in the future"):
        await Cron.backfill(server, "job", START, after(101))
    with pytest.raises(ValueError, match="an end after the start"):
        await Cron.backfill(server, "job", START, START)
    with pytest.raises(ValueError, match="with a time zone"):
        await Cron.backfill(server, "job", datetime(2024, 1, 1), after(50))  # noqa: DTZ001
    with pytest.raises(ValueError, match="10,000 ticks at most"):
        await Cron.backfill(server, "job", START, after(50))
    with pytest.raises(ValueError, match="'buffer_all', 'allow_all'"):
        await Cron.backfill(server, "job", START, after(5), overlap="skip")


ASKING: list[Callable[[Pid], Awaitable[Any]]] = [
    lambda cron: Cron.history(cron, "jbo"),
    lambda cron: Cron.pause(cron, "jbo"),
    lambda cron: Cron.resume(cron, "jbo"),
    lambda cron: Cron.trigger(cron, "jbo"),
    lambda cron: Cron.backfill(cron, "jbo", START - timedelta(days=1), START),
]


@pytest.mark.parametrize("ask", ASKING, ids=["history", "pause", "resume", "trigger", "backfill"])
async def test_an_unknown_job(ask: Callable[[Pid], Awaitable[Any]]) -> None:
    server = await start(Recording().job(), Recording().job(name="other"))
    with pytest.raises(UnknownJob, match=r"no job 'jbo'. The jobs: job, other"):
        await ask(server)


async def test_a_cron_that_does_not_run() -> None:
    with pytest.raises(NoProcess):
        await Cron.jobs("cron")


async def test_names() -> None:
    await Supervisor.start_link([Cron.child_spec([Recording().job()], name="a"), Cron.child_spec([], name="b")])
    assert [info.name for info in await Cron.jobs("a")] == ["job"]
    assert await Cron.jobs("b") == []
    process.trap_exit(True)
    with pytest.raises(AlreadyStarted):
        await start(name="a")


async def test_a_tuple_is_a_child() -> None:
    job = Recording()
    await Supervisor.start_link([(Cron, [job.job()])])
    await process.sleep(11)
    assert job.starts == [10]


@pytest.mark.parametrize(
    ("options", "error", "text"),
    [
        ({"tz": "Mars/Base"}, UnknownZone, "Mars/Base"),
        ({"tz": UTC}, TypeError, "UTC"),
        ({"ledger": ""}, ValueError, "ledger"),
        ({"keep": 0}, ValueError, "keep"),
        ({"max_threads": 0}, ValueError, "max_threads"),
        ({"seed": 1}, TypeError, "seed"),
        ({"store": 1}, TypeError, "store"),
        ({"unknown": 1}, TypeError, "unknown"),
    ],
)
def test_options_are_checked_where_they_stand(options: dict[str, Any], error: type[Exception], text: str) -> None:
    with pytest.raises(error, match=text):
        Cron.child_spec([Recording().job()], **options)


def test_two_jobs_of_one_name() -> None:
    def other() -> None: ...

    with pytest.raises(DuplicateJob, match=r"'job': .*Recording.run and .*other"):
        Cron.child_spec([Recording().job(), CronJob(other, every(1), name="job")])


async def test_a_store_that_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "text.db"
    path.write_text("this is no database, and long enough to be read as one: " * 100)
    process.trap_exit(True)
    with pytest.raises(StartError) as caught:
        await start(Recording().job(), store=str(path))
    assert isinstance(caught.value.reason, StoreError)
    assert str(path) in str(caught.value.reason)


async def test_the_name_of_a_broker_that_does_not_run() -> None:
    process.trap_exit(True)
    with pytest.raises(StartError) as caught:
        await start(Recording().job(), store="jobs")
    assert "no broker of this name runs. Start it before the Cron" in str(caught.value.reason)
    assert "'./jobs'" in str(caught.value.reason)


async def test_the_store_of_a_broker(tmp_path: Path) -> None:
    job = Recording()
    await Broker.start_link(SQLite(tmp_path / "app.db", thread=False, synchronous="NORMAL"), name="broker")
    server = await start(job.job(at(after(10))), store="broker")
    await process.sleep(11)
    assert await rows(server) == [(10, "ran", "succeeded")]


@pytest.mark.parametrize("kind", ["memory", "sqlite", "threaded", "path"])
async def test_each_store(kind: str, tmp_path: Path) -> None:
    job = Recording()
    path = tmp_path / "app.db"
    stores: dict[str, Any] = {
        "memory": Memory(),
        "sqlite": SQLite(path, thread=False, synchronous="NORMAL"),
        "threaded": SQLite(path),
        "path": str(path),
    }
    server = await start(job.job(), store=stores[kind])
    await process.sleep(31)
    assert job.starts == [10, 20, 30]
    assert await rows(server) == [(10, "ran", "succeeded"), (20, "ran", "succeeded"), (30, "ran", "succeeded")]
    if kind == "path":
        assert path.exists()
