"""Overlap: a tick that is due while a run of the job is not done."""

from __future__ import annotations

from datetime import timedelta

import pytest

from regrow import process
from regrow.servers.cron.cron import Cron
from regrow.servers.cron.job import CronJob
from regrow.servers.cron.tick import current
from regrow.servers.cron.when.schedules import at, every
from tests.servers.cron.helpers import START, Recording, history, now, rows, seconds, start, wait

pytestmark = pytest.mark.regrow


async def test_skip_names_the_tick_that_runs() -> None:
    server = await start(Recording(work=15).job())
    await process.sleep(31)
    first, second, _ = await history(server)
    assert second.because == first.scheduled_for
    assert second.words == "skipped: overlap with Mon 00:00:10"


async def test_buffer_one_lets_one_wait() -> None:
    job = Recording(work=35)
    server = await start(job.job(overlap="buffer_one"))
    await process.sleep(61)
    assert job.at == pytest.approx([10, 45], abs=1e-3)
    assert await rows(server) == [
        (10, "ran", "succeeded"),
        (20, "ran", "running"),
        (30, "skipped_overlap", None),
        (40, "skipped_overlap", None),
        (50, "ran", "waiting"),
        (60, "skipped_overlap", None),
    ]
    ticks = await history(server)
    assert [tick.because for tick in ticks[2:4]] == [ticks[1].scheduled_for] * 2
    assert ticks[1].late == pytest.approx(25, abs=1e-3)


async def test_buffer_all_runs_all_in_order() -> None:
    job = Recording(work=15)
    server = await start(job.job(overlap="buffer_all"))
    await process.sleep(62)
    assert job.starts == [10, 20, 30, 40]
    assert job.at == pytest.approx([10, 25, 40, 55], abs=1e-3)
    assert [row[2] for row in await rows(server)] == ["succeeded"] * 3 + ["running", "waiting", "waiting"]


async def test_buffer_all_has_an_end() -> None:
    server = await start(Recording(work=10_000).job(every(1), overlap="buffer_all"))
    await process.sleep(1_004.5)
    found = [(0, tick.reason, tick.outcome) for tick in await history(server, limit=2_000)]
    assert [row[1] for row in found[-3:]] == ["skipped_buffer_full"] * 3
    assert sum(row[2] == "waiting" for row in found) == 1_000


async def test_cancel_other_ends_the_running_one_first() -> None:
    ends: list[tuple[float, str]] = []

    async def work() -> None:
        tick = seconds(current().scheduled_for)
        try:
            await process.sleep(100)
        finally:
            ends.append((tick, "ended"))

    server = await start(CronJob(work, every(10), name="job", overlap="cancel_other"))
    await process.sleep(31)
    assert ends == [(10, "ended"), (20, "ended")]
    assert await rows(server) == [(10, "ran", "cancelled"), (20, "ran", "cancelled"), (30, "ran", "running")]


async def test_cancel_other_waits_for_a_run_that_does_not_end_and_kills_it() -> None:
    async def stubborn() -> None:
        process.trap_exit(True)
        await process.sleep(100)

    server = await start(CronJob(stubborn, every(10), name="job", overlap="cancel_other", shutdown=15))
    await process.sleep(31)
    assert await rows(server) == [
        (10, "ran", "running"),
        (20, "skipped_overlap", None),
        (30, "ran", "waiting"),
    ]
    await process.sleep(5)
    assert [row[2] for row in await rows(server)] == ["cancelled", None, "running"]


async def test_allow_all_runs_side_by_side() -> None:
    job = Recording(work=25)
    server = await start(job.job(overlap="allow_all"))
    await process.sleep(41)
    assert job.at == pytest.approx([10, 20, 30, 40], abs=1e-3)
    (info,) = await Cron.jobs(server)
    assert (info.running, info.waiting) == (3, 0)


async def test_a_run_between_two_attempts_counts_as_running() -> None:
    job = Recording(raises=ValueError)
    server = await start(job.job(attempts=2, backoff=wait(15.0)))
    await process.sleep(31)
    assert await rows(server) == [(10, "ran", "failed"), (20, "skipped_overlap", None), (30, "ran", "running")]


async def test_a_trigger_is_subject_to_the_overlap() -> None:
    server = await start(Recording(work=5).job(at(START + timedelta(days=1))))
    first = await Cron.trigger(server, "job")
    second = await Cron.trigger(server, "job")
    assert (first.reason, first.outcome) == ("triggered", "running")
    assert (second.reason, second.outcome, second.because) == ("skipped_overlap", None, first.scheduled_for)
    await process.sleep(6)
    third = await Cron.trigger(server, "job")
    assert third.scheduled_for == now()
    await process.sleep(6)
    assert [tick.outcome for tick in await history(server)] == ["succeeded", None, "succeeded"]
