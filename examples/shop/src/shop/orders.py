"""The table of orders. Placing an order also puts the job of its mail, in the same transaction."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

from shop.mails import Mail, SendMail

PRICES = {"tea": 450, "coffee": 620, "cake": 380}  # cents

TABLE = """
CREATE TABLE IF NOT EXISTS orders(
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    email TEXT NOT NULL,
    item TEXT NOT NULL,
    quantity INTEGER NOT NULL,
    cents INTEGER NOT NULL,
    request_key TEXT UNIQUE,
    placed_at TEXT NOT NULL DEFAULT CURRENT_TIMESTAMP
)"""


@dataclass(frozen=True)
class Order:
    """A row of the table."""

    id: int
    email: str
    item: str
    quantity: int
    cents: int
    placed_at: str

    @property
    def message_id(self) -> str:
        """The idempotency key of the order's mail, and the name of its file."""
        return f"order-{self.id}"


COLUMNS = "id, email, item, quantity, cents, placed_at"


@contextmanager
def connected(database: Path) -> Iterator[sqlite3.Connection]:
    """Return a connection whose commits are safe on the disk, and close it after the block."""
    with closing(sqlite3.connect(database, timeout=5.0, isolation_level=None)) as connection:
        connection.execute("PRAGMA synchronous=FULL")
        yield connection


@contextmanager
def transaction(connection: sqlite3.Connection) -> Iterator[None]:
    """Commit what the block has done, or nothing of it if the block raises."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
    except BaseException:
        connection.execute("ROLLBACK")
        raise
    connection.execute("COMMIT")


def create_table(database: Path) -> None:
    """Make the table of orders, unless it is there."""
    with connected(database) as connection:
        connection.execute(TABLE)


def place(
    database: Path, email: str, item: str, quantity: int, request_key: str | None = None
) -> tuple[Order, bool]:
    """Store an order and the job of its mail: both, or none. When this returns both are safe.

    Args:
        database: the file of orders and jobs.
        email: the address of the customer.
        item: a key of PRICES.
        quantity: how many.
        request_key: names the request. If it comes again, because the customer got no answer, the
            order is not placed a second time.

    Returns:
        The order, and whether it is new.
    """
    with connected(database) as connection, transaction(connection):
        inserted = connection.execute(
            "INSERT INTO orders(email, item, quantity, cents, request_key) VALUES (?, ?, ?, ?, ?)"
            " ON CONFLICT(request_key) DO NOTHING",
            (email, item, quantity, PRICES[item] * quantity, request_key),
        )
        if inserted.rowcount == 0:
            return one(connection, "request_key", request_key), False
        order = one(connection, "id", inserted.lastrowid)
        mail = Mail(
            message_id=order.message_id,
            to=order.email,
            subject=f"Your order {order.id}",
            text=f"Thank you for your order: {quantity} x {item}, {order.cents / 100:.2f} EUR.",
        )
        SendMail.put_in(connection, mail, key=order.message_id)
    return order, True


def one(connection: sqlite3.Connection, column: str, value: object) -> Order:
    """Return the order with this value in a unique column, "id" or "request_key"."""
    row = connection.execute(f"SELECT {COLUMNS} FROM orders WHERE {column}=?", (value,)).fetchone()
    return Order(*row)


def newest(database: Path, count: int = 20) -> list[Order]:
    """Return the last orders, the newest first."""
    with connected(database) as connection:
        rows = connection.execute(
            f"SELECT {COLUMNS} FROM orders ORDER BY id DESC LIMIT ?", (count,)
        ).fetchall()
    return [Order(*row) for row in rows]


def total(database: Path, day: str = "") -> tuple[int, int]:
    """Return the number of orders and their cents, of a day such as "2027-01-04", or of all."""
    with connected(database) as connection:
        row = connection.execute(
            "SELECT count(*), coalesce(sum(cents), 0) FROM orders WHERE placed_at LIKE ? || '%'",
            (day,),
        ).fetchone()
    return int(row[0]), int(row[1])
