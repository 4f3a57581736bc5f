"""Runs: their ticks, their processes, their ends."""

from __future__ import annotations

import threading
from datetime import timedelta
from typing import Any

import pytest

from regrow import Exit, process
from regrow.kernel import bifs
from regrow.servers.cron.cron import Cron
from regrow.servers.cron.errors import NotInRun
from regrow.servers.cron.job import CronJob
from regrow.servers.cron.last_line import last_line
from regrow.servers.cron.tick import current
from regrow.servers.cron.when.schedules import at, cron, every
from regrow.servers.queue.outcome import Backoff
from regrow.servers.queue.signals import Discard, Retry
from tests.servers.cron.helpers import START, Recording, clock, history, rows, seconds, start, wait

pytestmark = pytest.mark.regrow


async def test_an_interval_does_not_drift_by_the_time_of_its_job() -> None:
    job = Recording(work=0.03)
    await start(job.job(every(0.1)))
    await process.sleep(5.05)
    assert len(job.starts) == 50
    assert job.starts == pytest.approx([0.1 * n for n in range(1, 51)], abs=1e-6)
    assert job.at == pytest.approx(job.starts, abs=1e-5)


async def test_a_job_that_takes_longer_than_its_interval_does_not_move_its_ticks() -> None:
    job = Recording(work=15)
    server = await start(job.job(every(10)))
    await process.sleep(61)
    assert job.starts == [10, 30, 50]
    assert await rows(server) == [
        (10, "ran", "succeeded"),
        (20, "skipped_overlap", None),
        (30, "ran", "succeeded"),
        (40, "skipped_overlap", None),
        (50, "ran", "running"),
        (60, "skipped_overlap", None),
    ]


async def test_jobs_of_one_moment_start_in_the_order_of_the_list() -> None:
    order: list[str] = []
    names = ["c", "a", "b"]

    async def note() -> None:
        order.append(current().job)

    await start(*[CronJob(note, every(10), name=name) for name in names])
    await process.sleep(25)
    assert order == names * 2


async def test_a_def_runs_in_a_thread_and_knows_its_tick() -> None:
    found: list[Any] = []

    def work(*args: Any, **kwargs: Any) -> None:
        found.append((threading.current_thread() is threading.main_thread(), current().key, args, kwargs))

    await start(CronJob(work, every(10), args=[1], kwargs={"b": 2}))
    await process.sleep(11)
    assert found == [(False, "work@2024-01-01T00:00:10Z", (1,), {"b": 2})]


async def test_a_def_without_blocking_runs_in_the_loop() -> None:
    found: list[bool] = []

    def work() -> None:
        found.append(threading.current_thread() is threading.main_thread())

    await start(CronJob(work, every(10), blocking=False))
    await process.sleep(11)
    assert found == [True]


async def test_there_is_no_tick_outside_of_a_run() -> None:
    with pytest.raises(NotInRun):
        current()


async def test_what_a_job_starts_has_its_tick() -> None:
    found: list[str] = []

    async def child() -> None:
        found.append(current().key)

    async def work() -> None:
        process.spawn_link(child)
        await process.sleep(1)

    await start(CronJob(work, every(10)))
    await process.sleep(12)
    assert found == ["work@2024-01-01T00:00:10Z"]


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (ValueError("no rows"), "ValueError: no rows"),
        (KeyError("x"), "KeyError: 'x'"),
        (ValueError("two\nlines"), "ValueError: two lines"),
        (Exit("boom"), "exit: 'boom'"),
        (Exit(("shutdown", 1)), "exit: ('shutdown', 1)"),
        (BaseExceptionGroup("g", [KeyError(1)]), "ExceptionGroup: g (1 sub-exception)"),
        (ValueError("a NUL\0"), "ValueError: a NUL\N{REPLACEMENT CHARACTER}"),
        (ValueError("x" * 10_000), "ValueError: " + "x" * (2_000 - 12)),
    ],
    ids=range(8),
)
async def test_a_job_that_raises_fails_alone(error: BaseException, text: str) -> None:
    bad, good = Recording(raises=lambda: error), Recording()
    server = await start(bad.job(name="bad"), good.job(name="good"))
    await process.sleep(25)
    assert [(tick.outcome, tick.error) for tick in await history(server, "bad")] == [("failed", text)] * 2
    assert [tick.outcome for tick in await history(server, "good")] == ["succeeded"] * 2


def test_half_of_a_surrogate_pair_can_be_stored() -> None:
    assert last_line(ValueError("half \ud800 of a pair")) == "ValueError: half ? of a pair"


async def test_a_crash_is_reported_with_the_function_of_the_job(caplog: pytest.LogCaptureFixture) -> None:
    async def sweep() -> None:
        raise ValueError("no rows")

    await start(CronJob(sweep, every(10)))
    await process.sleep(11)
    assert "no rows" in caplog.text
    assert "sweep" in caplog.text
    assert 'raise ValueError("no rows")' in caplog.text


@pytest.mark.parametrize("error", [Exit("normal"), None])
async def test_a_run_that_ends_normally_succeeds(error: BaseException | None) -> None:
    job = Recording(raises=None if error is None else lambda: error)
    server = await start(job.job())
    await process.sleep(11)
    assert await rows(server) == [(10, "ran", "succeeded")]


async def test_a_run_that_is_killed_fails() -> None:
    found: list[Any] = []

    async def work() -> None:
        found.append(process.current())
        await process.sleep(100)

    server = await start(CronJob(work, every(10), name="job"))
    await process.sleep(11)
    bifs.exit(found[0], "kill")
    await process.sleep(1)
    (tick,) = await history(server)
    assert (tick.outcome, tick.error) == ("failed", "exit: 'killed'")


async def test_attempts_with_a_backoff() -> None:
    job = Recording(raises=lambda: ValueError("no rows"))
    server = await start(
        job.job(at(START + timedelta(seconds=10)), attempts=3, backoff=Backoff(first=2.0, factor=2.0, jitter=0.0))
    )
    await process.sleep(10.5)
    assert await rows(server) == [(10, "ran", "running")]
    await process.sleep(20)
    assert job.at == pytest.approx([10, 12, 16], abs=1e-3)
    (tick,) = await history(server)
    assert (tick.outcome, tick.attempt, tick.error, tick.late) == ("failed", 3, "ValueError: no rows", 0.0)
    assert seconds(tick.finished_at) == pytest.approx(16, abs=1e-3)


async def test_retry_and_discard_say_what_becomes_of_the_tick() -> None:
    left = [Retry("later", delay=7), Discard("never")]
    job = Recording(raises=lambda: left.pop(0))
    server = await start(job.job(at(START + timedelta(seconds=10)), attempts=5))
    await process.sleep(60)
    assert job.at == pytest.approx([10, 17], abs=1e-3)
    (tick,) = await history(server)
    assert (tick.outcome, tick.attempt, tick.error) == ("failed", 2, "regrow.servers.queue.signals.Discard: never")


async def test_a_backoff_that_fails_loses_no_tick() -> None:
    def backoff(attempt: int) -> float:
        raise RuntimeError("backoff")

    job = Recording(raises=ValueError)
    server = await start(job.job(at(START + timedelta(seconds=10)), attempts=2, backoff=backoff))
    await process.sleep(60)
    assert [(tick.outcome, tick.attempt) for tick in await history(server)] == [("failed", 2)]


async def test_a_timeout_ends_an_attempt_and_the_next_has_it_anew() -> None:
    job = Recording(work=100)
    server = await start(job.job(at(START + timedelta(seconds=10)), timeout=3, attempts=2, backoff=wait(1.0)))
    await process.sleep(40)
    assert job.at == pytest.approx([10, 14], abs=1e-3)
    (tick,) = await history(server)
    assert (tick.outcome, tick.error) == ("timed_out", "TimeoutError: it ran for longer than its timeout of 3 s")
    assert seconds(tick.finished_at) == pytest.approx(17, abs=1e-3)


async def test_a_run_that_does_not_end_after_its_timeout_is_killed() -> None:
    ends: list[str] = []

    async def stubborn() -> None:
        process.trap_exit(True)
        await process.sleep(60)
        ends.append("late")

    server = await start(CronJob(stubborn, at(START + timedelta(seconds=10)), timeout=3, shutdown=2, name="job"))
    await process.sleep(100)
    (tick,) = await history(server)
    assert (tick.outcome, ends) == ("timed_out", [])
    assert seconds(tick.finished_at) == pytest.approx(15, abs=1e-3)


async def test_a_run_cleans_up_after_its_timeout() -> None:
    ends: list[str] = []

    async def careful() -> None:
        try:
            await process.sleep(60)
        finally:
            ends.append("clean")

    server = await start(CronJob(careful, at(START + timedelta(seconds=10)), timeout=3, name="job"))
    await process.sleep(20)
    assert ends == ["clean"]
    assert await rows(server) == [(10, "ran", "timed_out")]


async def test_a_job_at_a_time_in_the_past_is_missed_and_never_runs() -> None:
    job = Recording()
    server = await start(job.job(at(START - timedelta(days=1))))
    await process.sleep(100)
    assert job.starts == []
    assert await rows(server) == [(-86_400, "missed", None)]
    (info,) = await Cron.jobs(server)
    assert info.next is None


async def test_cron_expressions_run_at_their_local_time() -> None:
    job = Recording()
    server = await start(job.job(cron("30 1 * * *", tz="Asia/Kolkata")), tz="Europe/Berlin")
    await process.sleep(2 * 86_400)
    ticks = await history(server)
    assert [tick.scheduled_for.isoformat() for tick in ticks] == [
        "2024-01-02T01:30:00+05:30",
        "2024-01-03T01:30:00+05:30",
    ]
    assert [tick.key for tick in ticks] == ["job@2024-01-01T20:00:00Z", "job@2024-01-02T20:00:00Z"]


async def test_the_jitter_delays_a_run_and_not_its_tick() -> None:
    job = Recording()
    server = await start(job.job(every(100), jitter=30))
    await process.sleep(1050)
    late = [at - tick for at, tick in zip(job.at, job.starts, strict=True)]
    assert job.starts == [100.0 * n for n in range(1, 11)]
    assert all(0 <= one < 30 for one in late)
    assert len({round(one, 3) for one in late}) == 10
    assert all(tick.late < 0.01 for tick in await history(server))


async def test_nothing_to_do_costs_no_wake() -> None:
    before = clock().now()
    await start(Recording().job(at(START + timedelta(days=365))))
    await process.sleep(86_400 * 300)
    assert clock().now() - before == pytest.approx(86_400 * 300)
