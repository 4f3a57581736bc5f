"""Putting jobs inside the transaction of a user's psycopg connection."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg.rows import dict_row

from regrow import Node
from regrow.servers.queue.errors import Full, StoreError, StoreNewer
from regrow.servers.queue.job import Enqueued
from regrow.servers.queue.ops import Count, NewJob, Put
from regrow.servers.queue.transactional import put_in, put_in_async
from tests.contracts.postgres_server import url
from tests.servers.queue.postgres_stores import Here, here, path_option, woken

ONE = (NewJob(b"1"),)


@pytest.fixture
def at(tmp_path: Path) -> Iterator[Here]:
    """A schema with the tables."""
    found = here(tmp_path)
    found.store()
    yield found
    found.close()


def count(at: Here) -> int:
    """Return the number of live jobs."""
    (found,) = at.run(at.stores[0], Count("q")).results
    assert isinstance(found, int)
    return found


def test_the_job_is_there_when_the_user_commits_and_not_before(at: Here) -> None:
    with at.connect() as connection:
        (answer,) = put_in(connection, Put("q", ONE), 0.0)
        assert count(at) == 0
        connection.commit()
        assert count(at) == 1
    assert [job.id for job in at.claim(at.stores[0])] == [answer.id]


def test_the_job_goes_when_the_user_rolls_back(at: Here) -> None:
    with at.connect() as connection:
        put_in(connection, Put("q", ONE, 5), 0.0)
        connection.rollback()
    assert count(at) == 0
    assert at.stores[0].check() == []


def test_a_connection_in_autocommit_mode_stores_the_job_at_once(at: Here) -> None:
    with at.connect(autocommit=True, row_factory=dict_row) as connection:
        put_in(connection, Put("q", (NewJob(b"1"), NewJob(b"2", key="k"))), 0.0)
        assert count(at) == 2


@pytest.mark.regrow(clock="real")
async def test_an_awaited_connection_puts_in_its_transaction(node: Node, at: Here) -> None:
    async with await psycopg.AsyncConnection.connect(url(), options=path_option(at.schema)) as connection:
        await put_in_async(connection, Put("q", ONE), 0.0)
        await connection.rollback()
        assert count(at) == 0
        await put_in_async(connection, Put("q", ONE), 0.0)
        await connection.commit()
    assert count(at) == 1


@pytest.mark.parametrize("counted", [True, False])
def test_a_full_queue_raises_and_the_transaction_goes_on(at: Here, counted: bool) -> None:
    at.put(at.stores[0], b"1", bound=2 if counted else None)
    with at.connect() as connection:
        put_in(connection, Put("q", ONE, 2), 0.0)
        with pytest.raises(Full, match="its bound is 2"):
            put_in(connection, Put("q", ONE, 2), 0.0)
        connection.commit()
    assert count(at) == 2
    assert at.stores[0].check() == []


def test_a_key_and_a_group_hold_between_the_broker_and_the_user(at: Here) -> None:
    (first,) = at.put(at.stores[0], b"1", key="k", group="g")
    with at.connect() as connection:
        (twice,) = put_in(connection, Put("q", (NewJob(b"2", key="k"),)), 0.0)
        put_in(connection, Put("q", (NewJob(b"3", group="g"),)), 0.0)
        connection.commit()
    assert twice == Enqueued(first, duplicate=True)
    assert len(at.claim(at.stores[0], 5)) == 1


def test_a_commit_of_the_user_wakes_a_broker(at: Here) -> None:
    assert at.stores[0].changed() is False
    with at.connect() as connection:
        put_in(connection, Put("q", ONE), 0.0)
        assert at.stores[0].changed() is False
        connection.commit()
    assert woken(at.stores[0])


def test_a_newer_schema_and_a_missing_one_are_refused(at: Here, tmp_path: Path) -> None:
    at.query("UPDATE regrow_queue_meta SET value = '99' WHERE key = 'schema'")
    with at.connect() as connection, pytest.raises(StoreNewer, match="99"):
        put_in(connection, Put("q", ONE), 0.0)
    at.query("UPDATE regrow_queue_meta SET value = '0' WHERE key = 'schema'")
    with at.connect() as connection, pytest.raises(StoreError, match="migrate"):
        put_in(connection, Put("q", ONE), 0.0)


@pytest.mark.parametrize("wrong", [{"key": "a\0b"}, {"group": "\ud800"}, {"priority": 1 << 63}])
def test_what_postgresql_cannot_store_leaves_the_transaction_usable(at: Here, wrong: dict[str, Any]) -> None:
    with at.connect() as connection:
        with pytest.raises(StoreError, match="PostgreSQL stores"):
            put_in(connection, Put("q", (NewJob(b"1", **wrong),)), 0.0)
        put_in(connection, Put("q", ONE), 0.0)
        connection.commit()
    assert count(at) == 1
