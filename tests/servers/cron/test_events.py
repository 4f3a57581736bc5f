"""The telemetry of the cron server: each event of the table happens, with what the table says of it."""

from __future__ import annotations

from collections.abc import Generator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from regrow import Supervisor, process, system, telemetry
from regrow.kernel.process_record import Pid
from regrow.servers.cron.cron import Cron, address_of
from regrow.servers.cron.when.schedules import at, every
from regrow.servers.queue.errors import StoreBusy
from regrow.servers.queue.signals import Discard, Retry
from regrow.servers.queue.sqlite.store import SQLite
from tests.servers.cron.helpers import START, Recording, clock, start, wait

pytestmark = pytest.mark.regrow

Events = list[tuple[str, dict[str, Any], dict[str, Any]]]
SOON = START + timedelta(seconds=10)


@pytest.fixture
def events() -> Generator[Events]:
    """Return what happens; at the end each event is compared with the table."""
    found: Events = []

    def handler(event: str, measurements: dict[str, Any], metadata: dict[str, Any]) -> None:
        found.append((event.removeprefix("regrow.cron."), measurements, metadata))

    names = [name for name in telemetry.EVENTS if name.startswith("regrow.cron.")]
    assert len(names) == 10
    id = telemetry.attach(names, handler)
    yield found
    telemetry.detach(id)
    assert found
    for event, measurements, metadata in found:
        row = telemetry.EVENTS[f"regrow.cron.{event}"]
        assert set(measurements) == set(row.measurements), event
        assert set(metadata) == {*row.metadata, "node"}, event


def of(events: Events, name: str) -> list[tuple[dict[str, Any], dict[str, Any]]]:
    return [(measured, about) for event, measured, about in events if event == name]


async def test_a_run_from_its_decision_to_its_end(events: Events) -> None:
    await start(Recording(work=2).job(at(SOON)))
    await process.sleep(15)
    assert [name for name, _, _ in events] == ["tick.decided", "run.start", "run.stop"]
    ((decided, about),) = of(events, "tick.decided")
    assert about["reason"] == "ran"
    assert decided["late"] == pytest.approx(0, abs=1e-3)
    assert (about["job"], about["scheduled_for"], about["ledger"]) == ("job", SOON, "cron")
    ((stopped, about),) = of(events, "run.stop")
    assert (about["outcome"], stopped["attempt"]) == ("succeeded", 1)
    assert stopped["duration"] == pytest.approx(2, abs=1e-3)


@pytest.mark.parametrize(
    ("error", "name", "outcome"),
    [
        (ValueError("no rows"), "run.exception", "retry"),
        (Retry("later"), "run.exception", "retry"),
        (Discard("never"), "run.stop", "failed"),
    ],
    ids=["raised", "retry", "discard"],
)
async def test_how_an_attempt_fails(error: Exception, name: str, outcome: str, events: Events) -> None:
    await start(Recording(raises=lambda: error).job(at(SOON), attempts=2, backoff=wait(1.0)))
    await process.sleep(15)
    found = of(events, name)
    assert found[0][1]["outcome"] == outcome
    if outcome == "retry":
        assert [(measured["attempt"], about["outcome"]) for measured, about in found] == [(1, "retry"), (2, "failed")]


async def test_a_timeout_and_a_cancelled_run(events: Events) -> None:
    await start(
        Recording(work=9).job(at(SOON), "slow", timeout=2),
        Recording(work=99).job(every(10), "other", overlap="cancel_other"),
    )
    await process.sleep(25)
    assert [about["outcome"] for _, about in of(events, "run.exception")] == ["timed_out"]
    assert [about["outcome"] for _, about in of(events, "run.stop")] == ["cancelled"]


async def test_pause_and_resume(events: Events) -> None:
    server = await start(Recording().job())
    await Cron.pause(server, "job", note="db")
    await Cron.resume(server, "job")
    assert [(name, about.get("note")) for name, _, about in events] == [("job.paused", "db"), ("job.resumed", None)]


async def test_a_changed_schedule(events: Events, tmp_path: Path) -> None:
    store = SQLite(tmp_path / "app.db", thread=False, synchronous="NORMAL")
    server = await start(Recording().job(every(10)), store=store)
    process.unlink(server)
    await Supervisor.stop(server)
    await start(Recording().job(every(20)), store=store)
    ((_, about),) = of(events, "job.changed")
    assert (about["old"], about["new"]) == ("every 10000000", "every 20000000")


async def test_a_step_of_the_clock(events: Events) -> None:
    await start(Recording().job(at(START + timedelta(days=1))))
    clock().step_wall(-100)
    await process.sleep(1)
    ((measured, _),) = of(events, "clock.stepped")
    assert measured["by"] == pytest.approx(-100)


async def test_a_store_that_fails(events: Events, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    store = SQLite(tmp_path / "app.db", thread=False, synchronous="NORMAL")
    job = Recording()
    await start(job.job(), store=store)
    run = store.run
    failures = iter([True, True, True])

    def fails(*args: Any) -> Any:
        if next(failures, False):
            raise StoreBusy("locked")
        return run(*args)

    monkeypatch.setattr(store, "run", fails)
    await process.sleep(41)
    assert [measured["retry_in"] for measured, _ in of(events, "store.failed")] == [1.0, 2.0, 4.0]
    assert job.starts == [10, 20, 30, 40]


async def test_a_run_that_is_taken_away(events: Events, tmp_path: Path) -> None:
    first = await start(
        Recording(work=500).job(at(SOON)), store=SQLite(tmp_path / "app.db", thread=False, synchronous="NORMAL")
    )
    await start(Recording().job(at(SOON)), store=SQLite(tmp_path / "app.db", thread=False, synchronous="NORMAL"))
    await process.sleep(11)
    scheduler = address_of(first)
    assert isinstance(scheduler, Pid)
    await system.suspend(scheduler)
    await process.sleep(80)
    await system.resume(scheduler)
    await process.sleep(1)
    ((_, about),) = of(events, "lease.lost")
    assert about["job"] == "job"
