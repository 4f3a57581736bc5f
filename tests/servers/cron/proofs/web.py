"""A web application with a cron server, for two workers of uvicorn on one file."""

from __future__ import annotations

import os
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

from fastapi import FastAPI

from regrow import Node, Supervisor, process
from regrow.cron import EPOCH, Cron, CronJob, every
from tests.servers.cron.proofs.program import note

FOLDER = Path(os.environ["CRON_FOLDER"])


async def work() -> None:
    """Note the run, and the worker that has it."""
    note(FOLDER / "log", "begin")


jobs = [
    CronJob(work, every(0.2, anchor=EPOCH), name=f"job-{n}", overlap="allow_all", catch_up="run_all") for n in range(4)
]


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncGenerator[None]:
    """Run the cron server while a worker serves."""
    async with Node(), process.adopt():
        await Supervisor.start_link([Cron.child_spec(jobs, name="cron", store=FOLDER / "app.db")])
        yield


app = FastAPI(lifespan=lifespan)
