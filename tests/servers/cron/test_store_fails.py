"""A store that fails: nothing runs that was not claimed, no tick is lost, no tick runs twice, and the server recovers."""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import closing
from datetime import timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any, Final

import pytest

from regrow import Supervisor, process, telemetry
from regrow.behaviours.gen.start_errors import StartError
from regrow.kernel import bifs
from regrow.kernel.process_record import Pid
from regrow.servers.cron.cron import address_of
from regrow.servers.cron.job import CronJob
from regrow.servers.cron.tick import current
from regrow.servers.cron.when.schedules import at, every
from regrow.servers.queue.errors import StoreBusy, StoreError, StoreFull
from regrow.servers.queue.ops import Op, Within
from regrow.servers.queue.sqlite.store import SQLite
from regrow.servers.queue.store import Clocks, Done
from tests.servers.cron.helpers import START, Recording, history, now, rows, seconds, start, wait

pytestmark = pytest.mark.regrow

Fault = Callable[[Callable[[], Done]], Done]  # what becomes of a transaction


def refused(error: type[StoreError]) -> Fault:
    """Return a fault before the transaction."""

    def fault(_: Callable[[], Done]) -> Done:
        raise error("the test says so")

    return fault


def unanswered(run: Callable[[], Done]) -> Done:
    """Commit, and fail: the disk has it, and the program does not know."""
    run()
    raise StoreError("the test says so")


FAULTS: Final[dict[str, Fault]] = {
    "busy": refused(StoreBusy),
    "full": refused(StoreFull),
    "broken": refused(StoreError),
    "committed without an answer": unanswered,
}


def always(fault: Fault | None) -> Callable[[int], Fault | None]:
    """Return a plan in which each transaction has this fault."""
    return lambda _: fault


class Failing(SQLite):
    """A store whose transactions for a ledger fail as a test says.

    Attributes:
        count: how many there were.
        asked: when they were, in seconds since the beginning.
        fault: from the number of a transaction to its fault.
        refuses: whether the file cannot be opened either.
    """

    def __init__(self, path: Path) -> None:
        super().__init__(path, thread=False, synchronous="NORMAL")
        self.count = 0
        self.asked: list[float] = []
        self.fault: Callable[[int], Fault | None] = always(None)
        self.refuses = False

    def open(self, clocks: Clocks, /) -> None:
        if self.refuses:
            raise StoreError("the test says so")
        super().open(clocks)

    def run(self, ops: Sequence[Op], clocks: Clocks, /) -> Done:
        if not any(type(op) is Within for op in ops):
            return super().run(ops, clocks)
        self.count += 1
        self.asked.append(seconds(now()))
        fault = self.fault(self.count)
        return super().run(ops, clocks) if fault is None else fault(lambda: super(Failing, self).run(ops, clocks))


class Claimed:
    """Jobs that note each of their attempts, and whether the file has its claim."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.attempts: Counter[tuple[str, int]] = Counter()
        self.unclaimed: list[str] = []

    def note(self) -> int:
        """Note an attempt; return its number."""
        tick = current()
        self.attempts[tick.key, tick.attempt] += 1
        with closing(sqlite3.connect(self.path)) as file:
            found = file.execute(
                "SELECT attempt FROM regrow_cron_ticks WHERE job=? AND outcome='running' AND owner=? AND attempt=?",
                (tick.job, tick.owner, tick.attempt),
            ).fetchall()
        if not found:
            self.unclaimed.append(tick.key)
        return tick.attempt

    async def short(self) -> None:
        """Work for a moment."""
        self.note()

    async def long(self) -> None:
        """Work for longer than the interval."""
        self.note()
        await process.sleep(5)

    async def flaky(self) -> None:
        """Fail once."""
        if self.note() == 1:
            raise ConnectionError

    def jobs(self) -> list[CronJob]:
        """Return the jobs: for the loop, for the line of those that wait, for a second attempt."""
        return [
            CronJob(self.short, every(4), name="short", catch_up="run_all", overlap="allow_all"),
            CronJob(self.long, every(4), name="long", catch_up="run_all", overlap="buffer_all"),
            CronJob(self.flaky, every(8), name="flaky", catch_up="run_all", attempts=2, backoff=wait(2)),
        ]


TICKS: Final = {"short": [4.0, 8.0], "long": [4.0, 8.0], "flaky": [8.0]}
LAST: Final = 8.0  # seconds: the last tick that is examined
LENGTH: Final = 22.0  # seconds: two runs of five seconds, a look at what has no run, and pauses


async def one_run(path: Path, number: int, fault: Fault | None) -> int:
    """Run the jobs with one transaction that fails, and examine them; return how many transactions there were."""
    store, work = Failing(path), Claimed(path)
    store.fault = lambda count: fault if count == number else None
    began = now()
    server = await start(*work.jobs(), store=store)
    await process.sleep(LENGTH)
    count, store.fault = store.count, always(None)
    found = {name: await history(server, name) for name in TICKS}
    process.unlink(server)
    await Supervisor.stop(server)
    assert work.unclaimed == []
    assert set(work.attempts.values()) == {1}, "an attempt was made twice"
    for name, moments in TICKS.items():
        ticks = {round((tick.scheduled_for - began).total_seconds(), 3): tick for tick in found[name]}
        assert [moment for moment in ticks if moment <= LAST] == moments, name
        for tick in map(ticks.__getitem__, moments):
            assert tick.outcome == "succeeded"
            assert tick.reason in {"ran", "caught_up"}
            assert tick.attempt == (2 if name == "flaky" else 1)
            assert work.attempts[tick.key, tick.attempt] == 1
    return count


@pytest.mark.parametrize("kind", FAULTS)
async def test_whatever_transaction_fails(kind: str, tmp_path: Path) -> None:
    count = await one_run(tmp_path / "0.db", 0, None)
    assert count > 20
    for number in range(2, count + 1):
        try:
            await one_run(tmp_path / f"{number}.db", number, FAULTS[kind])
        except (AssertionError, StoreError) as error:
            error.add_note(f"it was transaction {number}")
            raise


@pytest.mark.parametrize("kind", ["busy", "broken"])
async def test_the_first_transaction_fails_the_start(kind: str, tmp_path: Path) -> None:
    store = Failing(tmp_path / "app.db")
    store.fault = lambda count: FAULTS[kind] if count == 1 else None
    process.trap_exit(True)
    with pytest.raises(StartError, match="the test says so"):
        await start(Recording().job(), store=store)
    job = Recording()
    await start(job.job(), store=store)
    await process.sleep(11)
    assert job.starts == [10]


@pytest.mark.parametrize(("kind", "refuses"), [("busy", False), ("broken", False), ("broken", True)])
async def test_the_store_is_asked_again_after_longer_and_longer_pauses(
    kind: str, refuses: bool, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    store, job = Failing(tmp_path / "app.db"), Recording()
    pauses: list[float] = []

    def note(_: str, measured: dict[str, Any], about: dict[str, Any]) -> None:
        pauses.append(measured["retry_in"])

    noted = telemetry.attach("regrow.cron.store.failed", note)
    server = await start(job.job(at(START + timedelta(seconds=34))), store=store)
    await process.sleep(32)
    first = store.count
    store.fault, store.refuses = always(FAULTS[kind]), refuses
    await process.sleep(80)
    assert pauses == [1, 2, 4, 8, 16, 30, 30]
    if not refuses:
        times = store.asked[first:]
        assert [after - before for before, after in pairwise(times)] == pytest.approx(pauses[:-1], abs=0.1)
    assert job.starts == []
    store.fault, store.refuses = always(None), False
    await process.sleep(30)
    assert job.starts == [34]
    assert await rows(server) == [(34, "caught_up", "succeeded")]
    store.fault = lambda _: FAULTS[kind]
    await process.sleep(12)
    assert pauses[7:9] == [1, 2]
    assert caplog.text.count("cannot use its ledger") == 2
    assert caplog.text.count("has its ledger again") == 1
    telemetry.detach(noted)


@pytest.mark.parametrize(
    ("work", "away", "outcome"),
    [
        (30, 90, "succeeded"),
        (55, 90, "succeeded"),
        (55, 64, "succeeded"),  # the end is written at the first try after it, when the lease is over
        (500, 90, "lost"),
    ],
)
async def test_runs_go_on_until_the_lease_is_over(work: float, away: float, outcome: str, tmp_path: Path) -> None:
    store, job = Failing(tmp_path / "app.db"), Recording(work=work)
    server = await start(job.job(at(START + timedelta(seconds=10))), store=store)
    await process.sleep(11)
    store.fault = lambda _: FAULTS["busy"]
    await process.sleep(away)
    ends = 1 if outcome == "succeeded" else 0
    assert len(job.ends) == ends
    store.fault = lambda _: None
    await process.sleep(600)
    assert (job.starts, len(job.ends)) == ([10], ends)
    assert await rows(server) == [(10, "ran", outcome)]


async def test_a_scheduler_that_starts_again_without_a_store_waits_for_it(tmp_path: Path) -> None:
    store, job = Failing(tmp_path / "app.db"), Recording()
    server = await start(job.job(catch_up="run_all"), store=store)
    await process.sleep(15)
    store.fault = lambda _: FAULTS["busy"]
    scheduler = address_of(server)
    assert isinstance(scheduler, Pid)
    bifs.exit(scheduler, "kill")
    await process.sleep(5.5)
    assert address_of(server) != scheduler
    assert job.starts == [10]
    store.fault = lambda _: None
    await process.sleep(24)
    assert job.starts == [10, 20, 30, 40]
    assert job.at == pytest.approx([10, 22, 30, 40], abs=0.01)
