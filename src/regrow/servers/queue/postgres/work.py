"""Other work in a transaction of the PostgreSQL store.

A work writes `?` for a parameter and plain names of tables, so that SQLite takes the same statement.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from copy import deepcopy
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final, Literal

from regrow.servers.queue.errors import QueueError, work_error
from regrow.servers.queue.job import Enqueued
from regrow.servers.queue.ops import Put, Within
from regrow.servers.queue.postgres.connection import as_store_error, is_of_one_op, load
from regrow.servers.queue.postgres.puts import Changes, Steps, problem, put_steps
from regrow.servers.queue.postgres.sql import Statements
from regrow.servers.queue.store import Clocks, Times

if TYPE_CHECKING:
    from regrow.servers.queue.postgres.connection import Connection

# Texts and quoted names stay as they are. A name before a point is that of a column's table, which needs no schema.
TOKEN: Final = re.compile(
    r"""(?P<quoted>'[^']*'|"[^"]*")|(?P<parameter>\?)
    |(?P<before>\b(?:FROM|INTO|JOIN|UPDATE|TABLE|EXISTS|ON)\s+)(?P<table>regrow_\w+)\b(?!\s*\.)""",
    re.VERBOSE | re.IGNORECASE,
)


@lru_cache(maxsize=512)
def translated(statement: str, schema: str) -> bytes:
    """Return a work's statement for PostgreSQL; `schema` is quoted."""

    def replaced(found: re.Match[str]) -> str:
        if found["parameter"]:
            return "%s"
        return found["quoted"] or f"{found['before']}{schema}.{found['table']}"

    return TOKEN.sub(replaced, statement.replace("%", "%%")).encode()


class Works:
    """The works of one batch."""

    def __init__(
        self,
        connection: Connection,
        sql: Statements,
        clocks: Clocks,
        changes: Changes,
        kept: dict[Any, Any],
    ) -> None:
        self.connection: Final = connection
        self.sql: Final = sql
        self.clocks: Final = clocks
        self.changes: Final = changes
        self.kept: Final = kept
        self.schema: Final[str] = sql.quoted_schema.decode()
        self.server_now: float | None = None

    def run(self, op: Within) -> Any:
        """Return what the work returns; the error that it fails with, after it was undone.

        Raises:
            psycopg.Error: an error that is not of the op alone.
        """
        transaction = PostgresTransaction(self, op)
        before = deepcopy(self.changes)
        try:
            with self.connection.transaction():
                found = op.work(transaction)
                if transaction.failed is not None:
                    raise transaction.failed
                return found
        except Exception as error:
            if transaction.broken is not None:
                raise transaction.broken from None
            if not self.is_of_one_work(error):
                raise
            self.kept.clear()  # the tables that the work has made are gone
            vars(self.changes).update(vars(before))
            return self.refusal(error)

    def is_of_one_work(self, error: Exception) -> bool:
        """Return whether a statement, or the work itself, has failed alone."""
        if self.connection.closed or self.connection.broken:
            return False
        psycopg = load()
        alone = (psycopg.DataError, psycopg.IntegrityError, psycopg.ProgrammingError, psycopg.NotSupportedError)
        return not isinstance(error, psycopg.Error) or isinstance(error, alone) or is_of_one_op(error)

    def refusal(self, error: Exception) -> QueueError:
        """Return the result of an op whose work has raised an error."""
        if not isinstance(error, load().Error) or isinstance(error, load().IntegrityError):
            return work_error(error)
        found = as_store_error(error)
        found.__cause__ = error
        return found


class PostgresTransaction:
    """The transaction of a PostgreSQL store, as a work sees it.

    Attributes:
        failed: an error with which the op fails, whatever the work makes of it: the server refuses what follows.
        broken: one that is of the whole batch.
    """

    dialect: Literal["postgres"] = "postgres"
    one_machine = False

    def __init__(self, works: Works, op: Within) -> None:
        self.times: Times = works.clocks()
        self.kept: dict[Any, Any] = works.kept
        self.failed: Exception | None = None
        self.broken: Exception | None = None
        self._works = works
        self._op = op

    @property
    def lease_now(self) -> float:
        """The time by the server's clock, in Unix seconds; one reading for the works of a batch."""
        found = self._works.server_now
        if found is None:
            ((found,),) = self._execute(self._works.sql.now, None)
            self._works.server_now = found
        return found

    def rows(self, statement: str, parameters: Sequence[Any] = (), /) -> list[tuple[Any, ...]]:
        """Execute a statement; return its rows."""
        return self._execute(translated(statement, self._works.schema), parameters)

    def _execute(self, statement: bytes, parameters: Sequence[Any] | None) -> list[tuple[Any, ...]]:
        try:
            cursor = self._works.connection.execute(statement, parameters)
            return cursor.fetchall() if cursor.description is not None else []
        except Exception as error:
            self._noted(error)
            raise

    def many(self, statement: str, rows: Iterable[Sequence[Any]], /) -> None:
        """Execute a statement once for each sequence of parameters."""
        try:
            with self._works.connection.cursor() as cursor:
                cursor.executemany(translated(statement, self._works.schema), rows)
        except Exception as error:
            self._noted(error)
            raise

    def put(self, put: Put, /) -> list[Enqueued] | None:
        """Put jobs; None if there is no room.

        Raises:
            StoreError: no example of the op is like it, or PostgreSQL cannot store it.
        """
        if (refused := self._op.refused(put)) is not None:
            raise refused
        try:
            if (refused := problem(put)) is not None:
                raise refused
            results: list[list[Enqueued] | None] = self._drive(put_steps(self._works.sql, [put], self._works.changes))
        except Exception as error:
            self.failed = error
            if getattr(error, "sqlstate", None) == "23505":  # another transaction was faster
                self.broken = error
            raise
        return results[0]

    def _drive(self, steps: Steps) -> Any:
        rows: Any = None
        try:
            while True:
                statement, parameters = steps.send(rows)
                rows = self._execute(statement, parameters or None)
        except StopIteration as end:
            return end.value

    def _noted(self, error: Exception) -> None:
        self.failed = error
        if not self._works.is_of_one_work(error):
            self.broken = error
