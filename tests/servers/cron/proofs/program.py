"""A program with a cron server, which a test kills: python program.py STORE LOG [SCHEMA].

Each run appends a line when it begins and one when it ends. A line is written whole, whatever is killed.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

import regrow
from regrow import Supervisor, process
from regrow.cron import EPOCH, Cron, CronJob, current, every
from regrow.queue import Postgres, SQLite

JOBS = 10
INTERVAL = 0.2  # seconds
WORK = 0.03


def note(log: Path, what: str) -> None:
    """Append a line to the file that all programs of a test share."""
    file = os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    os.write(file, f"{what} {current().key} {current().attempt} {os.getpid()}\n".encode())
    os.close(file)


def jobs(log: Path) -> list[CronJob]:
    """Return the jobs: some in the loop, some in threads."""

    async def work() -> None:
        note(log, "begin")
        await process.sleep(WORK)
        note(log, "end")

    def in_thread() -> None:
        note(log, "begin")
        note(log, "end")

    policies: dict[str, Any] = {"overlap": "allow_all", "catch_up": "run_all"}
    schedule = every(INTERVAL, anchor=EPOCH)
    return [CronJob(work if n % 2 else in_thread, schedule, name=f"job-{n}", **policies) for n in range(JOBS)]


async def main(store: str, log: str, schema: str = "") -> None:
    """Run the jobs until the program is killed."""
    place: Any = Postgres(store, schema=schema) if schema else SQLite(store)
    await Supervisor.start_link([Cron.child_spec(jobs(Path(log)), store=place)])
    print("ready", flush=True)
    await process.receive()


if __name__ == "__main__":
    regrow.run(main, *sys.argv[1:])
