"""A durable queue of jobs inside the application, under its supervision tree, with SQLite as the default store.

    your program                 the broker                        the store
    ------------                 ----------                        ---------
    SendEmail.put(email) ----->  collects all that waits  ----->   one commit
                         <-----  when it is on the disk   <-----
    SendEmail.perform(job) <---  claims a job             ----->   a lease
      returns            ----->  acknowledges it          ----->   gone
      raises             ----->  tries it again later     ----->   delayed, or dead at the last attempt

A job that `put` has acknowledged is performed at least once, also after a crash of the program or of the machine.
A worker class or a `@job` function is a queue, with one payload type from `put` to `perform`. `Queue` is one by hand.

    >>> class Greet(Worker[str], attempts=3):
    ...     async def perform(self, job):
    ...         print("Hello,", job.payload)
    >>> @job(timeout=30.0)
    ... def add(a: int, b: int) -> None:
    ...     print(a + b)
    >>> async def main():
    ...     numbers = Queue[int]("numbers")
    ...     await Broker.start_link(Memory(), workers=[Greet, add])
    ...     await Greet.put("Ann")
    ...     await add.put(20, b=22)
    ...     await numbers.put(1, delay=0.5)
    ...     got = await numbers.get()
    ...     await got.ack()
    ...     return got.payload, await numbers.size()
    >>> import regrow
    >>> regrow.run(main)
    Hello, Ann
    42
    (1, 0)
"""

from regrow.servers.queue.broker import Broker
from regrow.servers.queue.current import current
from regrow.servers.queue.errors import (
    Empty,
    Full,
    LeaseLost,
    PayloadError,
    QueueError,
    StoreBusy,
    StoreDamaged,
    StoreError,
    StoreForeign,
    StoreFull,
    StoreNewer,
    StoreNotLocal,
    StoreReadOnly,
)
from regrow.servers.queue.function import JobFunction, job
from regrow.servers.queue.job import DeadJob, Enqueued, Job, JobError, PutOptions, Seconds, Stats
from regrow.servers.queue.memory.store import Memory
from regrow.servers.queue.outcome import Backoff
from regrow.servers.queue.postgres.store import Postgres
from regrow.servers.queue.queue import Queue
from regrow.servers.queue.rate import Rate
from regrow.servers.queue.signals import Discard, Retry, Snooze
from regrow.servers.queue.sqlite.store import SQLite
from regrow.servers.queue.store import Store
from regrow.servers.queue.worker import Worker

__all__ = [
    "Broker",
    "Worker",
    "job",
    "JobFunction",
    "Queue",
    "Job",
    "Enqueued",
    "PutOptions",
    "Seconds",
    "Retry",
    "Snooze",
    "Discard",
    "current",
    "Backoff",
    "Rate",
    "Stats",
    "DeadJob",
    "JobError",
    "SQLite",
    "Memory",
    "Postgres",
    "Store",
    "QueueError",
    "Full",
    "Empty",
    "LeaseLost",
    "PayloadError",
    "StoreError",
    "StoreBusy",
    "StoreFull",
    "StoreReadOnly",
    "StoreDamaged",
    "StoreForeign",
    "StoreNewer",
    "StoreNotLocal",
]
