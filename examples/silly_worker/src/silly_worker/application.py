"""The supervision tree of silly_worker."""

from typing import Any

from regrow import Application, Pid, Supervisor

from silly_worker import do_work
from silly_worker.cron_job import CronJob, Job
from silly_worker.simple_queue import SimpleQueue


class SillyWorker(Application):
    """The application that `regrow run` starts."""

    async def start(self, start_type: str, args: Any) -> Pid:
        """Start the supervisor, which starts its children in this order."""
        children: list[Any] = [
            (SimpleQueue, [1, 2, 3]),
            (CronJob, Job(do_work, ["Job Number 1"], interval=1.0)),
        ]
        return await Supervisor.start_link(
            children,
            strategy="one_for_one",
            name="silly_worker.supervisor",
        )
