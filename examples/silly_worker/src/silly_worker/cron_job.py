"""A server that does one job over and over."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from regrow import CastReturn, GenServer, NoClause, NoReply, Ok, process


@dataclass(frozen=True)
class Job:
    """A function, its arguments, and the seconds from the end of a run to the next start."""

    function: Callable[..., object]
    args: Sequence[Any]
    interval: float


class CronJob(GenServer[Job]):
    """A server that does its job, waits, and does it again.

    The next run is scheduled when the work is done. Each round takes the interval plus the work,
    so the times drift.
    """

    def init(self, job: Job) -> Ok[Job]:
        """Schedule the first run."""
        self.schedule_work(job)
        return Ok(job)

    def handle_info(self, message: object, job: Job) -> CastReturn[Job]:
        """Do the work, and schedule the next run."""
        match message:
            case "perform_job":
                job.function(*job.args)
                self.schedule_work(job)
                return NoReply(job)
        raise NoClause(message)

    def schedule_work(self, job: Job) -> None:
        """Schedule the next run."""
        process.send_after(process.current(), "perform_job", job.interval)
