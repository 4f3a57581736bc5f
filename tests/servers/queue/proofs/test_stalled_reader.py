"""A reader that keeps its transaction open: the log grows with what is written, and shrinks afterwards."""

from __future__ import annotations

import sqlite3
from collections.abc import Generator
from contextlib import closing, contextmanager
from pathlib import Path

from regrow.servers.queue.ops import Ack, Claim, NewJob, Put
from regrow.servers.queue.sqlite.store import LOG_LIMIT, SQLite
from tests.once import once
from tests.servers.queue.proofs.workload import HOLDER, Clock, results_of

pytestmark = once

PAGE = 4_096
MOST_OF_A_CYCLE = 20 * PAGE
CHECKPOINT = 1_000  # pages, after which SQLite copies the log to the file of the database
KILOBYTES = b"x" * 8_000


@contextmanager
def reading(path: Path) -> Generator[None]:
    """Keep a read transaction open, as a report of another program does."""
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("BEGIN")
        before = connection.execute("SELECT count(*) FROM regrow_jobs").fetchone()
        yield
        assert connection.execute("SELECT count(*) FROM regrow_jobs").fetchone() == before


def cycles(store: SQLite, clock: Clock, count: int, payload: bytes = KILOBYTES) -> None:
    for _ in range(count):
        _, [job] = results_of(store, clock, Put("q", (NewJob(payload),)), Claim("q", 1, 30.0, HOLDER))
        assert results_of(store, clock, Ack("q", job.id, job.token)) == [None]


def log_size(path: Path) -> int:
    return Path(f"{path}-wal").stat().st_size


def test_the_log_grows_while_a_reader_stalls_and_is_used_again_afterwards(folder: Path) -> None:
    path, clock = folder / "app.db", Clock()
    store = SQLite(path)
    store.open(clock)
    cycles(store, clock, 600)
    quiet = log_size(path)
    assert quiet <= 1.2 * CHECKPOINT * PAGE

    with reading(path):
        cycles(store, clock, 400)
        stalled = log_size(path)
        cycles(store, clock, 400)
        assert quiet < stalled < log_size(path) < quiet + 800 * MOST_OF_A_CYCLE

    largest = log_size(path)
    cycles(store, clock, 600)
    assert log_size(path) <= largest + 5 * MOST_OF_A_CYCLE  # of the first commits, before it begins again
    assert store.check() == []
    store.close()
    assert not Path(f"{path}-wal").exists()


def test_a_log_that_a_stalled_reader_made_long_shrinks_to_its_limit(folder: Path) -> None:
    path, clock = folder / "app.db", Clock()
    store = SQLite(path)
    store.open(clock)
    with reading(path):
        cycles(store, clock, 45, bytes(1 << 20))
        cycles(store, clock, 45, bytes(1 << 20))
        assert log_size(path) > LOG_LIMIT
    for _ in range(20):
        cycles(store, clock, 1)
    assert log_size(path) <= LOG_LIMIT
    store.close()
