"""Putting jobs inside a transaction of the caller, on his connection.

    connection                                   function
    ----------                                   --------
    sqlite3.Connection                           put_in
    psycopg.Connection                           put_in
    aiosqlite.Connection                         put_in_async
    psycopg.AsyncConnection                      put_in_async

Each dialect is a generator of statements (`put_in_steps` of `sqlite/put.py` and `postgres/put_in.py`); the drivers here run them, and wait for each
where the connection is asynchronous. The jobs are there when the caller commits, and not if he rolls back.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Generator
from inspect import iscoroutinefunction
from typing import TYPE_CHECKING, Any, Final

from regrow.servers.queue.errors import StoreError
from regrow.servers.queue.job import Enqueued
from regrow.servers.queue.ops import Put

if TYPE_CHECKING:
    import sqlite3

AnySteps = Generator[tuple[Any, tuple[Any, ...]], list[Any], Any]
WANTED: Final = "a sqlite3.Connection, an aiosqlite.Connection, a psycopg.Connection or a psycopg.AsyncConnection"


def put_in(connection: Any, put: Put, wall: float) -> list[Enqueued]:
    """Put jobs inside the transaction of a connection that blocks; `wall` is the time, in Unix seconds.

    A connection in autocommit mode without an open transaction commits the jobs at once.

    Raises:
        Full: there is no room; nothing was put.
        StoreError: the database has no tables of the queue, or those of another version.
        TypeError: it is no such connection.
    """
    if _package(connection) == "sqlite3":
        return _in_sqlite(connection, put, wall)
    if _package(connection) == "psycopg" and not _is_async(connection):
        return _in_psycopg(connection, put)
    raise TypeError(f"put_in: wanted {WANTED}, got {_named(connection)}")


async def put_in_async(connection: Any, put: Put, wall: float) -> list[Enqueued]:
    """Put jobs inside the transaction of a connection whose `execute` is awaited; see `put_in`.

    Raises:
        Full: there is no room; nothing was put.
        StoreError: the database has no tables of the queue, or those of another version.
        TypeError: it is no such connection.
    """
    if _package(connection) == "aiosqlite":
        return await _in_aiosqlite(connection, put, wall)
    if _package(connection) == "psycopg" and _is_async(connection):
        return await _in_async_psycopg(connection, put)
    raise TypeError(f"put_in_async: wanted {WANTED}, got {_named(connection)}")


def _package(connection: object) -> str:
    """Return the package that the connection's class, or a base of it, is from."""
    packages = [base.__module__.partition(".")[0] for base in type(connection).__mro__]
    return next((name for name in packages if name in {"sqlite3", "aiosqlite", "psycopg"}), packages[0])


def _is_async(connection: object) -> bool:
    return iscoroutinefunction(getattr(type(connection), "execute", None))


def _named(connection: object) -> str:
    kind = type(connection)
    return f"{kind.__module__}.{kind.__qualname__}"


# Drivers


def run(steps: AnySteps, execute: Callable[[Any, tuple[Any, ...]], list[Any]]) -> Any:
    """Run the statements of a generator; an error of one is raised inside it. Returns its result."""
    try:
        step = next(steps)
        while True:
            try:
                rows = execute(*step)
            except Exception as error:
                step = steps.throw(error)
            else:
                step = steps.send(rows)
    except StopIteration as end:
        return end.value


async def run_async(steps: AnySteps, execute: Callable[[Any, tuple[Any, ...]], Awaitable[list[Any]]]) -> Any:
    """Run the statements of a generator, and await each; an error of one is raised inside it. Returns its result."""
    try:
        step = next(steps)
        while True:
            try:
                rows = await execute(*step)
            except Exception as error:
                step = steps.throw(error)
            else:
                step = steps.send(rows)
    except StopIteration as end:
        return end.value


# Dialects


def _in_sqlite(connection: sqlite3.Connection, put: Put, wall: float) -> list[Enqueued]:
    import sqlite3  # start-up: only a connection of SQLite needs it

    from regrow.servers.queue.sqlite.put import put_in_steps  # start-up: and its statements

    cursor = connection.cursor()
    cursor.row_factory = None  # rows are tuples, text is str, whatever the user's code wants of them
    before, connection.text_factory = connection.text_factory, str
    try:
        found: list[Enqueued] = run(
            put_in_steps(put, wall), lambda sql, parameters: cursor.execute(sql, parameters).fetchall()
        )
    except sqlite3.OperationalError as error:
        raise _without_tables(error) from error
    finally:
        connection.text_factory = before
        cursor.close()
    return found


async def _in_aiosqlite(connection: Any, put: Put, wall: float) -> list[Enqueued]:
    import sqlite3  # start-up: only a connection of SQLite needs it

    from regrow.servers.queue.sqlite.put import put_in_steps  # start-up: and its statements

    cursor = await connection.cursor()
    cursor.row_factory = None
    before, connection.text_factory = connection.text_factory, str

    async def execute(sql: str, parameters: tuple[Any, ...]) -> list[Any]:
        await cursor.execute(sql, parameters)
        return list(await cursor.fetchall())

    try:
        found: list[Enqueued] = await run_async(put_in_steps(put, wall), execute)
    except sqlite3.OperationalError as error:
        raise _without_tables(error) from error
    finally:
        connection.text_factory = before
        await cursor.close()
    return found


def _without_tables(error: sqlite3.OperationalError) -> Exception:
    """Return the error for a database without the queue's tables; another error stays as it is."""
    if "no such table: regrow_" not in str(error):
        return error
    return StoreError(
        "put_in: the database of this connection has no tables of regrow.queue. A Broker with "
        "SQLite(path, shared=True) makes them beside yours when it starts; so does `regrow queue migrate --store PATH`"
    )


def _in_psycopg(connection: Any, put: Put) -> list[Enqueued]:
    from psycopg.rows import tuple_row

    # start-up: needed with PostgreSQL alone
    from regrow.servers.queue.postgres.put_in import put_in_steps as steps

    with connection.cursor(row_factory=tuple_row) as cursor:

        def execute(sql: Any, parameters: tuple[Any, ...]) -> list[Any]:
            cursor.execute(sql, parameters or None)
            return cursor.fetchall() if cursor.description is not None else []

        if connection.autocommit:  # several statements: a transaction, or a savepoint of the one that is open
            with connection.transaction():
                found: list[Enqueued] = run(steps(put), execute)
            return found
        return list(run(steps(put), execute))


async def _in_async_psycopg(connection: Any, put: Put) -> list[Enqueued]:
    from psycopg.rows import tuple_row

    # start-up: needed with PostgreSQL alone
    from regrow.servers.queue.postgres.put_in import put_in_steps as steps

    async with connection.cursor(row_factory=tuple_row) as cursor:

        async def execute(sql: Any, parameters: tuple[Any, ...]) -> list[Any]:
            await cursor.execute(sql, parameters or None)
            return await cursor.fetchall() if cursor.description is not None else []

        if connection.autocommit:
            async with connection.transaction():
                found: list[Enqueued] = await run_async(steps(put), execute)
            return found
        return list(await run_async(steps(put), execute))
