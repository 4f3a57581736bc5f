"""`def` jobs: threads are few, cannot be killed, and are not given to another run before their code is done."""

from __future__ import annotations

import threading
from datetime import timedelta

import pytest

from regrow import process
from regrow.servers.cron.job import CronJob
from regrow.servers.cron.tick import current
from regrow.servers.cron.when.schedules import at, every
from tests.servers.cron.helpers import START, clock, history, rows, start, wait

pytestmark = pytest.mark.regrow

SOON = START + timedelta(seconds=10)


class Gate:
    """The code of a job that waits in its thread until it is opened."""

    def __init__(self) -> None:
        self.open = threading.Event()
        self.begun: list[str] = []
        self.done: list[str] = []

    def run(self) -> None:
        """Wait in the thread."""
        name = current().job
        self.begun.append(name)
        assert self.open.wait(20)
        self.done.append(name)


async def let_time_pass(seconds: float) -> None:
    """Move the virtual clock, which stands still by itself while a thread works."""
    step = 0.5
    for _ in range(round(seconds / step)):
        clock().advance(step)
        await clock().run_until_idle()


async def test_jobs_wait_for_a_thread_in_their_order() -> None:
    gate = Gate()
    jobs = [CronJob(gate.run, at(SOON), name=name) for name in "abcd"]
    server = await start(*jobs, max_threads=2)
    await let_time_pass(11)
    while len(gate.begun) < 2:
        await process.sleep(0)
    assert sorted(gate.begun) == ["a", "b"]
    gate.open.set()
    await process.sleep(1)
    assert sorted(gate.done) == ["a", "b", "c", "d"]
    late = {tick.job: tick.late for tick in await history(server, None)}
    assert late["a"] < 0.1
    assert late["d"] > 0.4


async def test_a_thread_goes_on_after_the_timeout_and_counts_as_running(caplog: pytest.LogCaptureFixture) -> None:
    gate = Gate()
    server = await start(CronJob(gate.run, every(10), timeout=3, name="job"), max_threads=1)
    await let_time_pass(25)
    assert "goes on in a thread" in caplog.text
    assert await rows(server) == [(10, "ran", "running"), (20, "skipped_overlap", None)]
    gate.open.set()
    await process.sleep(1)
    assert (await rows(server))[0] == (10, "ran", "timed_out")
    assert gate.done == ["job"]
    await process.sleep(10)
    assert (await rows(server))[-1] == (30, "ran", "succeeded")


async def test_the_next_attempt_waits_for_the_thread_of_the_last() -> None:
    gate = Gate()
    server = await start(CronJob(gate.run, at(SOON), timeout=3, attempts=2, backoff=wait(1.0), name="job"))
    await let_time_pass(30)
    while not gate.begun:
        await process.sleep(0)
    assert gate.begun == ["job"]
    gate.open.set()
    await process.sleep(5)
    assert gate.begun == ["job", "job"]
    assert [tick.outcome for tick in await history(server)] == ["succeeded"]


async def test_what_a_thread_raises() -> None:
    def work() -> None:
        raise ValueError("no rows")

    server = await start(CronJob(work, at(SOON), name="job"))
    await process.sleep(11)
    assert [(tick.outcome, tick.error) for tick in await history(server)] == [("failed", "ValueError: no rows")]


async def test_a_thread_whose_code_goes_on_is_given_to_no_other_job() -> None:
    gate, done = Gate(), threading.Event()
    later = CronJob(done.set, at(START + timedelta(seconds=20)), name="later")
    server = await start(CronJob(gate.run, at(SOON), timeout=3, name="job"), later, max_threads=2)
    await let_time_pass(11)
    while not gate.begun:
        await process.sleep(0)
    await let_time_pass(14)
    assert done.wait(10), "it waits for a thread that is busy"
    assert gate.done == []
    gate.open.set()
    await process.sleep(1)
    assert {tick.job: tick.outcome for tick in await history(server, None)} == {
        "job": "timed_out",
        "later": "succeeded",
    }
