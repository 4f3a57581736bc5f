"""A disk that is full: a limit of pages on the connection stands for it."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from regrow.servers.queue.errors import LeaseLost, StoreError, StoreFull
from regrow.servers.queue.job import Stats
from regrow.servers.queue.ops import Ack, Claim, Count, NewJob, Put, Transaction, Within
from regrow.servers.queue.sqlite.connection import connect
from regrow.servers.queue.sqlite.files import size_of
from tests.contracts.queue_store import Opened
from tests.servers.queue.sqlite_stores import ONE_PUT, opened_at, traced

LARGE = Put("q", (NewJob(b"x" * 1_000_000),))


class Disk:
    """A connection whose disk may be full."""

    def __init__(self) -> None:
        self.connections: list[sqlite3.Connection] = []

    def connect(self, path: str) -> sqlite3.Connection:
        connection = connect(path)
        self.connections.append(connection)
        return connection

    def fill(self) -> None:
        (pages,) = self.connections[-1].execute("PRAGMA page_count").fetchone()
        self.connections[-1].execute(f"PRAGMA max_page_count={pages}")

    def free(self) -> None:
        self.connections[-1].execute("PRAGMA max_page_count=1000000")


@pytest.fixture
def disk() -> Disk:
    return Disk()


@pytest.fixture
def opened(tmp_path: Path, disk: Disk) -> Opened:
    return opened_at(tmp_path / "app.db", connect=disk.connect)


def test_a_batch_that_does_not_fit_is_store_full_and_nothing_of_it_is_there(opened: Opened, disk: Disk) -> None:
    opened.put(b"1")
    disk.fill()
    with pytest.raises(StoreFull, match=r"the disk is full.*Free space"):
        opened.run(ONE_PUT, LARGE, Claim("q", 5, 30.0, "me"))
    assert opened.stats() == Stats(ready=1)
    opened.store.close()


def test_the_store_goes_on_when_there_is_room_again(opened: Opened, disk: Disk) -> None:
    disk.fill()
    with pytest.raises(StoreFull):
        opened.run(LARGE)
    disk.free()
    assert opened.do(LARGE) is not None
    assert opened.do(Count("q")) == 1
    assert opened.store.check() == []
    opened.store.close()


def test_the_acks_of_a_batch_that_does_not_fit_are_tried_again_alone(opened: Opened, disk: Disk) -> None:
    opened.put(*[b"1"] * 4, group="g")
    opened.put(b"2", key="k", key_states="all")
    (plain,) = opened.put(b"3")
    jobs = opened.claim(10)
    by_payload = {job.payload: job for job in jobs}
    disk.fill()
    lost = Ack("q", plain, 7)
    acks = [Ack("q", job.id, job.token) for job in by_payload.values()]
    done = opened.run(LARGE, *acks, lost, Claim("q", 1, 30.0, "me"))
    large, first, second, third, fourth, claim = done.results
    assert isinstance(large, StoreFull)
    assert isinstance(claim, StoreFull)
    assert (first, second, third) == (None, None, None)
    assert isinstance(fourth, LeaseLost)
    assert done.synced
    assert done.woke == done.freed == {"q"}
    disk.free()
    assert opened.stats() == Stats(ready=1, blocked=2)
    assert opened.store.check() == []
    opened.store.close()


def test_before_the_acks_are_tried_again_the_log_is_made_short(tmp_path: Path) -> None:
    path = tmp_path / "app.db"
    sizes: list[int] = []
    full: list[sqlite3.Error] = []

    def fail(sql: str) -> None:
        if "INSERT INTO regrow_jobs" in sql and full:
            raise full[0]
        if sql.startswith("BEGIN IMMEDIATE"):
            sizes.append(size_of(f"{path}-wal"))

    opened = opened_at(path, connect=traced(fail))
    opened.put(*[b"x" * 1_000] * 100)
    job = opened.take()
    full.append(sqlite3.OperationalError("database or disk is full"))
    full[0].sqlite_errorcode = sqlite3.SQLITE_FULL
    sizes.clear()
    (put, ack) = opened.results(ONE_PUT, Ack("q", job.id, job.token))
    assert isinstance(put, StoreFull)
    assert ack is None
    assert sizes[0] > 100_000
    assert sizes[1] == 0
    opened.store.close()


def test_an_error_of_the_disk_ends_the_connection(tmp_path: Path) -> None:
    broken: list[sqlite3.Error] = []

    def fail(sql: str) -> None:
        if sql == "COMMIT" and broken:
            raise broken.pop()

    opened = opened_at(tmp_path / "app.db", connect=traced(fail))
    broken.append(sqlite3.OperationalError("disk I/O error"))
    broken[0].sqlite_errorcode = sqlite3.SQLITE_IOERR_FSYNC
    with pytest.raises(StoreError, match="disk I/O error"):
        opened.run(ONE_PUT)
    with pytest.raises(StoreError, match="has to be opened again"):
        opened.run(ONE_PUT)
    opened.reopen()
    assert opened.do(Count("q")) == 0
    assert opened.do(ONE_PUT) is not None
    opened.store.close()


def test_a_work_that_hides_a_full_disk_fails_with_its_batch(opened: Opened, disk: Disk) -> None:
    def work(tx: Transaction) -> None:
        tx.rows("CREATE TABLE regrow_test (value BLOB)")
        disk.fill()
        try:
            tx.rows("INSERT INTO regrow_test VALUES (?)", (b"x" * 1_000_000,))
        except sqlite3.OperationalError as error:
            raise KeyError from error

    opened.put(b"1", b"2")
    job, _ = opened.claim(2)
    done = opened.run(Within(work), Ack("q", job.id, job.token), ONE_PUT)
    assert [type(result) for result in done.results] == [StoreFull, type(None), StoreFull]
    disk.free()
    with pytest.raises(StoreError, match="regrow_test"):
        opened.do(Within(lambda tx: tx.rows("SELECT * FROM regrow_test")))
    assert opened.stats() == Stats(leased=1)
    opened.store.close()
