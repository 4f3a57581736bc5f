"""Stores in PostgreSQL for tests that need real connections: two of one schema, on the server's clock."""

from __future__ import annotations

import select
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg
from psycopg.sql import SQL, Identifier

from regrow.servers.queue.ops import Claim, Claimed, NewJob, Op, Put
from regrow.servers.queue.postgres.store import Postgres
from regrow.servers.queue.store import Done, Times
from tests.contracts.postgres_server import schema_of, url


@dataclass
class Here:
    """The schema of a test, and stores in it."""

    schema: str
    now: float = 0.0
    stores: list[Postgres] = field(default_factory=list[Postgres])

    def clocks(self) -> Times:
        """Return times that the test moves; only the machine's monotonic seconds matter to the store."""
        return Times(0.0, self.now)

    def store(self) -> Postgres:
        """Return another open store."""
        found = Postgres(url(), schema=self.schema)
        found.open(self.clocks)
        self.stores.append(found)
        return found

    def run(self, store: Postgres, *ops: Op) -> Done:
        """Run ops in one commit."""
        return store.run(ops, self.clocks)

    def put(self, store: Postgres, *payloads: bytes, bound: int | None = None, **options: Any) -> list[int]:
        """Put jobs; return their ids."""
        result: Any = self.run(
            store, Put("q", tuple(NewJob(payload, **options) for payload in payloads), bound)
        ).results[0]
        return [put.id for put in result]

    def claim(self, store: Postgres, count: int = 1, lease: float = 60.0) -> list[Claimed]:
        """Claim up to `count` jobs."""
        found: Any = self.run(store, Claim("q", count, lease, "host:1:<worker>")).results[0]
        return list(found)

    def connect(self, **settings: Any) -> psycopg.Connection[Any]:
        """Return a connection of a user's program; the schema is in its search_path."""
        connection = psycopg.connect(url(), **settings)
        connection.execute(SQL("SET search_path TO {}").format(Identifier(self.schema)))
        if not connection.autocommit:
            connection.commit()
        return connection

    def query(self, text: str, parameters: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """Execute a statement on a separate connection; return its rows."""
        with self.connect(autocommit=True) as connection:
            cursor = connection.execute(text.encode(), parameters or None)
            return cursor.fetchall() if cursor.description is not None else []

    def close(self) -> None:
        """Close all stores."""
        for store in self.stores:
            store.close()


def path_option(schema: str) -> str:
    """Return the option of a connection that sets the search_path to a schema."""
    escaped = schema.replace(" ", "\\ ")
    return f'-c search_path="{escaped}"'


def here(folder: Path) -> Here:
    """Return the schema that belongs to a folder."""
    return Here(schema_of(folder))


def woken(store: Postgres) -> bool:
    """Return whether a notification wakes a store within some seconds: the server sends it after the commit."""
    assert store.listener is not None
    for _ in range(100):  # those of other schemas come on the same channel
        select.select([store.listener.connection.fileno()], [], [], 10.0)
        if store.changed():
            return True
    return False
