"""A year of ten jobs in seconds, with the exact ledger; REGROW_YEAR=1 tries a hundred jobs."""

from __future__ import annotations

import os
import time
from collections import Counter
from datetime import UTC, datetime, timedelta

import pytest

from regrow import process
from regrow.servers.cron.cron import Cron
from regrow.servers.cron.job import CronJob
from regrow.servers.cron.tick import Tick, current
from regrow.servers.cron.when.explain import next_fires
from regrow.servers.cron.when.schedules import Schedule, cron, every
from tests.servers.cron.helpers import START

pytestmark = pytest.mark.regrow

JOBS = 100 if os.environ.get("REGROW_YEAR") else 10
ZONES = ["Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "UTC"]
EXPRESSIONS = ["30 2 * * *", "0 */4 * * *", "15 1 * * MON-FRI", "0 9 1 * *", "*/30 2 * * *", "30 * * * *"]
YEAR = timedelta(days=366)  # 2024
SECONDS_A_JOB = 1.0  # of the processor, at most


def schedules() -> list[Schedule]:
    """Return a schedule for each job."""
    found: list[Schedule] = []
    for n in range(JOBS):
        if n % 5 == 4:
            found.append(every(timedelta(hours=6 + n % 7), anchor=datetime(1970, 1, 1, tzinfo=UTC)))
        else:
            found.append(cron(EXPRESSIONS[n % len(EXPRESSIONS)], tz=ZONES[n % len(ZONES)]))
    return found


def wanted(schedule: Schedule) -> list[str]:
    """Return the ticks of the year, as the pure functions have them."""
    end = START + YEAR
    return [fire.astimezone(UTC).isoformat() for fire in next_fires(schedule, after=START, count=10_000) if fire <= end]


async def test_a_year(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("WARNING")
    ran: Counter[str] = Counter()

    async def work() -> None:
        ran[current().key] += 1

    plans = schedules()
    jobs = [CronJob(work, schedule, name=f"job-{n}") for n, schedule in enumerate(plans)]
    began = time.process_time()
    server = await Cron.start_link(jobs, keep=100_000)
    await process.sleep(YEAR.total_seconds() + 1)
    took = time.process_time() - began
    total = 0
    for n, schedule in enumerate(plans):
        ticks: list[Tick] = await Cron.history(server, f"job-{n}", limit=100_000)
        assert [tick.scheduled_for.astimezone(UTC).isoformat() for tick in reversed(ticks)] == wanted(schedule)
        assert {(tick.reason, tick.outcome, tick.late < 0.001) for tick in ticks} == {("ran", "succeeded", True)}
        total += len(ticks)
    assert len(ran) == total
    assert set(ran.values()) == {1}
    assert took < SECONDS_A_JOB * JOBS, f"{total} ticks took {took:.1f} s"
