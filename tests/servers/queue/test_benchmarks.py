"""The benchmark of queues: its drivers make whole cycles, and its table marks what is not as durable."""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from benchmarks.others.queues.sqlite3_ import OneCommit
from benchmarks.ours.queues.driver import Regrow
from benchmarks.queues.driving import cycling, in_threads
from benchmarks.queues.peers import FLOOR, SQLITE
from benchmarks.queues.settings import COLUMNS, Setting
from benchmarks.queues.table import tables
from benchmarks.results import Results
from regrow.servers.queue.memory.store import Memory
from regrow.servers.queue.ops import Op
from regrow.servers.queue.postgres.store import Postgres
from regrow.servers.queue.sqlite.store import SQLite
from regrow.servers.queue.store import Clocks, Done
from tests.contracts.postgres_server import schema_of, url

CLIENTS, CYCLES = 4, 5
HUNDRED = COLUMNS[1].title


class CountedMemory(Memory):
    """A memory store that counts its requests."""

    counts: Counter[str]

    def run(self, ops: Sequence[Op], clocks: Clocks, /) -> Done:
        self.counts.update(type(op).__name__ for op in ops)
        return super().run(ops, clocks)


class CountedSQLite(SQLite):
    """An SQLite store that counts its requests."""

    counts: Counter[str]

    def run(self, ops: Sequence[Op], clocks: Clocks, /) -> Done:
        self.counts.update(type(op).__name__ for op in ops)
        return super().run(ops, clocks)


def in_memory(_: Path) -> CountedMemory:
    return CountedMemory()


class CountedPostgres(Postgres):
    """A PostgreSQL store that counts its requests."""

    counts: Counter[str]

    def run(self, ops: Sequence[Op], clocks: Clocks, /) -> Done:
        self.counts.update(type(op).__name__ for op in ops)
        return super().run(ops, clocks)


def in_postgres(folder: Path) -> CountedPostgres:
    return CountedPostgres(url(), schema=schema_of(folder))


def in_a_file(folder: Path) -> CountedSQLite:
    return CountedSQLite(folder / "queue.db")


@pytest.mark.regrow
@pytest.mark.parametrize("make", [in_memory, in_a_file, in_postgres])
async def test_each_cycle_is_a_put_a_claim_and_an_ack(
    make: Callable[[Path], CountedMemory | CountedSQLite | CountedPostgres], tmp_path: Path
) -> None:
    store = make(tmp_path)
    store.counts = Counter()
    driver = Regrow(lambda _: store)
    setting = Setting(CLIENTS, waiting=3, cycles=CYCLES)
    await driver.open(str(tmp_path), setting)
    await driver.fill(setting.waiting)
    store.counts.clear()
    found = await cycling(driver.put, driver.take, driver.done, setting)
    count = CLIENTS * CYCLES
    assert (found.cycles, len(found.puts)) == (count, count)
    assert store.counts == {"Put": count, "Claim": count, "Ack": count}
    stats = await driver.queue.stats()
    assert (stats.ready, stats.leased, stats.dead) == (setting.waiting, 0, 0)
    await driver.close()


def test_threads_of_the_floor_make_whole_cycles(tmp_path: Path) -> None:
    driver = OneCommit()
    setting = Setting(CLIENTS, waiting=3, cycles=CYCLES)
    driver.open(str(tmp_path), setting)
    driver.fill(setting.waiting)
    found = in_threads(driver, setting)
    driver.close()
    assert found.cycles == CLIENTS * CYCLES
    connection = sqlite3.connect(tmp_path / "jobs.db")
    assert connection.execute("SELECT count(*), sum(state) FROM jobs").fetchone() == (setting.waiting, 0)
    assert connection.execute("SELECT seq FROM sqlite_sequence").fetchone() == (CLIENTS * CYCLES + setting.waiting,)
    connection.close()


def test_the_table_marks_what_is_not_as_durable() -> None:
    results = Results({})
    for name, rate in ((SQLITE, 5_000.0), (FLOOR, 200.0), ("DBOS", 100.0), ("localqueue, its default", 1_000.0)):
        results.add(HUNDRED, name, {"rate": rate})
    lines = tables(results).splitlines()
    [aim] = [line for line in lines if line.startswith("| 100 clients, to the fastest")]
    assert "DBOS" in aim
    assert "50 (50 to 50)" in aim
    assert "≥ 40 met" in aim
    [floor] = [line for line in lines if line.startswith(f"| 100 clients, to {FLOOR}")]
    assert "≥ 20 met" in floor
    [relaxed] = [line for line in lines if line.startswith("| localqueue, its default") and "power cut" in line]
    assert "**no**" in relaxed
