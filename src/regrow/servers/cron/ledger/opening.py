"""The tables of a ledger in a transaction: made when they are first written, and never by a reader."""

from __future__ import annotations

from typing import Final

from regrow.servers.cron.ledger import sql
from regrow.servers.cron.ledger.memory_tables import Ledger, MemoryTables
from regrow.servers.cron.ledger.sql_tables import SqlTables
from regrow.servers.cron.ledger.tables import Tables
from regrow.servers.queue.errors import StoreError, StoreNewer
from regrow.servers.queue.ops import Transaction

NOTE: Final = sql.VERSION_KEY  # in `kept`: the tables have this program's version
NEWEST: Final = len(sql.MIGRATIONS)


def tables_of(transaction: Transaction, ledger: str) -> Tables:
    """Return the tables of a ledger, which are made or migrated if necessary.

    Raises:
        StoreNewer: a newer regrow wrote the tables.
        StoreError: the tables cannot be made.
    """
    if transaction.dialect == "memory":
        return MemoryTables(transaction, transaction.kept.setdefault(("cron", ledger), Ledger()))
    if NOTE not in transaction.kept:
        if _version(transaction) < NEWEST:
            _migrate(transaction)
        transaction.kept[NOTE] = NEWEST
    return SqlTables(transaction, ledger)


def existing_tables(transaction: Transaction, ledger: str) -> Tables | None:
    """Return the tables of a ledger; None if there are none. Nothing is written.

    Raises:
        StoreNewer: a newer regrow wrote the tables.
        StoreError: an older one did, and no Cron of this version has migrated them yet.
    """
    if transaction.dialect == "memory":
        rows = transaction.kept.get(("cron", ledger))
        return None if rows is None else MemoryTables(transaction, rows)
    if NOTE not in transaction.kept:
        version = _version(transaction)
        if version == 0:
            return None
        if version < NEWEST:
            raise StoreError(
                f"the tables of regrow.cron have version {version}, and this regrow needs {NEWEST}; start its Cron, "
                "which migrates them"
            )
        transaction.kept[NOTE] = NEWEST
    return SqlTables(transaction, ledger)


def _version(transaction: Transaction) -> int:
    """Return the version of the tables; 0 if there are none."""
    rows = transaction.rows(sql.READ_META, (sql.VERSION_KEY,))
    version = int(rows[0][0]) if rows else 0
    if version > NEWEST:
        raise StoreNewer(
            f"a newer regrow wrote the tables of regrow.cron: they have version {version}, this regrow knows {NEWEST}. "
            "Install the newer regrow; nothing was changed"
        )
    return version


def _migrate(transaction: Transaction) -> None:
    """Make the tables, or bring them to the newest version, unless another process has done so meanwhile."""
    if transaction.dialect == "postgres":
        transaction.rows(sql.LOCK, ("regrow.cron migration",))
    text = sql.TEXT[transaction.dialect]
    for statements in sql.MIGRATIONS[_version(transaction) :]:
        for statement in statements:
            transaction.rows(statement.format(text=text))
    transaction.rows(sql.SET_META, (sql.VERSION_KEY, str(NEWEST)))
