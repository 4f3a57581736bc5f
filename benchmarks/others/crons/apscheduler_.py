"""APScheduler 3: `python -m benchmarks.others.crons.apscheduler_ loop|threads|sqlalchemy at|cron|every 10000`."""

from __future__ import annotations

import asyncio
import os
import tempfile
import time
from importlib import import_module
from typing import Any

from apscheduler.executors.pool import ThreadPoolExecutor
from apscheduler.jobstores.sqlalchemy import SQLAlchemyJobStore
from apscheduler.schedulers.asyncio import AsyncIOScheduler
from apscheduler.schedulers.background import BackgroundScheduler
from apscheduler.triggers.cron import CronTrigger
from apscheduler.triggers.date import DateTrigger
from apscheduler.triggers.interval import IntervalTrigger

from benchmarks.crons.due import Due, arguments

LEADS = {"loop": 6.0, "threads": 6.0, "sqlalchemy": 60.0}
DUE: list[Due] = []  # a job in a store is found by its name, and has no closure


def trigger(due: Due, case: str) -> Any:
    """Return a trigger with its first run at the moment."""
    date = due.date
    match case:
        case "at":
            return DateTrigger(date)
        case "cron":
            return CronTrigger(second=date.second, minute=date.minute, hour=date.hour, timezone="UTC")
        case _:
            return IntervalTrigger(days=1, start_date=date)


async def begin() -> None:
    """Begin in the event loop."""
    DUE[0].note()


def begin_in_thread() -> None:
    """Begin in a thread."""
    DUE[0].note()


def fill(scheduler: Any, function: Any, case: str, count: int) -> None:
    """Add the jobs."""
    for n in range(count):
        scheduler.add_job(function, trigger(DUE[0], case), id=f"job-{n}", misfire_grace_time=None, coalesce=True)


async def in_loop(stores: dict[str, Any], case: str, count: int) -> None:
    """Run all jobs in the event loop."""
    scheduler = AsyncIOScheduler(timezone="UTC", jobstores=stores)
    fill(scheduler, begin, case, count)
    scheduler.start()
    while len(DUE[0].late) < count:  # noqa: ASYNC110 (a look now and then costs the jobs nothing)
        await asyncio.sleep(0.5)
    scheduler.shutdown(wait=False)


def in_threads(case: str, count: int) -> None:
    """Run all jobs in 32 threads."""
    scheduler = BackgroundScheduler(timezone="UTC", executors={"default": ThreadPoolExecutor(32)})
    fill(scheduler, begin_in_thread, case, count)
    scheduler.start()
    while len(DUE[0].late) < count:
        time.sleep(0.5)
    scheduler.shutdown(wait=False)


def main() -> None:
    """Let all jobs run once."""
    kind, case, count = arguments()
    DUE.append(Due(count, LEADS[kind]))
    if kind == "threads":
        in_threads(case, count)
    else:
        with tempfile.TemporaryDirectory(dir=os.environ.get("BENCH_FOLDER")) as folder:
            stores: dict[str, Any] = {}
            if kind == "sqlalchemy":
                stores = {"default": SQLAlchemyJobStore(f"sqlite:///{folder}/jobs.db")}
            asyncio.run(in_loop(stores, case, count))
    DUE[0].report()


if __name__ == "__main__":
    # Under the module's name: SQLAlchemyJobStore refers to functions by it.
    import_module("benchmarks.others.crons.apscheduler_").main()
