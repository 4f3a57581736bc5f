"""Putting jobs inside the user's own transaction, on connections of sqlite3 and of aiosqlite."""

from __future__ import annotations

import asyncio
import sqlite3
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import aiosqlite
import pytest

from regrow.servers.queue.errors import Full, StoreError
from regrow.servers.queue.job import Enqueued, Stats
from regrow.servers.queue.ops import NewJob, Put
from regrow.servers.queue.transactional import put_in, put_in_async
from tests.contracts.queue_store import START, Opened
from tests.servers.queue.sqlite_stores import ONE_PUT, opened_at, user

WALL = START.wall


@pytest.fixture
def path(tmp_path: Path) -> Path:
    with user(tmp_path / "app.db") as connection:
        connection.execute("CREATE TABLE users(name)")
    return tmp_path / "app.db"


@pytest.fixture
def opened(path: Path) -> Iterator[Opened]:
    found = opened_at(path, shared=True)
    yield found
    found.store.close()


def users(path: Path) -> list[str]:
    with user(path) as connection:
        return [name for (name,) in connection.execute("SELECT name FROM users").fetchall()]


def test_a_job_is_there_when_the_user_commits_and_wakes_the_store(path: Path, opened: Opened) -> None:
    opened.store.changed()
    with sqlite3.connect(path) as connection:
        connection.execute("INSERT INTO users VALUES ('ann')")
        assert put_in(connection, ONE_PUT, WALL) == [Enqueued(1)]
        assert connection.in_transaction
        assert opened.stats() == Stats()
        assert not opened.store.changed()
    connection.close()
    assert opened.store.changed()
    assert users(path) == ["ann"]
    assert opened.stats() == Stats(ready=1)
    assert opened.take().created_at == WALL
    assert opened.store.check() == []


def test_a_rollback_takes_the_job_with_it(path: Path, opened: Opened) -> None:
    connection = sqlite3.connect(path)
    put_in(connection, ONE_PUT, WALL)  # the first statement of the transaction
    assert connection.in_transaction
    connection.execute("INSERT INTO users VALUES ('ann')")
    connection.rollback()
    connection.close()
    assert users(path) == []
    assert opened.stats() == Stats()
    assert opened.store.check() == []


@pytest.mark.skipif(sys.version_info < (3, 12), reason="PEP 249's autocommit attribute came with Python 3.12")
def test_a_connection_that_is_always_in_a_transaction(path: Path, opened: Opened) -> None:
    connect: Any = sqlite3.connect
    connection: Any = connect(path, autocommit=False)
    put_in(connection, ONE_PUT, WALL)
    connection.rollback()
    put_in(connection, ONE_PUT, WALL)
    connection.commit()
    connection.close()
    assert opened.stats() == Stats(ready=1)


def test_a_connection_in_autocommit_mode_commits_at_once_and_all_or_none(path: Path, opened: Opened) -> None:
    with user(path) as connection:
        put_in(connection, Put("q", (NewJob(b"1"), NewJob(b"2"))), WALL)
        assert not connection.in_transaction
        assert opened.stats() == Stats(ready=2)
        with pytest.raises(OverflowError):
            put_in(connection, Put("q", (NewJob(b"3"), NewJob(b"4", priority=2**70))), WALL)
        assert not connection.in_transaction
    assert opened.stats() == Stats(ready=2)
    assert opened.store.check() == []


def test_keys_groups_delays_and_bounds_are_as_in_a_put(path: Path, opened: Opened) -> None:
    jobs = (NewJob(b"1", key="k"), NewJob(b"2", key="k"), NewJob(b"3", group="g"), NewJob(b"4", group="g", delay=9.0))
    connection = sqlite3.connect(path)
    first = put_in(connection, Put("q", jobs, 10), WALL)
    assert first == [Enqueued(1), Enqueued(1, duplicate=True), Enqueued(2), Enqueued(3)]
    assert put_in(connection, Put("q", (NewJob(b"5", key="k"),), 3), WALL) == [Enqueued(1, duplicate=True)]
    assert put_in(connection, Put("q", (NewJob(b"6", delay=9.0),)), WALL) == [Enqueued(4)]
    connection.commit()
    connection.close()
    assert opened.stats() == Stats(ready=2, blocked=1, delayed=1)
    assert opened.store.check() == []


def test_a_full_queue_raises_full_and_the_transaction_goes_on(path: Path, opened: Opened) -> None:
    with sqlite3.connect(path) as connection:
        put_in(connection, Put("q", (NewJob(b"1"),), 2), WALL)
        with pytest.raises(Full, match="'q' has 1 live jobs, and takes 2: no room for 2 more"):
            put_in(connection, Put("q", (NewJob(b"2"), NewJob(b"3")), 2), WALL)
        connection.execute("INSERT INTO users VALUES ('ann')")
    connection.close()
    assert users(path) == ["ann"]
    assert opened.stats() == Stats(ready=1)


def test_the_oldest_make_room(path: Path, opened: Opened) -> None:
    opened.put(b"1", b"2", b"3", group="g")
    with sqlite3.connect(path) as connection:
        assert put_in(connection, Put("q", (NewJob(b"4"),), 3, "drop_oldest"), WALL) == [Enqueued(4)]
    connection.close()
    assert opened.stats() == Stats(ready=2, blocked=1)
    assert opened.store.check() == []


def as_mapping(cursor: Any, row: Any) -> dict[str, Any]:
    return {column[0]: value for column, value in zip(cursor.description, row, strict=True)}


@pytest.mark.parametrize("factory", [sqlite3.Row, as_mapping])
def test_the_factories_of_the_users_connection_do_not_matter(path: Path, opened: Opened, factory: Any) -> None:
    opened.put(b"1", b"2", group="g")
    with sqlite3.connect(path) as connection:
        connection.row_factory = factory
        connection.text_factory = bytes
        put_in(connection, Put("q", (NewJob(b"3", key="k", group="h"),), 2, "drop_oldest"), WALL)
        put_in(connection, Put("q", (NewJob(b"4", key="k"),)), WALL)
        assert connection.text_factory is bytes
        assert connection.row_factory is factory
    connection.close()
    assert opened.stats() == Stats(ready=2)
    assert opened.store.check() == []


def test_a_subclass_of_the_connection_will_do(path: Path, opened: Opened) -> None:
    class Mine(sqlite3.Connection):
        pass

    with sqlite3.connect(path, factory=Mine) as connection:
        put_in(connection, ONE_PUT, WALL)
    connection.close()
    assert opened.stats() == Stats(ready=1)


def test_a_database_without_the_tables_says_how_they_are_made(path: Path) -> None:
    with sqlite3.connect(path) as connection:
        with pytest.raises(StoreError, match=r"no tables of regrow\.queue.*shared=True"):
            put_in(connection, ONE_PUT, WALL)
        connection.execute("INSERT INTO users VALUES ('ann')")
    connection.close()
    assert users(path) == ["ann"]


def test_tables_of_another_version_are_refused(path: Path, opened: Opened) -> None:
    with user(path) as connection:
        connection.execute("UPDATE regrow_queue_meta SET value=2 WHERE key='schema'")
    connection = sqlite3.connect(path)
    with pytest.raises(StoreError, match="version 2, and this regrow writes version 1"):
        put_in(connection, ONE_PUT, WALL)
    connection.commit()
    connection.close()
    with user(path) as connection:
        assert connection.execute("SELECT count(*) FROM regrow_jobs").fetchall() == [(0,)]


def test_another_error_of_the_database_stays_as_it_is(path: Path, opened: Opened) -> None:
    with user(path) as other:
        other.execute("BEGIN IMMEDIATE")
        connection = sqlite3.connect(path, timeout=0.0)
        with pytest.raises(sqlite3.OperationalError, match="locked"):
            put_in(connection, ONE_PUT, WALL)
        connection.close()


def test_another_connection_is_a_type_error_that_names_it() -> None:
    async def main() -> None:
        with pytest.raises(TypeError, match=r"put_in: wanted a sqlite3\.Connection.*got builtins\.str"):
            put_in("app.db", ONE_PUT, WALL)
        with pytest.raises(TypeError, match=r"put_in_async: wanted a sqlite3\.Connection.*got builtins\.str"):
            await put_in_async("app.db", ONE_PUT, WALL)

    asyncio.run(main())


def test_a_connection_of_aiosqlite_is_awaited(path: Path, opened: Opened) -> None:
    async def main() -> None:
        async with aiosqlite.connect(path) as connection:
            connection.row_factory = sqlite3.Row
            await connection.execute("INSERT INTO users VALUES ('ann')")
            assert await put_in_async(connection, Put("q", (NewJob(b"1", key="k"),), 1), WALL) == [Enqueued(1)]
            with pytest.raises(Full):
                await put_in_async(connection, Put("q", (NewJob(b"2"),), 1), WALL)
            assert opened.stats() == Stats()
            await connection.commit()
            await put_in_async(connection, ONE_PUT, WALL)
            await connection.rollback()
        assert users(path) == ["ann"]
        assert opened.stats() == Stats(ready=1)
        assert opened.store.check() == []

    asyncio.run(main())


def test_aiosqlite_without_the_tables_says_how_they_are_made(path: Path) -> None:
    async def main() -> None:
        async with aiosqlite.connect(path) as connection:
            with pytest.raises(StoreError, match="shared=True"):
                await put_in_async(connection, ONE_PUT, WALL)

    asyncio.run(main())
