"""A connection of apsw with the methods of `sqlite3.Connection` that a store uses, for a VFS and for changed statements."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, Final

import apsw

Row = tuple[Any, ...]
Rewrite = Callable[[str], str | None]

INTEGRITY: Final = (apsw.SQLITE_CONSTRAINT,)
DATABASE: Final = (apsw.SQLITE_CORRUPT, apsw.SQLITE_NOTADB)


class Cursor:
    """The rows of a statement that has ended."""

    def __init__(self, rows: list[Row], rowcount: int) -> None:
        self.rows = rows
        self.next = 0
        self.rowcount = rowcount

    def fetchone(self) -> Row | None:
        if self.next >= len(self.rows):
            return None
        self.next += 1
        return self.rows[self.next - 1]

    def fetchall(self) -> list[Row]:
        rows, self.next = self.rows[self.next :], len(self.rows)
        return rows

    def __iter__(self) -> Iterator[Row]:
        return iter(self.fetchall())


class Connection:
    """A connection of apsw.

    Args:
        path: the file.
        vfs: the name of the VFS; None for that of the system.
        rewrite: gets each statement, and returns the one that is executed instead, or None for none.
        checkpoint: pages of the WAL after which SQLite writes them to the database file.
    """

    def __init__(
        self, path: str, *, vfs: str | None = None, rewrite: Rewrite | None = None, checkpoint: int | None = None
    ) -> None:
        with Errors():
            self.inner: Any = apsw.Connection(path, vfs=vfs)
        self.rewrite = rewrite
        self.checkpoint = checkpoint
        if checkpoint is not None:
            self.inner.wal_autocheckpoint(checkpoint)

    @property
    def in_transaction(self) -> bool:
        return bool(self.inner.in_transaction)

    def execute(self, sql: str, parameters: Sequence[Any] = ()) -> Cursor:
        if self.checkpoint is not None and "wal_autocheckpoint" in sql.lower():
            return Cursor([], -1)
        changed = sql if self.rewrite is None else self.rewrite(sql)
        if changed is None:
            return Cursor([], -1)
        with Errors():
            before = self.inner.total_changes()
            rows: list[Row] = list(self.inner.execute(changed, tuple(parameters)))
            return Cursor(rows, self.inner.total_changes() - before)

    def executemany(self, sql: str, rows: Iterable[Sequence[Any]]) -> Cursor:
        count = 0
        for row in rows:
            count += self.execute(sql, row).rowcount
        return Cursor([], count)

    def commit(self) -> None:
        if self.in_transaction:
            self.execute("COMMIT")

    def rollback(self) -> None:
        if self.in_transaction:
            self.execute("ROLLBACK")

    def close(self) -> None:
        # SQLite itself ignores that its last checkpoint fails.
        with contextlib.suppress(apsw.FullError, apsw.IOError):
            self.inner.close()


class Errors:
    """Raises the errors of apsw as those of sqlite3."""

    def __enter__(self) -> None: ...

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        if isinstance(error, apsw.Error):
            code: int = getattr(error, "extendedresult", getattr(error, "result", apsw.SQLITE_ERROR))
            primary = code & 0xFF
            text = str(error) or str(apsw.mapping_result_codes[primary])
            if primary in INTEGRITY:
                new: sqlite3.Error = sqlite3.IntegrityError(text)
            elif primary in DATABASE:
                new = sqlite3.DatabaseError(text)
            else:
                new = sqlite3.OperationalError(text)
            new.sqlite_errorcode = code
            new.sqlite_errorname = str(apsw.mapping_result_codes[primary])
            raise new from error
