"""Other work in a transaction of the SQLite store."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Sequence
from typing import Any, Literal

from regrow.servers.queue.errors import QueueError, work_error
from regrow.servers.queue.job import Enqueued
from regrow.servers.queue.ops import Put, Within
from regrow.servers.queue.sqlite.batch import Batch
from regrow.servers.queue.sqlite.connection import code_of, is_of_one_op
from regrow.servers.queue.store import Times


class SQLiteTransaction:
    """The transaction of a SQLite store, as a work sees it.

    Attributes:
        failed: an error with which the op fails, whatever the work makes of it.
        broken: one after which SQLite may have undone more than a statement.
    """

    dialect: Literal["sqlite"] = "sqlite"
    one_machine = True

    def __init__(self, batch: Batch, op: Within, kept: dict[Any, Any]) -> None:
        self.times: Times = Times(batch.wall, batch.now)
        self.lease_now: float = batch.now
        self.kept: dict[Any, Any] = kept
        self.failed: Exception | None = None
        self.broken: Exception | None = None
        self._batch = batch
        self._op = op

    def rows(self, statement: str, parameters: Sequence[Any] = (), /) -> list[tuple[Any, ...]]:
        """Execute a statement; return its rows."""
        try:
            found: list[tuple[Any, ...]] = self._batch.execute(statement, parameters).fetchall()
        except Exception as error:
            self._noted(error)
            raise
        return found

    def many(self, statement: str, rows: Iterable[Sequence[Any]], /) -> None:
        """Execute a statement once for each sequence of parameters."""
        try:
            self._batch.connection.executemany(statement, rows)
        except Exception as error:
            self._noted(error)
            raise

    def put(self, put: Put, /) -> list[Enqueued] | None:
        """Put jobs; None if there is no room.

        Raises:
            StoreError: no example of the op is like it.
        """
        if (refused := self._op.refused(put)) is not None:
            raise refused
        try:
            return self._batch.put(put)
        except Exception as error:
            self.failed = error
            self._noted(error)
            raise

    def _noted(self, error: Exception) -> None:
        if not is_of_statement(error):
            self.failed = self.broken = error


def is_of_statement(error: Exception) -> bool:
    """Return whether a statement has failed alone, by its values or its text."""
    code = code_of(error)
    return code is None or code == sqlite3.SQLITE_ERROR or is_of_one_op(error)


def run_work(batch: Batch, place: int, op: Within, kept: dict[Any, Any]) -> None:
    """Set the result of an op; undo its work if it raises an error.

    Raises:
        Exception: an error of SQLite that is not of the op alone.
    """
    transaction = SQLiteTransaction(batch, op, kept)

    def work() -> Any:
        found = op.work(transaction)
        if transaction.failed is not None:
            raise transaction.failed
        return found

    def refusal(error: Exception) -> QueueError | None:
        kept.clear()  # the tables that the work has made are gone
        if transaction.broken is None:
            return work_error(error)
        if transaction.broken is error:
            return None
        raise transaction.broken

    batch.alone(place, work, refusal)
