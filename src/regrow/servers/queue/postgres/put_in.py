"""Putting jobs inside a transaction of the caller on a psycopg connection, as steps without a connection.

The caller's connection may have any search_path: the tables are looked for first along it, then in the whole database.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from functools import lru_cache
from typing import Any, Final

from regrow.servers.queue.errors import Full, StoreError, StoreNewer
from regrow.servers.queue.ops import Put
from regrow.servers.queue.postgres.puts import Changes, pairs, problem, put_steps, settle_steps
from regrow.servers.queue.postgres.schema import MAGIC, MIGRATIONS
from regrow.servers.queue.postgres.sql import Statements, compose

Steps = Generator[tuple[bytes, tuple[Any, ...]], list[tuple[Any, ...]], Any]

SCHEMAS: Final = b"""SELECT n.nspname::text, pg_catalog.pg_table_is_visible(c.oid) FROM pg_catalog.pg_class c
    JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
    WHERE c.relname = 'regrow_queue_meta' AND c.relkind = 'r' ORDER BY 2 DESC, 1"""

statements_of: Final[Callable[[str], Statements]] = lru_cache(maxsize=32)(compose)


def put_in_steps(put: Put) -> Steps:
    """Put jobs in the caller's transaction; return the answers.

    Raises:
        Full: there is no room; nothing was put.
        StoreError: the database has no tables of the queue, or those of another version, or cannot store the put.
    """
    if (refused := problem(put)) is not None:
        raise refused
    sql = yield from _tables()
    changes = Changes()
    yield from _lock(sql, put, changes)
    (result,) = yield from put_steps(sql, [put], changes)
    if result is None:
        raise Full(f"queue {put.queue!r}: it has no room for {len(put.jobs)} more; its bound is {put.bound}")
    yield from settle_steps(sql, changes)
    if by := changes.change[put.queue]:
        yield sql.change_live, ([put.queue], [by])
    if changes.woke:
        yield sql.notify, (sorted(changes.woke),)
    return result


def _tables() -> Steps:
    """Return the statements for the schema that has the tables."""
    found = yield SCHEMAS, ()
    if not found:
        raise StoreError(
            "put_in: the database of this connection has no tables of regrow.queue. A Broker with Postgres(conninfo) "
            "makes them when it starts; so does `regrow queue migrate --store URL`"
        )
    if len(found) > 1 and not found[0][1]:
        names = ", ".join(repr(name) for name, _ in found)
        raise StoreError(
            f"put_in: several schemas have tables of regrow.queue ({names}), and none is in the search_path of this "
            "connection; SET search_path to the one of the broker"
        )
    schema = found[0][0]
    sql = statements_of(schema)
    facts: dict[str, str] = dict((yield sql.meta, ()))
    version = facts.get("schema", "")
    if facts.get("magic") != MAGIC or not version.isdecimal():
        raise StoreError(f"put_in: the table regrow_queue_meta in the schema {schema!r} was not made by regrow")
    if int(version) > len(MIGRATIONS):
        raise StoreNewer(
            f"put_in: a newer regrow wrote the tables in {schema!r}: they have version {version}, this regrow knows "
            f"{len(MIGRATIONS)}; install the newer regrow"
        )
    if int(version) < len(MIGRATIONS):
        raise StoreError(
            f"put_in: the tables in {schema!r} have version {version}, and this regrow needs {len(MIGRATIONS)}; "
            "start its Broker, or run `regrow queue migrate --store URL`"
        )
    return sql


def _lock(sql: Statements, put: Put, changes: Changes) -> Steps:
    """Lock the queue if its jobs are counted or the put has a bound, then the groups."""
    rows = yield sql.lock_queues, ([put.queue], [])
    if not rows and put.bound is not None:
        # No broker has put with a bound yet. The lock keeps others from counting until this transaction ends.
        yield sql.lock_queue, (put.queue,)
        rows = yield sql.lock_queues, ([put.queue], [])
        if not rows:
            ((live,),) = yield sql.count, (put.queue, put.queue)
            changes.live[put.queue] = live
    for name, live, _, _ in rows:
        changes.live[name] = live
    groups = {(put.queue, job.group) for job in put.jobs if job.group is not None}
    if groups:
        yield sql.lock_groups, pairs(groups)
