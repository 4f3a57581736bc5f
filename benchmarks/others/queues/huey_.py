"""huey's SQLite store with `fsync=True`. A dequeue deletes the row, so there is nothing to acknowledge."""

from __future__ import annotations

import time
from typing import Any

from huey.storage import SqliteStorage

from benchmarks.queues.driving import main
from benchmarks.queues.settings import PAYLOAD, Setting

FILL = """
WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?)
INSERT INTO task(queue, data, priority) SELECT 'bench', ?, 0 FROM n
"""


class Huey:
    """The store alone; a connection for each thread is its own choice."""

    threads = 100

    def open(self, where: str, setting: Setting) -> None:
        self.storage = SqliteStorage("bench", f"{where}/huey.db", fsync=True, strict_fifo=True, timeout=30)

    def fill(self, count: int) -> None:
        if count:
            self.storage.sql(FILL, (count, PAYLOAD.encode()), commit=True)

    def put(self, payload: str) -> None:
        self.storage.enqueue(payload.encode())

    def take(self) -> Any:
        while (data := self.storage.dequeue()) is None:
            time.sleep(0.001)
        return bytes(data).decode()

    def done(self, job: Any) -> None:
        pass

    def close(self) -> None:
        self.storage.close()


if __name__ == "__main__":
    main(Huey())
