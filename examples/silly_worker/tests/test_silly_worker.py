"""Tests of silly_worker."""

from regrow import application, process

import silly_worker
from silly_worker.application import SillyWorker


def test_greets_the_world() -> None:
    assert silly_worker.hello() == "world"


async def test_application_starts_and_stops() -> None:
    await application.start(SillyWorker)
    assert process.whereis("silly_worker.supervisor") is not None
    await application.stop(SillyWorker)
    assert process.whereis("silly_worker.supervisor") is None
