"""Connections to PostgreSQL: psycopg on first use, settings of the session, errors without passwords."""

from __future__ import annotations

import re
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final

from regrow.servers.queue.errors import StoreBusy, StoreError, StoreFull, StoreReadOnly

if TYPE_CHECKING:
    import psycopg

    Connection = psycopg.Connection[tuple[Any, ...]]

CHANNEL: Final = "regrow_queue"
OLDEST_SERVER: Final = 120_000  # of PostgreSQL: MATERIALIZED
BUSY: Final = 5.0  # seconds that a statement waits for the locks of others
FORM: Final = "'host=… dbname=… user=…' or 'postgresql://user@host/dbname'"

# A server that is gone is noticed within a minute, also by a connection that waits for it.
PATIENCE: Final[dict[str, Any]] = {
    "connect_timeout": 5,
    "keepalives_idle": 20,
    "keepalives_interval": 5,
    "keepalives_count": 4,
    "tcp_user_timeout": 30_000,
}

# "remote_apply" waits for more than "on" does. "local" and less may lose a commit that was acknowledged.
SESSION: Final = """SELECT set_config('synchronous_commit',
        CASE current_setting('synchronous_commit') WHEN 'remote_apply' THEN 'remote_apply' ELSE 'on' END, false),
    set_config('default_transaction_isolation', 'read committed', false),
    set_config('lock_timeout', %s, false), set_config('statement_timeout', '0', false),
    set_config('idle_in_transaction_session_timeout', '60000', false)"""


def load() -> Any:
    """Return psycopg.

    Raises:
        StoreError: it is not installed.
    """
    try:
        import psycopg
    except ImportError as error:
        raise StoreError(
            f"the PostgreSQL store needs psycopg, which cannot be loaded ({error}); pip install 'regrow[postgres]'"
        ) from error
    return psycopg


def public_parts(conninfo: str) -> dict[str, Any]:
    """Return the parts of a conninfo that may be shown.

    Raises:
        StoreError: it cannot be read.
    """
    from psycopg.conninfo import conninfo_to_dict

    try:
        parts = conninfo_to_dict(conninfo)
    except (load().Error, ValueError):
        # The text of the error repeats the conninfo, and the password in it.
        raise StoreError(f"Postgres(conninfo): it cannot be read; wanted {FORM}") from None
    return {name: value for name, value in parts.items() if "password" not in name}


def connect(conninfo: str, **settings: Any) -> Connection:
    """Open a connection in autocommit mode, whose commits are synced.

    Raises:
        StoreError: the server refuses it, or does not answer; the text has no password.
    """
    psycopg = load()
    parts = public_parts(conninfo)
    defaults = {name: value for name, value in PATIENCE.items() if name not in parts}
    defaults |= {"application_name": parts.get("application_name", "regrow.queue"), "client_encoding": "utf8"}
    try:
        connection: Connection = psycopg.connect(conninfo, autocommit=True, **defaults, **settings)
    except (psycopg.Error, OSError, ValueError) as error:
        where = ", ".join(f"{name}={parts[name]}" for name in ("host", "port", "dbname", "user") if name in parts)
        text = without_password(one_line(error), conninfo)
        raise StoreError(f"PostgreSQL ({where or 'the default server'}) cannot be reached: {text}") from None
    try:
        connection.execute(SESSION, (f"{round(BUSY * 1000)}ms",))
    except psycopg.Error as error:
        connection.close()
        raise as_store_error(error) from error
    return connection


def without_password(text: str, conninfo: str) -> str:
    """Return a text in which the passwords of a conninfo are replaced by stars."""
    from psycopg.conninfo import conninfo_to_dict

    with suppress(Exception):  # what cannot be parsed has been reported without its text
        for name, value in conninfo_to_dict(conninfo).items():
            if "password" in name and value:
                text = text.replace(str(value), "***")
    return text


def one_line(error: BaseException) -> str:
    """Return the text of an error in one line."""
    return re.sub(r"\s+", " ", str(error)).strip() or type(error).__name__


def as_store_error(error: Exception) -> StoreError:
    """Return what the caller of a store gets for an error of psycopg."""
    text = one_line(error)
    match getattr(error, "sqlstate", None):
        case "53100":
            return StoreFull(f"the disk of the PostgreSQL server is full: {text}")
        case "55P03" | "57014":
            return StoreBusy(
                f"PostgreSQL: another transaction has held a lock of the queue for {BUSY:g} seconds: {text}; "
                "if it is one that has put a job, commit it sooner"
            )
        case "40P01" | "40001" | "23505":
            return StoreBusy(f"PostgreSQL: other transactions were in the way of each attempt: {text}")
        case "25006":
            return StoreReadOnly(f"the PostgreSQL server accepts no writes: {text}")
        case "42501":
            return StoreReadOnly(f"PostgreSQL: the role may not write to the tables of the queue: {text}")
        case None:
            return StoreError(f"the connection to PostgreSQL is lost: {text}")
        case state:
            return StoreError(f"PostgreSQL ({state}): {text}")


def is_worth_another_try(error: Exception) -> bool:
    """Return whether a transaction failed only because of another one: a deadlock, or two at once on one group."""
    return getattr(error, "sqlstate", None) in {"40P01", "40001", "23505"}


def is_of_one_op(error: Exception) -> bool:
    """Return whether an op itself is at fault: a value that PostgreSQL does not store."""
    state = getattr(error, "sqlstate", None) or ""
    psycopg = load()
    return (
        isinstance(error, (psycopg.DataError, psycopg.IntegrityError, UnicodeError, OverflowError))
        or state.startswith(("22", "23", "54"))
    ) and state != "23505"


class Listener:
    """The second connection, on which other processes' commits are noticed.

    Args:
        conninfo: as of the store.
        schema: notifications of the tables in other schemas do not count,
        own: nor do those of the server's process with this number, which is that of the store's other connection.
    """

    def __init__(self, conninfo: str, schema: str, own: int) -> None:
        self.prefix: bytes = f"{schema}.".encode()
        self.own = own
        self.connection: Connection = connect(conninfo)
        self.connection.execute(f"LISTEN {CHANNEL}")

    def heard(self) -> bool:
        """Return whether another process has notified since the last call; never waits.

        Raises:
            psycopg.Error: the connection is lost.
        """
        pgconn = self.connection.pgconn
        pgconn.consume_input()
        found = False
        while (notify := pgconn.notifies()) is not None:
            found = found or (notify.be_pid != self.own and notify.extra.startswith(self.prefix))
        return found

    def close(self) -> None:
        """Close the connection that listens."""
        self.connection.close()
