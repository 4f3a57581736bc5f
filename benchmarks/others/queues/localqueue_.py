"""localqueue, `DURABLE`: synchronous=FULL. `localqueue_relaxed` has its default, synchronous=NORMAL."""

from __future__ import annotations

from typing import Any

from localqueue import DurabilityMode, SimpleQueue

from benchmarks.queues.driving import main
from benchmarks.queues.settings import PAYLOAD, Setting

BATCH = 10_000


class LocalQueue:
    """One queue for all threads."""

    threads = 100

    def __init__(self, durability: DurabilityMode) -> None:
        self.durability = durability

    def open(self, where: str, setting: Setting) -> None:
        self.queue: SimpleQueue[str] = SimpleQueue(where, durability=self.durability)

    def fill(self, count: int) -> None:
        for begin in range(0, count, BATCH):
            self.queue.put_many([PAYLOAD] * min(BATCH, count - begin))

    def put(self, payload: str) -> None:
        self.queue.put(payload)

    def take(self) -> Any:
        return self.queue.get()

    def done(self, job: Any) -> None:
        self.queue.ack(job)

    def close(self) -> None:
        self.queue.close()


if __name__ == "__main__":
    main(LocalQueue(DurabilityMode.DURABLE))
