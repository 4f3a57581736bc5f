"""Migrations of a SQLite store, with a made-up version 0: it had no traceparent, and a table of errors."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from regrow.servers.queue.errors import StoreDamaged, StoreError
from regrow.servers.queue.sqlite import schema as sqlite_schema
from regrow.servers.queue.sqlite.lock import WriteLock
from regrow.servers.queue.sqlite.store import SQLite
from tests.contracts.queue_store import Clock
from tests.servers.queue.sqlite_stores import opened_at, rows, traced, user

TO_OLD = (
    "ALTER TABLE regrow_jobs DROP COLUMN traceparent",
    "DROP INDEX regrow_jobs_died",
    "UPDATE regrow_queue_meta SET value=0 WHERE key='schema'",
)
STEP = (
    "ALTER TABLE regrow_jobs ADD COLUMN traceparent TEXT",
    "CREATE INDEX regrow_jobs_died ON regrow_jobs(due_at) WHERE state='dead'",
)


@pytest.fixture
def old(tmp_path: Path) -> Path:
    """A file of version 0, with a job."""
    path = tmp_path / "app.db"
    opened = opened_at(path)
    opened.put(b"old")
    opened.store.close()
    with user(path) as connection:
        for statement in TO_OLD:
            connection.execute(statement)
    return path


def schema(path: Path) -> list[object]:
    return [sql for (sql,) in rows(path, "SELECT sql FROM sqlite_master WHERE name LIKE 'regrow%' ORDER BY name")]


def test_an_older_file_is_migrated_with_its_jobs(old: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sqlite_schema.MIGRATIONS, 0, STEP)
    opened = opened_at(old)
    assert opened.take().payload == b"old"
    opened.put(b"new", traceparent="00-a-b-01")
    assert opened.store.check() == []
    opened.store.close()
    assert rows(old, "SELECT value FROM regrow_queue_meta WHERE key='schema'") == [(1,)]
    opened_at(tmp_path / "new.db").store.close()
    names = "SELECT name FROM sqlite_master WHERE name LIKE 'regrow%' ORDER BY name"
    assert rows(old, names) == rows(tmp_path / "new.db", names)


def test_each_version_is_one_transaction_and_a_failed_one_leaves_the_version_before(
    old: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with user(old) as connection:
        connection.execute("UPDATE regrow_queue_meta SET value=-1 WHERE key='schema'")
    monkeypatch.setitem(sqlite_schema.MIGRATIONS, -1, ("CREATE TABLE regrow_step(a)",))
    monkeypatch.setitem(sqlite_schema.MIGRATIONS, 0, (STEP[0], "SELECT * FROM nowhere"))
    before = [sql for sql in schema(old) if "regrow_jobs(id" in str(sql)]
    with pytest.raises(StoreError, match="nowhere"):
        SQLite(old).open(Clock())
    assert rows(old, "SELECT value FROM regrow_queue_meta WHERE key='schema'") == [(0,)]
    assert before == [sql for sql in schema(old) if "regrow_jobs(id" in str(sql)]
    monkeypatch.setitem(sqlite_schema.MIGRATIONS, 0, STEP)
    opened = opened_at(old)
    assert opened.take().payload == b"old"
    opened.store.close()


def test_two_processes_migrate_a_file_once(old: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sqlite_schema.MIGRATIONS, 0, STEP)
    other = SQLite(old, thread=False)
    store = SQLite(old, thread=False)
    acquire = WriteLock.acquire
    asked: list[WriteLock] = []

    def other_is_first(lock: WriteLock, busy: float) -> bool:
        asked.append(lock)
        if len(asked) == 2:  # the store has seen version 0, and begins to migrate
            other.open(Clock())
        return acquire(lock, busy)

    monkeypatch.setattr(WriteLock, "acquire", other_is_first)
    store.open(Clock())
    assert store.check() == other.check() == []
    store.close()
    other.close()


def test_a_version_without_a_migration_is_refused(old: Path) -> None:
    with pytest.raises(StoreDamaged, match="version 0, which never existed"):
        SQLite(old).open(Clock())


def test_a_new_file_that_two_processes_open_is_made_once(tmp_path: Path) -> None:
    path = tmp_path / "app.db"
    other: list[SQLite] = []

    def open_other(sql: str) -> None:
        if sql == "PRAGMA journal_mode=WAL" and not other:
            other.append(SQLite(path, thread=False))
            other[0].open(Clock())

    store = SQLite(path, thread=False, connect=traced(open_other))
    store.open(Clock())
    assert rows(path, "SELECT value FROM regrow_queue_meta WHERE key='opens'") == [(2,)]
    store.close()
    other[0].close()


def test_the_making_of_the_tables_is_one_transaction(tmp_path: Path) -> None:
    path = tmp_path / "app.db"

    def fail(sql: str) -> None:
        if "regrow_jobs_done" in sql:
            raise sqlite3.OperationalError("no")

    with pytest.raises(StoreError, match="no"):
        SQLite(path, connect=traced(fail)).open(Clock())
    assert rows(path, "SELECT * FROM sqlite_master") == []
    opened_at(path).store.close()
