"""The store in PostgreSQL, for jobs of several machines."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING, Any, ClassVar, Final, LiteralString

from regrow.servers.queue.errors import StoreError
from regrow.servers.queue.ops import READS, Claim, Op, Put, Within
from regrow.servers.queue.postgres.batch import Batch
from regrow.servers.queue.postgres.connection import (
    Listener,
    as_store_error,
    connect,
    is_of_one_op,
    is_worth_another_try,
    load,
    public_parts,
)
from regrow.servers.queue.postgres.puts import is_storable
from regrow.servers.queue.postgres.reads import CHECKS, INVALID, read
from regrow.servers.queue.postgres.schema import ACTIVE, INDEXES, LIVE, names_of, prepare
from regrow.servers.queue.postgres.sql import NOW, Statements, compose
from regrow.servers.queue.store import Clocks, Done

if TYPE_CHECKING:
    from regrow.servers.queue.postgres.connection import Connection

MOST_TRIES: Final = 5  # of a transaction that others were in the way of
LONGEST_SCHEMA: Final = 63  # bytes: PostgreSQL cuts longer names
LOOK: Final = 5.0  # seconds after which the store is looked at without a notification
LOOK_DEAF: Final = 1.0  # … and if there is no connection that could receive one


class Postgres:
    """A store in a PostgreSQL database (version 12 or newer), through psycopg 3: `pip install 'regrow[postgres]'`.

    Several processes on several machines may use it at once. Every commit is synced by the server, and all times are
    those of the server's clock. The tables `regrow_queue_meta`, `regrow_queues` and `regrow_jobs` are made at the first
    open, and migrated by version. It has one connection for commits, and another one that listens for those of others;
    a pooler between must give each session a separate connection to the server, since LISTEN belongs to the session.

    Args:
        conninfo: as for `psycopg.connect`: "host=… dbname=…" or "postgresql://…"; "" for libpq's environment variables.
            A password in it is in no error and in no repr.
        schema: the schema of the tables; it is made if it does not exist.

    Attributes:
        connection: that of the commits, while the store is open.
        listener: the one that receives notifications; None while it is lost.

    Raises:
        TypeError: an argument is no str.
        ValueError: the schema is empty, has a %, or is longer than 63 bytes.
    """

    threaded = True
    poll: float | None = 0.02

    now: ClassVar[LiteralString] = NOW

    def __init__(self, conninfo: str, *, schema: str = "public") -> None:
        for name, value in (("conninfo", conninfo), ("schema", schema)):
            if not isinstance(value, str):  # pyright: ignore[reportUnnecessaryIsInstance]
                raise TypeError(f"Postgres({name}=): wanted a str, got {type(value).__name__}")
        # psycopg would take a % in the name for the beginning of a parameter.
        if not schema or "%" in schema or not is_storable(schema) or len(schema.encode()) > LONGEST_SCHEMA:
            raise ValueError(f"Postgres(schema=): wanted 1 to {LONGEST_SCHEMA} bytes of text without %, got {schema!r}")
        self._conninfo = conninfo
        self.schema = schema
        self.connection: Connection | None = None
        self.listener: Listener | None = None
        self._sql: Statements | None = None
        self._version = 0
        self._known: set[str] = set()  # queues that have their row
        self._counted: set[str] = set()  # queues whose row counts the live jobs
        self._kept: dict[Any, Any] = {}  # what works note for this connection
        self._short: dict[str, float] = {}  # when, by the server's clock, a queue with ready jobs has its next token
        self._clocks: Clocks | None = None
        self._listen_at = self._looked_at = 0.0
        self._noticed = False

    def __repr__(self) -> str:
        return f"Postgres(schema={self.schema!r})"

    def open(self, clocks: Clocks, /) -> None:
        """Connect, and make or migrate the tables. The leases of others stay valid; the server has kept the time.

        Raises:
            StoreError: psycopg is missing, the server cannot be reached, or its tables are refused.
        """
        self.close()
        self._clocks = clocks
        self._listen_at = self._looked_at = clocks().monotonic
        connection = connect(self._conninfo)
        try:
            self._version = prepare(connection, self.schema)
            self._sql = compose(self.schema, self.now)
            self.listener = Listener(self._conninfo, self.schema, connection.info.backend_pid)
        except BaseException:
            connection.close()
            raise
        self.connection = connection
        self._noticed = False

    def close(self) -> None:
        """Close the connections; the store may be opened again."""
        connection, self.connection = self.connection, None
        if connection is not None:
            connection.close()
        self._deafen()
        self._known.clear()
        self._counted.clear()
        self._kept.clear()
        self._short.clear()

    def _opened(self) -> tuple[Connection, Statements]:
        if self.connection is None or self._sql is None:
            raise StoreError("the PostgreSQL store is not open; `open` it first")
        return self.connection, self._sql

    # Commits

    def run(self, ops: Sequence[Op], clocks: Clocks, /) -> Done:
        """Apply the ops in one transaction, which is synced when this returns; see `Store.run`.

        Raises:
            StoreBusy: another transaction held a lock for 5 seconds. Nothing was stored, and the store goes on.
            StoreFull: the server's disk is full. Nothing was stored, and the store goes on.
            StoreError: the connection is lost, or the server refused.
        """
        self._clocks = clocks
        self._opened()
        psycopg = load()
        tries = 0
        while True:
            tries += 1
            try:
                return self._run(ops, clocks)
            except (psycopg.Error, UnicodeError, OverflowError) as error:
                if is_worth_another_try(error) and tries < MOST_TRIES:
                    continue
                if is_of_one_op(error):
                    return self._run_apart(ops, clocks)
                raise as_store_error(error) from error

    def _run(self, ops: Sequence[Op], clocks: Clocks) -> Done:
        connection, sql = self._opened()
        if ops and all(isinstance(op, READS) for op in ops):
            return Done([read(self._rows, sql, op, clocks) for op in ops])  # type: ignore[arg-type]
        self._prepare_queues(ops)
        short = dict(self._short)
        with self._transaction(connection):
            done = Batch(connection, sql, ops, clocks, short, self._kept).apply()
        self._short = short
        self._listen()
        return done

    def _run_apart(self, ops: Sequence[Op], clocks: Clocks) -> Done:
        """Apply the ops one by one in one transaction: the one that the server refuses fails alone."""
        connection, _ = self._opened()
        psycopg = load()
        results: list[Any] = []
        done = Done([])
        woke: set[str] = set()
        freed: set[str] = set()
        try:
            with self._transaction(connection):
                for op in ops:
                    try:
                        with connection.transaction():
                            done = self._run([op], clocks)
                    except (psycopg.Error, UnicodeError, OverflowError) as error:
                        if not is_of_one_op(error):
                            raise
                        results.append(as_store_error(error))
                        continue
                    results += done.results
                    woke |= done.woke
                    freed |= done.freed
        except psycopg.Error as error:
            raise as_store_error(error) from error
        return Done(results, frozenset(woke), frozenset(freed), done.due, True, done.lock_wait)

    @contextmanager
    def _transaction(self, connection: Connection) -> Generator[None]:
        """Begin a transaction, or a savepoint in one; commit it at the end."""
        try:
            with connection.transaction():
                yield
        except BaseException:
            self._kept.clear()  # the tables that works have made may be gone
            raise

    def _rows(self, statement: bytes, parameters: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """Execute a statement outside of a transaction; return its rows."""
        connection, _ = self._opened()
        cursor = connection.execute(statement, parameters or None)
        return cursor.fetchall() if cursor.description is not None else []

    def _prepare_queues(self, ops: Sequence[Op]) -> None:
        """Add the rows of new queues, and count the live jobs of those that have a bound, before the transaction.

        A count is exact only while no other transaction changes jobs, so the first put with a bound locks the table.
        """
        puts = [op for op in puts_of(ops) if is_storable(op.queue)]
        limited = [op.queue for op in ops if isinstance(op, Claim) and op.rate is not None and is_storable(op.queue)]
        names = {op.queue for op in puts} | set(limited)
        connection, sql = self._opened()
        if new := sorted(names - self._known):
            self._rows(sql.add_queues, (new,))
            self._known.update(new)
        bounded = {op.queue for op in puts if op.bound is not None} - self._counted
        if not bounded:
            return
        self._counted.update(name for (name,) in self._rows(sql.counted, (sorted(bounded),)))
        for name in sorted(bounded - self._counted):
            with connection.transaction():
                connection.execute(sql.lock_queue, (name,))
                connection.execute(sql.lock_table)
                connection.execute(sql.count_queue, (name,))
            self._counted.add(name)

    # Other processes

    def changed(self) -> bool:
        """Return whether another process may have committed something since the last call.

        It is True when a notification has come, and otherwise every 5 seconds. When the connection that listens is lost,
        a later call opens another one.
        """
        if self._clocks is None:
            return False
        now = self._clocks().monotonic
        if self.listener is None and now >= self._listen_at:
            self._listen_at = now + LOOK_DEAF
            self._connect_listener()
        self._listen()
        wait = LOOK_DEAF if self.listener is None else LOOK
        if not self._noticed and now - self._looked_at < wait:
            return False
        self._noticed = False
        self._looked_at = now
        return True

    def _connect_listener(self) -> None:
        connection, _ = self._opened()
        psycopg = load()
        try:
            self.listener = Listener(self._conninfo, self.schema, connection.info.backend_pid)
        except (StoreError, psycopg.Error):
            return  # the next look comes without a notification
        self._noticed = True  # what was committed before has not been notified

    def _listen(self) -> None:
        """Drain the notifications, so that they do not fill the server's queue."""
        if self.listener is not None:
            try:
                self._noticed = self.listener.heard() or self._noticed
            except load().Error:
                self._deafen()
                self._noticed = True

    def _deafen(self) -> None:
        listener, self.listener = self.listener, None
        if listener is not None:
            listener.close()

    # Maintenance

    def backup(self, path: str, /) -> None:
        """Refuse: PostgreSQL has a tool for this.

        Raises:
            StoreError: always; it names pg_dump.
        """
        tables = f"--schema={self.schema} --table='regrow_*'"
        raise StoreError(
            f"the PostgreSQL store makes no backup, so {path!r} was not written; "
            f"use pg_dump, which copies while others go on: pg_dump --format=custom {tables} --file={path} DATABASE"
        )

    def check(self) -> list[str]:
        """Return the problems of the store's tables and indexes, as lines of text.

        Raises:
            StoreError: they cannot be read.
        """
        self._opened()  # raises StoreError
        psycopg = load()
        from psycopg.sql import SQL

        names = {**names_of(self.schema), "live": SQL(LIVE), "active": SQL(ACTIVE)}
        found: list[str] = []
        try:
            # Its own connection: another thread may be in the middle of a commit on the first.
            with closing(connect(self._conninfo)) as connection, connection.transaction():
                connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
                for text, query in CHECKS:
                    found += [text.format(*row) for row in connection.execute(SQL(query).format(**names))]
                indexes = [f"regrow_jobs_{name}" for name in INDEXES]
                rows = connection.execute(INVALID, (indexes, self.schema))
                found += [f"the index {name} is missing or not valid; REINDEX, or restore it" for (name,) in rows]
        except psycopg.Error as error:
            raise as_store_error(error) from error
        return found

    def diagnostics(self) -> dict[str, Any]:
        """Return facts about the store for a person: server, database, versions, sizes; no password.

        Raises:
            StoreError: they cannot be read.
        """
        self._opened()  # raises StoreError
        psycopg = load()
        from psycopg.sql import SQL

        query = SQL("""SELECT current_setting('server_version'), current_database()::text, current_user::text,
            current_setting('synchronous_commit'), pg_total_relation_size(%s::regclass),
            (SELECT count(*) FROM {queues}), (SELECT reltuples::bigint FROM pg_class WHERE oid = %s::regclass),
            (SELECT n_dead_tup FROM pg_stat_all_tables WHERE relid = %s::regclass)""").format(**names_of(self.schema))
        try:
            with closing(connect(self._conninfo)) as connection:
                jobs = names_of(self.schema)["jobs"].as_string(connection)
                row = connection.execute(query, (jobs, jobs, jobs)).fetchone()
                host, port = connection.info.host, connection.info.port
        except psycopg.Error as error:
            raise as_store_error(error) from error
        assert row is not None
        server, database, user, synchronous, size, queues, rows, dead = row
        return {
            "kind": "postgres",
            "host": public_parts(self._conninfo).get("host", host),
            "port": port,
            "database": database,
            "user": user,
            "schema": self.schema,
            "schema_version": self._version,
            "server_version": server,
            "driver": f"psycopg {psycopg.__version__} ({psycopg.pq.__impl__})",
            "synchronous_commit": synchronous,
            "bytes": size,
            "queues": queues,
            "rows_estimated": max(0, rows),
            "dead_rows": dead,
            "listening": self.listener is not None,
        }


def puts_of(ops: Sequence[Op]) -> list[Put]:
    """Return the puts among ops, and those that the works among them may make."""
    found: list[Put] = []
    for op in ops:
        if isinstance(op, Put):
            found.append(op)
        elif isinstance(op, Within):
            found += op.puts
    return found
