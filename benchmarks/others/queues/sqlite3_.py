"""One commit an operation, with the standard library: the floor that a durable queue is measured against."""

from __future__ import annotations

import sqlite3
import threading
import time
from typing import Any

from benchmarks.others.queues.statements import DONE, FILL, LEASE, OPEN, PUT, TAKE
from benchmarks.queues.driving import main
from benchmarks.queues.settings import PAYLOAD, Setting


class OneCommit:
    """A connection, and a lock around it."""

    threads = 100

    def open(self, where: str, setting: Setting) -> None:
        self.lock = threading.Lock()
        self.connection = sqlite3.connect(f"{where}/jobs.db", isolation_level=None, check_same_thread=False, timeout=30)
        self.connection.executescript(OPEN)

    def fill(self, count: int) -> None:
        if count:
            self.connection.execute(FILL, (count, PAYLOAD))

    def put(self, payload: str) -> None:
        with self.lock:
            self.connection.execute(PUT, (payload,))

    def take(self) -> Any:
        while True:
            with self.lock:
                found = self.connection.execute(TAKE, (time.time() + LEASE,)).fetchall()
            if found:
                return found[0]

    def done(self, job: Any) -> None:
        with self.lock:
            self.connection.execute(DONE, (job[0],))

    def close(self) -> None:
        self.connection.close()


if __name__ == "__main__":
    main(OneCommit())
