"""A connection to SQLite, as the store uses it: few methods, so that a test may give one of another library.

result of SQLite                 here
----------------                 ----
FULL                             StoreFull
BUSY, LOCKED, PROTOCOL           StoreBusy
READONLY                         StoreReadOnly
CORRUPT                          StoreDamaged
NOTADB                           StoreForeign
CANTOPEN                         StoreReadOnly if the file or its folder is not writable, else StoreError
CONSTRAINT, TOOBIG, MISMATCH,    StoreError of one op
RANGE, and a value that
cannot be bound
any other                        StoreError, and the store must be opened again
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, Final, Protocol

from regrow.servers.queue.errors import (
    StoreBusy,
    StoreDamaged,
    StoreError,
    StoreForeign,
    StoreFull,
    StoreReadOnly,
)
from regrow.servers.queue.sqlite.files import is_writable

Row = tuple[Any, ...]


class Cursor(Protocol):
    """The rows of a statement."""

    def fetchone(self) -> Any:
        """Return the next row, or None."""

    def fetchall(self) -> Any:
        """Return all rows that are left."""


class Connection(Protocol):
    """The methods of a connection that a store uses. It is in autocommit mode, and has no busy handler."""

    @property
    def in_transaction(self) -> bool:
        """Whether a transaction is open."""
        ...

    def execute(self, sql: str, parameters: Sequence[Any] = (), /) -> Cursor:
        """Run a statement with these parameters."""
        ...

    def executemany(self, sql: str, parameters: Iterable[Sequence[Any]], /) -> Any:
        """Run a statement once for each sequence of parameters."""

    def close(self) -> None:
        """Close the connection, and checkpoint if it is the last."""


Connect = Callable[[str], Any]

FULL: Final = sqlite3.SQLITE_FULL
WAITS: Final = frozenset({sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_PROTOCOL})
ONE_OP: Final = frozenset(
    {sqlite3.SQLITE_CONSTRAINT, sqlite3.SQLITE_TOOBIG, sqlite3.SQLITE_MISMATCH, sqlite3.SQLITE_RANGE}
)
BINDING: Final = (OverflowError, UnicodeError, TypeError, ValueError, sqlite3.InterfaceError, sqlite3.ProgrammingError)
OLDEST: Final = (3, 35, 0)  # the first with RETURNING


def connect(path: str) -> sqlite3.Connection:
    """Return a connection in autocommit mode that never waits for a lock by itself."""
    return sqlite3.connect(path, timeout=0.0, isolation_level=None, check_same_thread=False, cached_statements=256)


def look(path: str) -> sqlite3.Connection:
    """Return a connection that only reads: when it is closed, it leaves a log as it is."""
    return sqlite3.connect(f"{Path(path).as_uri()}?mode=ro", uri=True, timeout=0.0, isolation_level=None)


def code_of(error: BaseException) -> int | None:
    """Return SQLite's primary result code of an error of `sqlite3` or apsw; None for other errors."""
    for name in ("sqlite_errorcode", "extendedresult", "result"):
        code = getattr(error, name, None)
        if isinstance(code, int):
            return code & 0xFF
    return None


def must_wait(error: BaseException) -> bool:
    """Return whether another connection holds a lock that the statement needs."""
    return code_of(error) in WAITS


def is_of_one_op(error: BaseException) -> bool:
    """Return whether the statement alone failed, by its values, so that the transaction may go on."""
    code = code_of(error)
    return code in ONE_OP or (code is None and isinstance(error, BINDING))


def store_error(error: Exception, path: str) -> StoreError:
    """Return the error of the queue for one of SQLite, whose cause it is."""
    found = _store_error(error, path)
    found.__cause__ = error
    return found


def _store_error(error: Exception, path: str) -> StoreError:
    match code_of(error):
        case sqlite3.SQLITE_FULL:
            return StoreFull(f"{path}: the disk is full: {error}. Free space there; the queue then goes on by itself")
        case code if code in WAITS:
            return StoreBusy(f"{path}: another connection holds a lock: {error}")
        case sqlite3.SQLITE_READONLY:
            return StoreReadOnly(f"{path}: cannot be written: {error}")
        case sqlite3.SQLITE_CORRUPT:
            return damaged(path, str(error))
        case sqlite3.SQLITE_NOTADB:
            return StoreForeign(
                f"{path}: is no SQLite database, or its first page is destroyed ({error}). "
                "Nothing was written to it. Give another path, or restore a backup"
            )
        case sqlite3.SQLITE_CANTOPEN if not is_writable(path):
            return StoreReadOnly(f"{path}: the file or its folder cannot be written: {error}")
        case _:
            return StoreError(f"{path}: {type(error).__name__}: {error}")


def damaged(path: str, what: str) -> StoreDamaged:
    """Return the error of a damaged file, with what can be done."""
    return StoreDamaged(
        f"{path}: the file is damaged: {what}. Restore a copy that `Broker.backup` or `regrow queue backup` wrote, "
        f"or save what is readable with SQLite's shell: sqlite3 {path} .recover | sqlite3 recovered.db"
    )
