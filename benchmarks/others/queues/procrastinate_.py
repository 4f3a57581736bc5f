"""procrastinate on PostgreSQL, by the calls that its worker makes: defer, fetch, finish."""

from __future__ import annotations

import asyncio
import os
from typing import Any

import procrastinate
from procrastinate.jobs import Status

from benchmarks.queues.driving import POSTGRES, main
from benchmarks.queues.settings import PAYLOAD, Setting

CONNECTIONS = 20
FILL = """
INSERT INTO procrastinate_jobs(queue_name, task_name, args)
SELECT 'bench', 'work', jsonb_build_object('payload', %(payload)s::text) FROM generate_series(1, %(count)s)
"""


class Procrastinate:
    """A pool of connections, shared by the processes."""

    threads = 1

    async def open(self, where: str, setting: Setting) -> None:
        most = max(1, min(setting.clients, CONNECTIONS // setting.processes))
        connector = procrastinate.PsycopgConnector(conninfo=os.environ[POSTGRES], min_size=most, max_size=most)
        self.app = procrastinate.App(connector=connector)
        self.task = self.app.task(work, name="work", queue="bench")
        await self.app.open_async()
        if not await self.app.schema_manager.connector.execute_query_all_async(
            "SELECT 1 FROM pg_tables WHERE tablename = 'procrastinate_jobs'"
        ):
            await self.app.schema_manager.apply_schema_async()
        self.worker = await self.app.job_manager.register_worker()

    async def fill(self, count: int) -> None:
        if count:
            await self.app.connector.execute_query_async(FILL, payload=PAYLOAD, count=count)
            await self.app.connector.execute_query_async("ANALYZE procrastinate_jobs")

    async def put(self, payload: str) -> None:
        await self.task.defer_async(payload=payload)

    async def take(self) -> Any:
        fetch = self.app.job_manager.fetch_job
        while (job := await fetch(queues=["bench"], worker_id=self.worker)) is None:  # noqa: ASYNC110
            await asyncio.sleep(0.001)
        return job

    async def done(self, job: Any) -> None:
        await self.app.job_manager.finish_job(job, Status.SUCCEEDED, delete_job=True)

    async def close(self) -> None:
        await self.app.close_async()


async def work(payload: str) -> None:
    """The worker's function; the measurement does not call it."""


if __name__ == "__main__":
    main(Procrastinate())
