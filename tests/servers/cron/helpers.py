"""Jobs and questions for the tests of the cron server."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from regrow import process
from regrow.kernel.current_node import current_node
from regrow.kernel.process_record import Pid
from regrow.kernel.virtual_clock import VirtualClock
from regrow.servers.cron.cron import Cron
from regrow.servers.cron.job import CronJob
from regrow.servers.cron.tick import Tick, current
from regrow.servers.cron.when.schedules import every

START = datetime(2024, 1, 1, tzinfo=UTC)  # when the virtual clock begins


def clock() -> VirtualClock:
    """Return the virtual clock of the test."""
    found = current_node().clock
    assert isinstance(found, VirtualClock)
    return found


def now() -> datetime:
    """Return the time by the wall clock of the test."""
    return datetime.fromtimestamp(clock().wall(), UTC)


def seconds(moment: datetime | None) -> float:
    """Return the seconds from the beginning of the test to a moment."""
    assert moment is not None
    return (moment - START) / timedelta(seconds=1)


def wait(seconds: float) -> Callable[[int], float]:
    """Return a backoff that is always the same."""
    return lambda _: seconds


class Recording:
    """A job's function that notes its ticks, and works for some seconds."""

    def __init__(self, work: float = 0.0, raises: Callable[[], BaseException] | None = None) -> None:
        self.work = work
        self.raises = raises
        self.starts: list[float] = []  # the ticks, in seconds since the beginning
        self.at: list[float] = []  # when they started
        self.ends: list[float] = []

    async def run(self) -> None:
        """Note the tick, work, and raise if asked to."""
        self.starts.append(seconds(current().scheduled_for))
        self.at.append(seconds(now()))
        if self.work:
            await process.sleep(self.work)
        self.ends.append(seconds(now()))
        if self.raises is not None:
            raise self.raises()

    def job(self, schedule: Any = None, name: str = "job", **policies: Any) -> CronJob:
        """Return a job of this function; by default every ten seconds."""
        return CronJob(self.run, every(10) if schedule is None else schedule, name=name, **policies)


async def start(*jobs: CronJob, **options: Any) -> Pid:
    """Start a cron server."""
    return await Cron.start_link(jobs, **options)


async def history(cron: Any, job: str | None = "job", limit: int = 1000) -> list[Tick]:
    """Return the ticks of a job, the oldest first."""
    return (await Cron.history(cron, job, limit=limit))[::-1]


async def rows(cron: Any, job: str | None = "job") -> list[tuple[float, str, str | None]]:
    """Return tick, reason and outcome of each row of a job, the oldest first."""
    return [(seconds(tick.scheduled_for), tick.reason, tick.outcome) for tick in await history(cron, job)]
