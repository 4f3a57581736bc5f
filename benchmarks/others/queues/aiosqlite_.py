"""aiosqlite as one would begin: one connection for all, one commit an operation."""

from __future__ import annotations

import time
from typing import Any

import aiosqlite

from benchmarks.others.queues.statements import DONE, FILL, LEASE, OPEN, PUT, TAKE
from benchmarks.queues.driving import main
from benchmarks.queues.settings import PAYLOAD, Setting


class Naive:
    """A connection; aiosqlite gives it a thread."""

    threads = 1

    async def open(self, where: str, setting: Setting) -> None:
        self.connection = await aiosqlite.connect(f"{where}/jobs.db", isolation_level=None, timeout=30)
        await self.connection.executescript(OPEN)

    async def fill(self, count: int) -> None:
        if count:
            await self.connection.execute_insert(FILL, (count, PAYLOAD))

    async def put(self, payload: str) -> None:
        await self.connection.execute_insert(PUT, (payload,))

    async def take(self) -> Any:
        while True:
            found = list(await self.connection.execute_fetchall(TAKE, (time.time() + LEASE,)))
            if found:
                return found[0]

    async def done(self, job: Any) -> None:
        await self.connection.execute_fetchall(DONE, (job[0],))

    async def close(self) -> None:
        await self.connection.close()


if __name__ == "__main__":
    main(Naive())
