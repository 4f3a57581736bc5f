"""SQLite stores for the tests of what is SQLite's alone; the contract of all stores is tested in `tests/contracts`."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from regrow.servers.queue.ops import NewJob, Put
from regrow.servers.queue.sqlite.connection import connect
from regrow.servers.queue.sqlite.store import SQLite
from tests.contracts.queue_store import Clock, Kind, Opened

ONE_PUT = Put("q", (NewJob(b"1"),))


def opened_at(path: Path, clock: Clock | None = None, **options: Any) -> Opened:
    """Return an open store at a path, with the short forms of the contract's tests."""

    def make(_folder: Path) -> SQLite:
        return SQLite(path, thread=False, **options)

    kind = Kind(make)
    return Opened(kind.make(path.parent), kind, path.parent, clock or Clock())


@contextmanager
def user(path: Path) -> Generator[sqlite3.Connection]:
    """Give a connection of the user's program, in autocommit mode."""
    connection = sqlite3.connect(path, isolation_level=None)
    try:
        yield connection
    finally:
        connection.close()


def rows(path: Path, sql: str, parameters: Sequence[Any] = ()) -> list[Any]:
    """Return the rows that another program reads."""
    with user(path) as connection:
        return connection.execute(sql, parameters).fetchall()


def traced(before: Callable[[str], None]) -> Callable[[str], Traced]:
    """Return a function that connects, and then calls `before` with each statement."""

    def connect_traced(path: str) -> Traced:
        return Traced(path, before)

    return connect_traced


class Traced:
    """A connection that notes its statements, and calls `before` with each."""

    def __init__(self, path: str, before: Callable[[str], None] | None = None) -> None:
        self.connection = connect(path)
        self.statements: list[str] = []
        self.before = before

    @property
    def in_transaction(self) -> bool:
        return self.connection.in_transaction

    def note(self, sql: str) -> None:
        self.statements.append(sql)
        if self.before is not None:
            self.before(sql)

    def execute(self, sql: str, parameters: Any = (), /) -> Any:
        self.note(sql)
        return self.connection.execute(sql, parameters)

    def executemany(self, sql: str, parameters: Any, /) -> Any:
        self.note(sql)
        return self.connection.executemany(sql, parameters)

    def close(self) -> None:
        self.connection.close()
