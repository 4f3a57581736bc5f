"""Tests of the cron job, in virtual time."""

from regrow import process
from regrow.testing import StartSupervised

from silly_worker.cron_job import CronJob, Job


async def test_job_is_done_again_and_again(start_supervised: StartSupervised) -> None:
    times: list[float] = []
    start = process.monotonic()
    await start_supervised((CronJob, Job(lambda: times.append(process.monotonic()), [], 1.0)))
    await process.sleep(3.5)
    assert [time - start for time in times] == [1.0, 2.0, 3.0]


async def test_job_gets_its_arguments(start_supervised: StartSupervised) -> None:
    done: list[str] = []
    await start_supervised((CronJob, Job(done.append, ["Job Number 1"], 60.0)))
    await process.sleep(90)
    assert done == ["Job Number 1"]
