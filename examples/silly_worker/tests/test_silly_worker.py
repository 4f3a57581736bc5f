"""Tests of silly_worker."""

from regrow import application, process
from regrow.testing import expect_down

import silly_worker
from silly_worker.application import SillyWorker


def test_greets_the_world() -> None:
    assert silly_worker.hello() == "world"


async def test_application_starts_and_stops() -> None:
    await application.start(SillyWorker)
    ref = process.monitor("silly_worker.supervisor")
    await application.stop(SillyWorker)
    await expect_down(ref, "shutdown")
