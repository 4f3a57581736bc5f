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
from sqlalchemy import create_engine
from sqlalchemy.event import listen

from benchmarks.crons.due import Due, arguments

LEADS = {"loop": 6.0, "threads": 6.0, "sqlalchemy": 30.0}
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


async def in_loop(store: Store | None, case: str, count: int) -> None:
    """Run all jobs in the event loop."""
    scheduler = AsyncIOScheduler(timezone="UTC", jobstores={} if store is None else {"default": store.jobs})
    scheduler.start(paused=True)
    fill(scheduler, begin, case, count)
    if store is not None:
        store.filled()
    scheduler.resume()
    while len(DUE[0].late) < count:  # noqa: ASYNC110 (a look now and then costs the jobs nothing)
        await asyncio.sleep(0.5)
    scheduler.shutdown(wait=False)


class Store:
    """A store of jobs in a file of SQLite, without syncs until it is filled: ten thousand of them take minutes."""

    def __init__(self, path: str) -> None:
        self.engine: Any = create_engine(f"sqlite:///{path}")
        self.syncs = False
        listen(self.engine, "connect", self.connected)
        self.jobs: Any = SQLAlchemyJobStore(engine=self.engine)

    def connected(self, connection: Any, _: Any) -> None:
        """Set how a new connection commits."""
        connection.execute(f"PRAGMA synchronous={'FULL' if self.syncs else 'OFF'}")

    def filled(self) -> None:
        """Let commits be synced from now on, as SQLite does by default."""
        self.syncs = True
        self.engine.dispose()


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
            store = Store(f"{folder}/jobs.db") if kind == "sqlalchemy" else None
            asyncio.run(in_loop(store, case, count))
    DUE[0].report()


if __name__ == "__main__":
    # Under the module's name: SQLAlchemyJobStore refers to functions by it.
    import_module("benchmarks.others.crons.apscheduler_").main()
