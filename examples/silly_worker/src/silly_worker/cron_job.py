"""A server that does one job over and over."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from regrow import CastReturn, GenServer, NoClause, NoReply, Ok, process


@dataclass(frozen=True)
class Job:
    """What to do, with what, and how many seconds lie between the end of one time and the next."""

    function: Callable[..., object]
    args: Sequence[Any]
    interval: float


class CronJob(GenServer[Job]):
    """Does its job, then waits, then does it again.

    The next time is set when the work is done, so each round takes the interval and the work:
    the times drift.
    """

    def init(self, job: Job) -> Ok[Job]:
        """Set the first time."""
        self.schedule_work(job)
        return Ok(job)

    def handle_info(self, message: object, job: Job) -> CastReturn[Job]:
        """Do the work when it is time."""
        match message:
            case "perform_job":
                job.function(*job.args)
                self.schedule_work(job)
                return NoReply(job)
        raise NoClause(message)

    def schedule_work(self, job: Job) -> None:
        """Set the next time."""
        process.send_after(process.current(), "perform_job", job.interval)
