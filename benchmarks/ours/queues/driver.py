"""The driver that all stores share: a broker under a supervisor, and one queue."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any

import regrow
from benchmarks.queues.driving import main
from benchmarks.queues.settings import PAYLOAD, Setting
from regrow import Supervisor
from regrow.queue import Broker, Enqueued, Job, Queue

BATCH = 1_000


class Regrow:
    """A queue of strings.

    Attributes:
        store: makes the store for a folder.
    """

    threads = 1

    def __init__(self, store: Callable[[str], Any]) -> None:
        self.store = store
        self.queue = Queue[str]("bench")

    async def open(self, where: str, setting: Setting) -> None:
        """Start the broker."""
        self.supervisor = await Supervisor.start_link([Broker.child_spec(self.store(where))])

    async def fill(self, count: int) -> None:
        """Put jobs in batches."""
        for begin in range(0, count, BATCH):
            await self.queue.put_many([PAYLOAD] * min(BATCH, count - begin))

    async def put(self, payload: str) -> Enqueued:
        """Put one job."""
        return await self.queue.put(payload)

    async def take(self) -> Job[str]:
        """Claim the next job."""
        return await self.queue.get()

    async def done(self, job: Job[str]) -> None:
        """Acknowledge it."""
        await job.ack()

    async def close(self) -> None:
        """Stop the broker."""
        await Supervisor.stop(self.supervisor)


def run(function: Callable[[], Coroutine[Any, Any, Any]]) -> Any:
    """Run the clients as the main process of a program."""
    return regrow.run(function)


def measure(store: Callable[[str], Any]) -> None:
    """Run the driver's program."""
    main(Regrow(store), run)
