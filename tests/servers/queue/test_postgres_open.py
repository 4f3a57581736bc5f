"""Opening the PostgreSQL store: migrations, refusals, settings, errors without passwords."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from regrow.servers.queue.errors import StoreDamaged, StoreError, StoreForeign, StoreNewer, StoreReadOnly
from regrow.servers.queue.postgres import schema as postgres_schema
from regrow.servers.queue.postgres.store import Postgres
from regrow.servers.queue.store import Times
from tests.contracts.postgres_server import url
from tests.servers.queue.postgres_stores import Here, here


@pytest.fixture
def at(tmp_path: Path) -> Iterator[Here]:
    """A schema without tables yet."""
    found = here(tmp_path)
    found.query('CREATE SCHEMA "' + found.schema + '"')
    yield found
    found.close()


def clocks() -> Times:
    return Times(0.0, 0.0)


def test_a_schema_with_any_name_is_made_and_quoted(at: Here) -> None:
    at.schema = 'a "quoted"; schema {jobs}'
    store = at.store()
    at.put(store, b"1")
    assert len(at.claim(at.store())) == 1
    assert store.check() == []
    assert store.diagnostics()["schema"] == at.schema
    at.query('DROP SCHEMA "a ""quoted""; schema {jobs}" CASCADE')


@pytest.mark.parametrize("table", ["regrow_jobs", "regrow_queues", "regrow_queue_meta"])
def test_a_table_of_another_program_is_refused(at: Here, table: str) -> None:
    at.query(f"CREATE TABLE {table}(key text, value text)")
    with pytest.raises(StoreForeign, match=table):
        at.store()
    assert at.query("SELECT count(*) FROM pg_tables WHERE schemaname = %s", (at.schema,)) == [(1,)]


def test_the_tables_of_a_newer_regrow_are_refused_with_both_numbers(at: Here) -> None:
    at.store()
    at.query("UPDATE regrow_queue_meta SET value = '99' WHERE key = 'schema'")
    with pytest.raises(StoreNewer, match=r"version 99.* knows 1"):
        at.store()


@pytest.mark.parametrize(
    "damage",
    [
        "DROP TABLE regrow_queues",
        "DELETE FROM regrow_queue_meta WHERE key = 'schema'",
        "UPDATE regrow_queue_meta SET value = 'x' WHERE key = 'schema'",
    ],
)
def test_damaged_tables_are_refused(at: Here, damage: str) -> None:
    at.store()
    at.query(damage)
    with pytest.raises(StoreDamaged):
        at.store()


def test_older_tables_are_migrated_and_keep_their_jobs(at: Here, monkeypatch: pytest.MonkeyPatch) -> None:
    at.put(at.store(), b"1")
    second = "ALTER TABLE {jobs} ADD COLUMN extra text"
    monkeypatch.setattr(postgres_schema, "MIGRATIONS", [*postgres_schema.MIGRATIONS, second])
    assert at.store().diagnostics()["schema_version"] == 2
    assert at.query("SELECT extra FROM regrow_jobs") == [(None,)]


def test_a_migration_that_fails_changes_nothing(at: Here, monkeypatch: pytest.MonkeyPatch) -> None:
    at.store()
    second = "ALTER TABLE {jobs} ADD COLUMN extra text; SELECT 1 / 0"
    monkeypatch.setattr(postgres_schema, "MIGRATIONS", [*postgres_schema.MIGRATIONS, second])
    with pytest.raises(StoreError, match="division"):
        at.store()
    assert at.query("SELECT value FROM regrow_queue_meta WHERE key = 'schema'") == [("1",)]
    assert at.query(
        "SELECT count(*) FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid"
        " WHERE a.attname = 'extra' AND c.relnamespace = quote_ident(%s)::regnamespace",
        (at.schema,),
    ) == [(0,)]


def test_a_role_without_rights_is_refused_and_the_error_names_them(at: Here) -> None:
    at.store()
    at.query(f'CREATE ROLE "{at.schema}" LOGIN')
    at.query(f'GRANT USAGE ON SCHEMA "{at.schema}" TO "{at.schema}"')
    at.query(f'GRANT SELECT ON ALL TABLES IN SCHEMA "{at.schema}" TO "{at.schema}"')
    from psycopg.conninfo import make_conninfo

    with pytest.raises(StoreReadOnly, match="GRANT"):
        Postgres(make_conninfo(url(), user=at.schema), schema=at.schema).open(clocks)


def test_a_session_that_is_read_only_is_refused(at: Here) -> None:
    from psycopg.conninfo import make_conninfo

    with pytest.raises(StoreReadOnly, match="primary"):
        Postgres(make_conninfo(url(), options="-c default_transaction_read_only=on"), schema=at.schema).open(clocks)


def test_commits_are_synced_whatever_the_session_begins_with(at: Here) -> None:
    from psycopg.conninfo import make_conninfo

    store = Postgres(make_conninfo(url(), options="-c synchronous_commit=off"), schema=at.schema)
    store.open(clocks)
    try:
        assert store.diagnostics()["synchronous_commit"] == "on"
    finally:
        store.close()


@pytest.mark.parametrize(
    "conninfo",
    [
        "postgresql://ann:secret@127.0.0.1:1/db",
        "host=127.0.0.1 port=1 password=secret",
        "secret",
        "postgresql://ann:secret@[::1/db",
        "host=127.0.0.1 port=1 password=secret unknown=1",
        "host=127.0.0.1 port=x password=secret",
    ],
)
def test_an_error_has_no_password(conninfo: str) -> None:
    store = Postgres(conninfo)
    with pytest.raises(StoreError) as raised:
        store.open(clocks)
    shown: BaseException | None = raised.value
    assert "secret" not in str(shown) + repr(store)
    assert raised.value.__suppress_context__


def test_without_psycopg_the_error_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "psycopg", None)
    with pytest.raises(StoreError, match=r"pip install 'regrow\[postgres\]'"):
        Postgres("host=nowhere").open(clocks)


@pytest.mark.parametrize("wrong", [{"schema": ""}, {"schema": "s" * 64}, {"schema": "a\0"}, {"schema": "a%s"}])
def test_a_schema_that_postgresql_would_change_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="schema="):
        Postgres("", **wrong)


def test_the_check_finds_what_contradicts_itself(at: Here) -> None:
    store = at.store()
    at.put(store, b"1", bound=9)
    at.put(store, b"2", group="g")
    assert store.check() == []
    at.query("UPDATE regrow_queues SET live = 7")
    at.query("UPDATE regrow_jobs SET state = 'blocked' WHERE grp = 'g'")
    at.query("UPDATE regrow_jobs SET lease_until = now() WHERE grp IS NULL")
    at.query("DROP INDEX regrow_jobs_ready")
    found = " | ".join(store.check())
    assert [word in found for word in ("7 live", "group 'g'", "has a lease", "regrow_jobs_ready")] == [True] * 4


def test_diagnostics_have_no_password(at: Here) -> None:
    facts = at.store().diagnostics()
    assert facts["kind"] == "postgres"
    assert "password" not in repr(facts)
    assert facts["bytes"] > 0
