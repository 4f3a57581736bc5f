"""persist-queue's SQLiteAckQueue. It is for the threads of one process: two would take a job at the same time."""

from __future__ import annotations

import pickle
import warnings
from typing import Any

from persistqueue import SQLiteAckQueue

from benchmarks.queues.driving import main
from benchmarks.queues.settings import PAYLOAD, Setting

FILL = """
WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?)
INSERT INTO {table} (data, timestamp, status) SELECT ?, 0.0, 0 FROM n
"""
CLEAR = 1_000  # acknowledged rows stay until they are cleared


class PersistQueue:
    """One queue for all threads."""

    threads = 100

    def open(self, where: str, setting: Setting) -> None:
        self.where = where
        self.queue = SQLiteAckQueue(where, multithreading=True)
        self.count = 0

    def fill(self, count: int) -> None:
        if count:
            with self.queue._putter as connection:  # noqa: SLF001
                connection.execute(FILL.format(table="ack_queue_default"), (count, pickle.dumps(PAYLOAD)))
            self.queue.total += count

    def put(self, payload: str) -> None:
        self.queue.put(payload)

    def take(self) -> Any:
        return self.queue.get(raw=True)

    def done(self, job: Any) -> None:
        self.queue.ack(id=job["pqid"])
        self.count += 1
        if self.count % CLEAR == 0:
            self.queue.clear_acked_data(max_delete=CLEAR, keep_latest=0)

    def close(self) -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            self.queue.close()


if __name__ == "__main__":
    main(PersistQueue())
