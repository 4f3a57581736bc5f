"""kill -9 in the middle: each order that was answered has one row and its mail."""

import contextlib
import random
import sqlite3
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx

Serve = Callable[..., Any]
KILLS = 2
CUSTOMERS = 4


class Customers:
    """Customers who order without a pause, and repeat a request until it is answered."""

    def __init__(self) -> None:
        self.url = ""
        self.ended = threading.Event()
        self.answered: dict[str, int] = {}  # the key of the request, and the id of the order
        self.threads = [
            threading.Thread(target=self.order, args=(number,)) for number in range(CUSTOMERS)
        ]

    def order(self, customer: int) -> None:
        number = 0
        with httpx.Client(timeout=10.0) as client:
            while not self.ended.is_set():
                number += 1
                key = f"{customer}-{number}"
                while (order := self.ask(client, key)) is None:
                    time.sleep(0.05)
                self.answered[key] = order

    def ask(self, client: httpx.Client, key: str) -> int | None:
        """Return the id of the order; None without an answer."""
        try:
            answer = client.post(
                f"{self.url}/orders",
                json={"email": "ann@example.org", "item": "tea"},
                headers={"Idempotency-Key": key},
            )
        except httpx.TransportError:
            return None
        return int(answer.json()["id"]) if answer.status_code in (200, 201) else None


def test_no_order_that_was_answered_is_lost_by_a_crash(serve: Serve, tmp_path: Path) -> None:
    customers = Customers()
    server = serve(mail_seconds=0.05)
    customers.url = server.url
    for thread in customers.threads:
        thread.start()
    try:
        for _ in range(KILLS):
            before = len(customers.answered)
            server.until(lambda before=before: len(customers.answered) > before + 5)
            time.sleep(random.uniform(0.0, 0.2))
            server.kill()
            server = serve(mail_seconds=0.05)
            customers.url = server.url
    finally:
        customers.ended.set()
        for thread in customers.threads:
            thread.join()
    mails = tmp_path / "mails"
    with contextlib.closing(sqlite3.connect(tmp_path / "shop.db")) as connection:
        rows: list[tuple[str, int]] = connection.execute(
            "SELECT request_key, id FROM orders"
        ).fetchall()
    assert dict(rows) == customers.answered, (
        "each request that was answered is one row, and no other is there"
    )
    assert len(rows) == len(customers.answered) > KILLS * 5
    wanted = {f"order-{number}.txt" for number in customers.answered.values()}
    server.until(lambda: wanted <= {path.name for path in mails.iterdir()})
    with server.client() as client:
        server.until(lambda: set(client.get("/queue").json().values()) == {0, None})
    assert {path.name for path in mails.glob("*.txt")} == wanted, "one mail of each order"
