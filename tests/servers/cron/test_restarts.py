"""What is still there after a crash, a stop and a downtime."""

from __future__ import annotations

import threading
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from regrow import Supervisor, process
from regrow.kernel import bifs
from regrow.kernel.current_node import current_node
from regrow.kernel.process_record import Pid
from regrow.servers.cron.cron import CRONS, Cron, address_of
from regrow.servers.cron.job import CronJob
from regrow.servers.cron.scheduler import Scheduler
from regrow.servers.cron.tick import current
from regrow.servers.cron.when.schedules import at, cron, every, reboot
from regrow.servers.queue.sqlite.store import SQLite
from tests.servers.cron.helpers import START, Recording, clock, history, rows, seconds, start

pytestmark = pytest.mark.regrow

DAY = 86_400


def scheduler_of(server: Pid) -> Pid:
    found = address_of(server)
    assert isinstance(found, Pid)
    return found


async def stop(server: Pid) -> None:
    """Stop a cron server in order."""
    process.unlink(server)
    await Supervisor.stop(server)


async def down(length: float) -> None:
    """Let time go by without a cron server."""
    await process.sleep(length)


async def crash(server: Pid) -> None:
    """Kill the scheduler, and wait for the next one."""
    before = scheduler_of(server)
    bifs.exit(before, "kill")
    while scheduler_of(server) == before:
        await process.sleep(0.001)


async def test_a_scheduler_that_crashes_loses_no_tick() -> None:
    job = Recording()
    server = await start(job.job())
    await process.sleep(25)
    await crash(server)
    await process.sleep(20)
    assert job.starts == [10, 20, 30, 40]
    assert [row[1:] for row in await rows(server)] == [("ran", "succeeded")] * 4


@pytest.mark.parametrize(("attempts", "outcome", "starts"), [(1, "lost", 1), (2, "succeeded", 2)])
async def test_the_runs_of_a_scheduler_that_crashes(attempts: int, outcome: str, starts: int) -> None:
    job = Recording(work=5)
    server = await start(job.job(at(START + timedelta(seconds=10)), attempts=attempts))
    await process.sleep(12)
    await crash(server)
    await process.sleep(20)
    (tick,) = await history(server)
    assert (tick.outcome, len(job.starts), len(job.ends)) == (outcome, starts, attempts - 1)


async def test_waiting_ticks_survive_a_crash() -> None:
    job = Recording(work=15)
    server = await start(job.job(overlap="buffer_all", attempts=2))
    await process.sleep(31)
    await crash(server)
    await process.sleep(40)
    assert sorted(set(job.starts))[:4] == [10, 20, 30, 40]


async def test_the_application_stops_in_order(tmp_path: Path) -> None:
    ends: list[str] = []

    async def work() -> None:
        try:
            await process.sleep(100)
        finally:
            ends.append("clean")

    async def stubborn() -> None:
        process.trap_exit(True)
        await process.sleep(100)
        ends.append("never")

    store = SQLite(tmp_path / "app.db", thread=False, synchronous="NORMAL")
    jobs = [CronJob(work, every(10), name="job"), CronJob(stubborn, every(10), name="stubborn", shutdown=3)]
    server = await start(*jobs, store=store)
    await process.sleep(11)
    before = clock().now()
    await stop(server)
    assert ends == ["clean"]
    assert clock().now() - before == pytest.approx(3, abs=0.01)
    again = await start(store=store)
    assert [row[2] for row in await rows(again, "job")] == ["cancelled"]
    assert [row[2] for row in await rows(again, "stubborn")] == ["cancelled"]


async def test_what_waits_at_the_stop_runs_after_it(tmp_path: Path) -> None:
    store = SQLite(tmp_path / "app.db", thread=False, synchronous="NORMAL")
    job = Recording(work=15)
    server = await start(job.job(overlap="buffer_all"), store=store)
    await process.sleep(35)
    await stop(server)
    assert job.starts == [10, 20]
    again = await start(job.job(overlap="buffer_all"), store=store)
    await process.sleep(1)
    assert job.starts == [10, 20, 30]
    assert [row[2] for row in await rows(again)] == ["succeeded", "cancelled", "running"]


@pytest.mark.parametrize(
    ("policies", "wanted"),
    [
        ({}, [("missed", 6, 6 * DAY), ("caught_up", 1, 7 * DAY)]),
        ({"catch_up": "skip"}, [("missed", 7, 7 * DAY)]),
        (
            {"catch_up": "run_all", "catch_up_window": 3 * DAY},
            [("missed", 4, 4 * DAY), ("caught_up", 1, 5 * DAY), ("caught_up", 1, 6 * DAY), ("caught_up", 1, 7 * DAY)],
        ),
        ({"catch_up_window": 3 * DAY}, [("missed", 4, 4 * DAY), ("coalesced", 2, 6 * DAY), ("caught_up", 1, 7 * DAY)]),
        ({"catch_up_window": 3600}, [("missed", 7, 7 * DAY)]),
    ],
)
async def test_a_week_of_downtime(policies: dict[str, Any], wanted: list[Any], tmp_path: Path) -> None:
    store = SQLite(tmp_path / "app.db", thread=False, synchronous="NORMAL")
    job = Recording()
    daily = job.job(cron("0 0 * * *"), **policies)
    await stop(await start(daily, store=store))
    await down(7 * DAY + 2 * 3600)
    server = await start(daily, store=store)
    await process.sleep(10)
    found = [(tick.reason, tick.ticks, seconds(tick.until or tick.scheduled_for)) for tick in await history(server)]
    assert found == wanted
    assert job.starts == [at for reason, _, at in wanted if reason == "caught_up"]


async def test_a_job_a_second_that_was_down_for_a_week_is_two_rows(tmp_path: Path) -> None:
    store = SQLite(tmp_path / "app.db", thread=False, synchronous="NORMAL")
    job = Recording()
    await stop(await start(job.job(cron("* * * * * *")), store=store))
    await down(7 * DAY)
    server = await start(job.job(cron("* * * * * *")), store=store)
    await process.sleep(0.5)
    found = await history(server)
    assert [(tick.reason, tick.ticks) for tick in found] == [("missed", -1), ("coalesced", -1), ("ran", 1)]
    assert "10,000+ ticks" in found[0].words


async def test_a_changed_schedule_never_fires_in_the_past(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    store = SQLite(tmp_path / "app.db", thread=False, synchronous="NORMAL")
    job = Recording()
    server = await start(job.job(cron("40 5 * * *")), store=store)
    await process.sleep(5 * 3600 + 45 * 60)
    await stop(server)
    await down(3600)
    server = await start(job.job(cron("50 5 * * *")), store=store)
    await process.sleep(3600)
    assert job.starts == [5 * 3600 + 40 * 60]
    await process.sleep(DAY)
    assert job.starts == [5 * 3600 + 40 * 60, DAY + 5 * 3600 + 50 * 60]


async def test_a_changed_policy_changes_no_schedule(tmp_path: Path) -> None:
    store = SQLite(tmp_path / "app.db", thread=False, synchronous="NORMAL")
    job = Recording()
    server = await start(job.job(every(100)), store=store)
    await process.sleep(50)
    await stop(server)
    await start(job.job(every(100), overlap="allow_all", timeout=5), store=store)
    await process.sleep(51)
    assert job.starts == [100]


async def test_a_job_that_comes_back_catches_nothing_up(tmp_path: Path) -> None:
    store = SQLite(tmp_path / "app.db", thread=False, synchronous="NORMAL")
    gone, other = Recording(), Recording()
    jobs = [gone.job(cron("0 * * * *"), "gone"), other.job(cron("0 * * * *"), "other")]
    await stop(await start(*jobs, store=store))
    server = await start(jobs[1], store=store)
    await process.sleep(5 * 3600)
    (here, away) = await Cron.jobs(server)
    assert (here.name, here.in_code, away.name, away.in_code) == ("other", True, "gone", False)
    await stop(server)
    await start(*jobs, store=store)
    await process.sleep(3601)
    assert gone.starts == [6 * 3600]


async def test_a_pause_survives_a_restart(tmp_path: Path) -> None:
    store = SQLite(tmp_path / "app.db", thread=False, synchronous="NORMAL")
    job = Recording()
    server = await start(job.job(), store=store)
    await Cron.pause(server, "job", note="later")
    await stop(server)
    server = await start(job.job(), store=store)
    await process.sleep(31)
    (info,) = await Cron.jobs(server)
    assert (job.starts, info.paused, info.note) == ([], True, "later")


async def test_a_job_of_the_start_runs_once_a_program() -> None:
    job = Recording()
    server = await start(job.job(reboot()))
    await process.sleep(1)
    await crash(server)
    await process.sleep(100)
    assert len(job.starts) == 1


async def test_a_second_program_runs_no_job_of_the_start_while_the_first_lives(tmp_path: Path) -> None:
    job = Recording()
    first = await start(job.job(reboot()), store=SQLite(tmp_path / "app.db", thread=False, synchronous="NORMAL"))
    await process.sleep(1)
    current_node().registries.pop("regrow.cron", None)  # as in another program
    second = await start(job.job(reboot()), store=SQLite(tmp_path / "app.db", thread=False, synchronous="NORMAL"))
    await process.sleep(30)
    assert len(job.starts) == 1
    await stop(first)
    await process.sleep(100)
    assert len(job.starts) == 1
    await stop(second)
    current_node().registries.pop("regrow.cron", None)
    await start(job.job(reboot()), store=SQLite(tmp_path / "app.db", thread=False, synchronous="NORMAL"))
    await process.sleep(1)
    assert len(job.starts) == 2


async def test_the_start_after_a_crash_of_the_program(tmp_path: Path) -> None:
    job = Recording()
    first = await start(job.job(reboot()), store=SQLite(tmp_path / "app.db", thread=False, synchronous="NORMAL"))
    await process.sleep(1)
    process.unlink(first)
    current_node().registries.pop("regrow.cron", None)
    kill_tree(first)
    await process.sleep(0.1)
    await start(job.job(reboot()), store=SQLite(tmp_path / "app.db", thread=False, synchronous="NORMAL"))
    await process.sleep(70)
    assert len(job.starts) == 2


def kill_tree(server: Pid) -> None:
    """Kill a cron server without an order, as the end of its program would."""
    current_node().registries[CRONS].pop(server)
    bifs.exit(server, "kill")


async def test_a_start_forgets_what_is_old(tmp_path: Path) -> None:
    store = SQLite(tmp_path / "app.db", thread=False, synchronous="NORMAL")
    server = await start(Recording().job(every(1)), store=store)
    await process.sleep(60.5)
    await stop(server)
    server = await start(Recording().job(every(1)), store=store, keep=10)
    await process.sleep(0.2)
    assert len(await history(server)) == 10


async def test_history_is_kept_within_its_limit() -> None:
    server = await start(Recording().job(every(1)), keep=50)
    await process.sleep(1_000)
    assert 50 <= len(await history(server)) < 160


def nothing(*_: object) -> None:
    """Do nothing."""


async def test_an_end_that_waits_for_a_transaction_is_written_at_the_stop(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = SQLite(tmp_path / "app.db", thread=False, synchronous="NORMAL")
    job = Recording(work=1)
    server = await start(job.job(at(START + timedelta(seconds=10))), store=store)
    await process.sleep(10.5)
    with monkeypatch.context() as broken:
        broken.setattr(Scheduler, "flush", nothing)
        await process.sleep(1)
        assert len(job.ends) == 1
        await stop(server)
    again = await start(job.job(at(START + timedelta(seconds=10))), store=store)
    await process.sleep(10)
    assert len(job.starts) == 1
    assert await rows(again) == [(10, "ran", "succeeded")]


async def test_a_run_that_waits_for_a_thread_at_the_stop_runs_after_it(tmp_path: Path) -> None:
    store = SQLite(tmp_path / "app.db", thread=False, synchronous="NORMAL")
    gate = threading.Event()
    begun: list[str] = []

    def work() -> None:
        begun.append(current().job)
        gate.wait(20)

    jobs = [CronJob(work, at(START + timedelta(seconds=10)), name=name, shutdown=1) for name in ("a", "b")]
    server = await start(*jobs, store=store, max_threads=1)
    for _ in range(22):
        clock().advance(0.5)
        await clock().run_until_idle()
    while not begun:
        await process.sleep(0)
    gate.set()
    stopped = process.spawn_link(stop, server)
    while process.alive(stopped):
        await process.sleep(0.01)
    again = await start(*jobs, store=store)
    await process.sleep(2)
    assert sorted(begun) == ["a", "b"]
    assert {row[2] for row in await rows(again, "b")} == {"succeeded"}


async def test_two_servers_in_memory_run_their_own_jobs_of_the_start() -> None:
    one, other = Recording(), Recording()
    await start(one.job(reboot()))
    await start(other.job(reboot()))
    await process.sleep(1)
    assert (len(one.starts), len(other.starts)) == (1, 1)
