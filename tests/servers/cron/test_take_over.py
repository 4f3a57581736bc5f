"""Several cron servers on one store: one run a tick, leases, fences, orders of others."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from regrow import Supervisor, process, system
from regrow.kernel import bifs
from regrow.kernel.process_record import Pid
from regrow.servers.cron import liveness
from regrow.servers.cron.cron import Cron, address_of
from regrow.servers.cron.job import CronJob
from regrow.servers.cron.ledger import orders
from regrow.servers.cron.ledger.opening import tables_of
from regrow.servers.cron.ledger.tables import Tables
from regrow.servers.cron.scheduler import Scheduler
from regrow.servers.cron.tick import current
from regrow.servers.cron.when.schedules import at, cron, every
from regrow.servers.queue.ops import Within
from regrow.servers.queue.sqlite.store import SQLite
from tests.servers.cron.helpers import START, Recording, clock, history, rows, seconds, start

pytestmark = pytest.mark.regrow


def store(folder: Path) -> SQLite:
    """Return a store of the same file, as another program has it."""
    return SQLite(folder / "app.db", thread=False, synchronous="NORMAL")


def in_ledger(folder: Path, work: Callable[[Tables], Any]) -> Any:
    """Return what a work on the ledger returns, in a process of the command."""
    found = store(folder)
    found.open(clock().times)
    try:
        (result,) = found.run([Within(lambda tx: work(tables_of(tx, "cron")))], clock().times).results
        if isinstance(result, Exception):
            raise result
        return result
    finally:
        found.close()


async def freeze(server: Pid) -> None:
    """Let a cron server stop renewing its lease, as a program that does not get the processor."""
    found = address_of(server)
    assert isinstance(found, Pid)
    await suspend(found)


async def suspend(pid: Pid) -> None:
    await system.suspend(pid)


async def test_two_run_each_tick_once(tmp_path: Path) -> None:
    one, other = Recording(), Recording()
    first = await start(one.job(), store=store(tmp_path))
    await start(other.job(), store=store(tmp_path))
    await process.sleep(305)
    assert sorted(one.starts + other.starts) == [10.0 * n for n in range(1, 31)]
    assert [row[1:] for row in await rows(first)] == [("ran", "succeeded")] * 30


async def test_the_overlap_holds_for_all_programs(tmp_path: Path) -> None:
    one, other = Recording(work=25), Recording(work=25)
    server = await start(one.job(), store=store(tmp_path))
    await start(other.job(), store=store(tmp_path))
    await process.sleep(61)
    assert sorted(one.starts + other.starts) == [10, 40]
    assert [row[1] for row in await rows(server)] == ["ran", "skipped_overlap", "skipped_overlap"] * 2


async def test_the_runs_of_a_program_that_is_gone_are_lost_or_tried_again(tmp_path: Path) -> None:
    one, other = Recording(work=50), Recording(work=1)
    names = {"once": {"attempts": 1}, "twice": {"attempts": 2}}
    first = await start(
        *[one.job(at(START + timedelta(seconds=10)), name, **more) for name, more in names.items()],
        store=store(tmp_path),
    )
    second = await start(
        *[other.job(at(START + timedelta(seconds=10)), name, **more) for name, more in names.items()],
        store=store(tmp_path),
    )
    await process.sleep(11)
    assert one.starts == [10, 10]
    process.unlink(first)
    bifs.exit(first, "kill")
    await process.sleep(10)
    assert other.starts == [10]
    assert await rows(second, "once") == [(10, "ran", "lost")]
    assert await rows(second, "twice") == [(10, "ran", "succeeded")]
    (tick,) = await history(second, "once")
    assert tick.error is not None
    assert "has ended" in tick.error


async def test_a_program_that_does_not_renew_its_lease_loses_its_runs(tmp_path: Path) -> None:
    one, other = Recording(work=500), Recording(work=1)
    first = await start(one.job(at(START + timedelta(seconds=10)), attempts=2), store=store(tmp_path))
    second = await start(other.job(at(START + timedelta(seconds=10)), attempts=2), store=store(tmp_path))
    await process.sleep(11)
    await freeze(first)
    await process.sleep(55)
    assert other.starts == []
    await process.sleep(12)
    assert other.starts == [10]
    assert await rows(second) == [(10, "ran", "succeeded")]
    found = address_of(first)
    assert isinstance(found, Pid)
    await system.resume(found)
    await process.sleep(500)
    assert one.ends == []  # its run was taken away, and is killed
    assert await rows(second) == [(10, "ran", "succeeded")]


async def test_a_look_waits_for_the_claims_that_are_under_way(tmp_path: Path) -> None:
    server = await start(Recording(work=100).job(at(START + timedelta(seconds=10))), store=store(tmp_path))
    scheduler = address_of(server)
    assert isinstance(scheduler, Pid)
    state: Any = await system.get_state(scheduler)
    state.looked_at -= 60
    state.in_flight = object()
    Scheduler().look_at(state)
    assert state.waiting == []
    state.in_flight = None
    Scheduler().look_at(state)
    assert len(state.waiting) == 1


async def test_waiting_ticks_of_a_program_that_is_gone_run_elsewhere(tmp_path: Path) -> None:
    one, other = Recording(work=100), Recording(work=1)
    first = await start(one.job(overlap="buffer_all"), store=store(tmp_path))
    second = await start(other.job(overlap="buffer_all"), store=store(tmp_path))
    await process.sleep(31)
    process.unlink(first)
    bifs.exit(first, "kill")
    await process.sleep(8)
    assert other.starts == [20, 30]
    assert (await rows(second))[0] == (10, "ran", "lost")


async def test_the_last_to_start_wins(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    old, new = Recording(), Recording()
    await start(old.job(every(10)), store=store(tmp_path))
    await process.sleep(11)
    await start(new.job(every(7)), store=store(tmp_path))
    await process.sleep(40)
    assert old.starts == [10]
    assert new.starts == [18, 25, 32, 39, 46]
    assert caplog.text.count("has another schedule in the ledger") == 1


async def test_a_pause_by_the_command_is_seen(tmp_path: Path) -> None:
    job = Recording()
    server = await start(job.job(), store=store(tmp_path))
    await process.sleep(11)
    in_ledger(tmp_path, lambda tables: orders.pause(tables, "job", "db"))
    await process.sleep(50)
    assert job.starts == [10]
    in_ledger(tmp_path, lambda tables: orders.resume(tables, "job"))
    await process.sleep(20)
    assert job.starts == [10, 70, 80]
    assert [row[1] for row in await rows(server)] == ["ran", "skipped_paused", "ran", "ran"]


async def test_an_order_of_the_command_is_taken_within_five_seconds(tmp_path: Path) -> None:
    job = Recording(work=1)
    server = await start(job.job(at(START + timedelta(days=1))), store=store(tmp_path))
    await process.sleep(1)
    in_ledger(tmp_path, lambda tables: orders.order(tables, "job"))
    await process.sleep(5.5)
    assert job.starts == [1]
    await process.sleep(2)
    assert await rows(server) == [(1, "triggered", "succeeded")]
    assert not (await history(server))[0].owner.startswith("ordered")


async def test_an_order_is_subject_to_the_overlap(tmp_path: Path) -> None:
    server = await start(Recording(work=30).job(), store=store(tmp_path))
    await process.sleep(11)
    in_ledger(tmp_path, lambda tables: orders.order(tables, "job"))
    await process.sleep(6)
    assert await rows(server) == [(10, "ran", "running"), (11, "skipped_overlap", None)]


async def test_a_backfill_of_the_command_runs(tmp_path: Path) -> None:
    job = Recording(work=1)
    server = await start(job.job(cron("* * * * * *")), store=store(tmp_path))
    await Cron.pause(server, "job")
    await process.sleep(20)
    first = round(START.timestamp() * 1_000_000)
    in_ledger(tmp_path, lambda tables: orders.backfill(tables, "job", first + 5_000_000, first + 8_000_000))
    await process.sleep(9)
    assert job.starts == [5, 6, 7]


async def test_a_cancel_by_another_program(tmp_path: Path) -> None:
    ended: list[str] = []

    async def work() -> None:
        try:
            await process.sleep(1_000)
        finally:
            ended.append(current().key)

    job = CronJob(work, every(10), name="job", overlap="cancel_other")
    server = await start(job, store=store(tmp_path))
    await start(job, store=store(tmp_path))
    await process.sleep(40)
    found = await rows(server)
    assert [row[2] for row in found[:2]] == ["cancelled", "cancelled"]
    assert len(ended) >= 2


async def test_a_forgotten_job_is_gone(tmp_path: Path) -> None:
    job = Recording()
    server = await start(job.job(), store=store(tmp_path))
    await process.sleep(11)
    assert in_ledger(tmp_path, lambda tables: orders.forget(tables, "job")) == 2
    await process.sleep(30)
    assert job.starts == [10]
    assert await Cron.jobs(server) == []


async def test_ledgers_are_apart(tmp_path: Path) -> None:
    one, other = Recording(), Recording()
    first = await start(one.job(), store=store(tmp_path), ledger="a")
    second = await start(other.job(), store=store(tmp_path), ledger="b")
    await process.sleep(11)
    assert one.starts == other.starts == [10]
    assert await rows(first) == await rows(second) == [(10, "ran", "succeeded")]


async def test_one_broker_and_two_crons_stop_in_order(tmp_path: Path) -> None:
    one, other = Recording(work=5), Recording(work=5)
    first = await start(one.job(), store=store(tmp_path))
    second = await start(other.job(), store=store(tmp_path))
    await process.sleep(11)
    process.unlink(first)
    await Supervisor.stop(first)
    await process.sleep(50)
    assert sorted(one.starts + other.starts)[:3] == [10, 20, 30]
    found = await rows(second)
    assert [row[0] for row in found] == [10, 20, 30, 40, 50, 60]
    assert seconds(clock_now()) == pytest.approx(61, abs=0.1)


def clock_now() -> Any:
    from tests.servers.cron.helpers import now

    return now()


def test_a_program_that_has_ended_is_known_by_its_number() -> None:
    import os
    import socket
    import subprocess
    import sys

    from regrow.servers.cron.rows import ProcessRow

    child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    try:
        row = ProcessRow("other/1-abc.1", socket.gethostname(), child.pid, liveness.started_at(child.pid), 0.0, 1.0)
        assert not liveness.has_ended(row, one_machine=True)
        assert liveness.has_ended(row._replace(started_at=row.started_at + 1), one_machine=True)
    finally:
        child.communicate(b"\n")
    assert liveness.has_ended(row, one_machine=True)
    assert not liveness.has_ended(row, one_machine=False)
    assert not liveness.has_ended(row._replace(host="another"), one_machine=True)
    assert not liveness.has_ended(row._replace(pid=os.getpid(), started_at=0), one_machine=True)


@pytest.mark.parametrize(("value", "wanted"), [("2", "WEB_CONCURRENCY is 2"), ("1", None), ("", None), ("many", None)])
def test_one_of_several_workers(value: str, wanted: str | None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WEB_CONCURRENCY", value)
    assert liveness.one_of_several() == wanted


async def test_a_ledger_in_memory_of_several_workers_is_warned_of(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, tmp_path: Path
) -> None:
    monkeypatch.setenv("WEB_CONCURRENCY", "4")
    await start(Recording().job(), store=store(tmp_path))
    assert "each of the workers runs every job" not in caplog.text
    await start(Recording().job())
    assert "WEB_CONCURRENCY is 4: each of the workers runs every job" in caplog.text
