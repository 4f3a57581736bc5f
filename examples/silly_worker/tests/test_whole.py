"""Tests of the application as a whole."""

import logging

import pytest
from regrow import Supervisor, application, process
from regrow.testing import expect_exit

from silly_worker.application import SillyWorker
from silly_worker.cron_job import CronJob
from silly_worker.simple_queue import SimpleQueue

SUPERVISOR = "silly_worker.supervisor"


async def test_job_says_each_second_that_it_is_complete(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, logger="silly_worker")
    await application.start(SillyWorker)
    await process.sleep(3.5)
    await application.stop(SillyWorker)
    assert caplog.messages.count("Job Number 1 Complete!") == 3


async def test_killed_job_comes_back() -> None:
    await application.start(SillyWorker)
    before = {child.id: child.pid for child in await Supervisor.which_children(SUPERVISOR)}
    process.exit(before[CronJob], "kill")
    after = {child.id: child.pid for child in await Supervisor.which_children(SUPERVISOR)}
    assert after[CronJob] != before[CronJob]
    assert after[SimpleQueue] == before[SimpleQueue]
    await application.stop(SillyWorker)


async def test_tree_gives_up_at_the_fourth_crash_within_five_seconds() -> None:
    process.trap_exit(True)
    await application.start(SillyWorker)
    supervisor = process.whereis(SUPERVISOR)
    assert supervisor is not None
    process.link(supervisor)
    for _ in range(4):
        child, *_ = await Supervisor.which_children(supervisor)
        process.exit(child.pid, "kill")
    await expect_exit(supervisor, "shutdown")
