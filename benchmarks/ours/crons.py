"""regrow.cron: `python -m benchmarks.ours.crons memory|threads|sqlite at|cron|every 10000`."""

from __future__ import annotations

import os
import tempfile
from typing import Any

import regrow
from benchmarks.crons.due import Due, arguments
from regrow import process
from regrow.cron import Cron, CronJob, Schedule, at, cron, every
from regrow.queue import SQLite


def schedule(due: Due, case: str) -> Schedule:
    """Return a schedule with its first tick at the moment."""
    match case:
        case "at":
            return at(due.date)
        case "cron":
            return cron(due.expression)
        case _:
            return every(86_400, anchor=due.date.replace(day=1, month=1, year=due.date.year - 1))


async def main(kind: str, case: str, count: int) -> None:
    """Let all jobs run once."""
    due = Due(count, 4.0 if kind != "sqlite" else 8.0)

    async def begin() -> None:
        due.note()

    def in_thread() -> None:
        due.note()

    function: Any = in_thread if kind == "threads" else begin
    jobs = [CronJob(function, schedule(due, case), name=f"job-{n}") for n in range(count)]
    with tempfile.TemporaryDirectory(dir=os.environ.get("BENCH_FOLDER")) as folder:
        await Cron.start_link(jobs, store=SQLite(f"{folder}/app.db") if kind == "sqlite" else None)
        while len(due.late) < count:
            await process.sleep(0.5)
    due.report()


if __name__ == "__main__":
    regrow.run(main, *arguments())
