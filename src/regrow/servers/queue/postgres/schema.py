"""The tables of the PostgreSQL store: migrations by version, and the tables that are refused."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, LiteralString

from regrow.servers.queue.errors import StoreDamaged, StoreError, StoreForeign, StoreNewer, StoreReadOnly
from regrow.servers.queue.postgres.connection import OLDEST_SERVER, as_store_error, load

if TYPE_CHECKING:
    from regrow.servers.queue.postgres.connection import Connection

MAGIC: Final = "regrow.queue"
TABLES: Final = ("regrow_queue_meta", "regrow_queues", "regrow_jobs")
INDEXES: Final = ("ready", "delayed", "leased", "group", "active", "key", "dead", "died", "done")
LIVE: Final[LiteralString] = "state IN ('ready','delayed','blocked','leased')"
ACTIVE: Final[LiteralString] = "state IN ('ready','delayed','leased')"

# An index is partial, so a job is in one of those of the states at a time. `regrow_jobs_active` is unique: no two jobs of
# a group can be under way at once, whatever the transactions are that put them.
VERSION_1: Final[LiteralString] = """
CREATE TABLE {meta}(key text PRIMARY KEY, value text NOT NULL);
CREATE TABLE {queues}(name text PRIMARY KEY, live bigint, paused text, tokens float8, tokens_at float8);
CREATE TABLE {jobs}(
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, queue text NOT NULL,
    state text NOT NULL CHECK (state IN ('ready','delayed','blocked','leased','dead','done')),
    priority bigint NOT NULL, payload bytea NOT NULL, attempts bigint NOT NULL DEFAULT 0, max_attempts bigint NOT NULL,
    created_at timestamptz NOT NULL, due_at timestamptz NOT NULL, leased_at timestamptz, lease_until timestamptz,
    token bigint NOT NULL DEFAULT 0, holder text, grp text, key text, key_until timestamptz, key_states text,
    errors text, traceparent text, died_at timestamptz
) WITH (autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 1000, autovacuum_analyze_scale_factor = 0.1);
CREATE INDEX regrow_jobs_ready ON {jobs}(queue, priority, id) WHERE state = 'ready';
CREATE INDEX regrow_jobs_delayed ON {jobs}(due_at) WHERE state = 'delayed';
CREATE INDEX regrow_jobs_leased ON {jobs}(lease_until) WHERE state = 'leased';
CREATE INDEX regrow_jobs_group ON {jobs}(queue, grp, id) WHERE grp IS NOT NULL AND {live};
CREATE UNIQUE INDEX regrow_jobs_active ON {jobs}(queue, grp) WHERE grp IS NOT NULL AND {active};
CREATE UNIQUE INDEX regrow_jobs_key ON {jobs}(queue, key) WHERE key IS NOT NULL;
CREATE INDEX regrow_jobs_dead ON {jobs}(queue, id) WHERE state = 'dead';
CREATE INDEX regrow_jobs_died ON {jobs}(died_at) WHERE state = 'dead';
CREATE INDEX regrow_jobs_done ON {jobs}(key_until) WHERE state = 'done';
"""

MIGRATIONS: Final[list[LiteralString]] = [VERSION_1]  # the first makes version 1 of an empty schema

LOCK: Final = "SELECT pg_advisory_xact_lock(hashtextextended('regrow.queue migration ' || %s, 0))"
KINDS: Final = """SELECT c.relname, c.relkind::text FROM pg_catalog.pg_class c
    JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = %s AND c.relname = ANY(%s)"""
COLUMNS: Final = """SELECT attname::text FROM pg_catalog.pg_attribute a JOIN pg_catalog.pg_class c ON c.oid = a.attrelid
    JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
    WHERE n.nspname = %s AND c.relname = 'regrow_queue_meta' AND a.attnum > 0 AND NOT a.attisdropped"""
SERVER: Final = """SELECT current_setting('server_encoding'), current_setting('transaction_read_only'),
    pg_is_in_recovery(), EXISTS(SELECT FROM pg_catalog.pg_namespace WHERE nspname = %s)"""
PRIVILEGES: Final = """SELECT t FROM unnest(%s::text[]) t
    WHERE NOT has_table_privilege(t, 'SELECT') OR NOT has_table_privilege(t, 'INSERT')
    OR NOT has_table_privilege(t, 'UPDATE') OR NOT has_table_privilege(t, 'DELETE')"""


def names_of(schema: str) -> dict[str, Any]:
    """Return the quoted names of the tables, as psycopg composes them into statements."""
    load()
    from psycopg.sql import Identifier

    meta, queues, jobs = (Identifier(schema, table) for table in TABLES)
    return {"meta": meta, "queues": queues, "jobs": jobs}


def prepare(connection: Connection, schema: str) -> int:
    """Make the tables, or migrate them; return the version of the schema.

    Raises:
        StoreError: they are refused. Nothing was written.
    """
    psycopg = load()
    try:
        exists = _server(connection, schema)
        version = _version(connection, schema)
        while version < len(MIGRATIONS):
            version = _migrate(connection, schema, exists)
            exists = True
        tables = [name.as_string(connection) for name in names_of(schema).values()]
        if denied := [table for (table,) in connection.execute(PRIVILEGES, (tables,))]:
            raise StoreReadOnly(
                f"the role may not read and write {', '.join(denied)}; "
                f"GRANT SELECT, INSERT, UPDATE, DELETE ON {', '.join(denied)} to it"
            )
    except psycopg.Error as error:
        raise as_store_error(error) from error
    return version


def _server(connection: Connection, schema: str) -> bool:
    """Check the server; return whether the schema exists."""
    if connection.info.server_version < OLDEST_SERVER:
        raise StoreError(
            f"the PostgreSQL server has version {connection.info.server_version // 10_000}; "
            f"the queue needs {OLDEST_SERVER // 10_000} or newer"
        )
    row = connection.execute(SERVER, (schema,)).fetchone()
    assert row is not None
    encoding, read_only, standby, exists = row
    if encoding != "UTF8":
        raise StoreError(f"the database has the encoding {encoding}, which cannot store every text; wanted UTF8")
    if standby or read_only == "on":
        kind = "a standby" if standby else "read-only"
        raise StoreReadOnly(f"the PostgreSQL server is {kind}, and accepts no writes; connect to the primary")
    return bool(exists)


def _version(connection: Connection, schema: str) -> int:
    """Return the version of the tables, 0 if there are none; refuse those of another program."""
    from psycopg.sql import SQL

    kinds = {str(name): str(kind) for name, kind in connection.execute(KINDS, (schema, list(TABLES)))}
    if not kinds:
        return 0
    meta = TABLES[0]
    columns = {str(name) for (name,) in connection.execute(COLUMNS, (schema,))}
    if kinds.get(meta) != "r" or not {"key", "value"} <= columns:
        raise _foreign(schema, meta if meta in kinds else min(kinds))
    query = SQL("SELECT key::text, value::text FROM {meta}").format(**names_of(schema))
    facts = {str(key): str(value) for key, value in connection.execute(query)}
    if facts.get("magic") != MAGIC:
        raise _foreign(schema, meta)
    try:
        version = int(facts["schema"])
    except (KeyError, ValueError):
        raise StoreDamaged(f"{schema}.{meta} has no version of the schema; restore the backup of pg_dump") from None
    if version > len(MIGRATIONS):
        raise StoreNewer(
            f"a newer regrow wrote the tables in {schema!r}: they have version {version}, "
            f"this regrow knows {len(MIGRATIONS)}; install the newer regrow"
        )
    if missing := [table for table in TABLES if kinds.get(table) not in {"r", "p"}]:
        raise StoreDamaged(f"{schema}.{missing[0]} is missing; restore the backup of pg_dump")
    return version


def _foreign(schema: str, table: str) -> StoreForeign:
    return StoreForeign(
        f"the schema {schema!r} has a table {table!r} that regrow did not make; use Postgres(conninfo, schema=…)"
    )


def _migrate(connection: Connection, schema: str, exists: bool) -> int:
    """Apply the next migration in a transaction, unless another process has; return the version."""
    from psycopg.sql import SQL, Identifier

    names = names_of(schema)
    with connection.transaction():
        connection.execute(LOCK, (schema,))
        version = _version(connection, schema)
        if version >= len(MIGRATIONS):
            return version
        if not exists:
            connection.execute(SQL("CREATE SCHEMA IF NOT EXISTS {}").format(Identifier(schema)))
        connection.execute(SQL(MIGRATIONS[version]).format(**names, live=SQL(LIVE), active=SQL(ACTIVE)))
        write = SQL("""INSERT INTO {meta}(key, value) VALUES ('magic', %s), ('schema', %s)
            ON CONFLICT (key) DO UPDATE SET value = excluded.value""").format(**names)
        connection.execute(write, (MAGIC, str(version + 1)))
    return version + 1
