"""Timeouts that are longer than any timer: they count as no limit, and end neither the writer nor a dispatcher."""

from __future__ import annotations

import pytest

from regrow import process
from regrow.queue import Broker, Job, Memory, Queue, Worker

pytestmark = pytest.mark.regrow

ENDLESS = [1e10, 1e300, float("inf"), None]  # seconds; a timer of the node holds 292 years at most
LOG: list[int] = []


@pytest.mark.parametrize("timeout", ENDLESS)
async def test_a_get_with_an_endless_timeout_waits(timeout: float | None) -> None:
    numbers = Queue[int]("numbers")
    await Broker.start_link(Memory())
    writer = process.whereis(Broker)

    async def later() -> None:
        await process.sleep(5.0)
        await numbers.put(1)

    process.spawn(later)
    assert (await numbers.get(timeout=timeout)).payload == 1
    assert process.whereis(Broker) == writer


@pytest.mark.parametrize("timeout", [1e10, 1e300, float("inf")])
async def test_a_put_with_an_endless_timeout_waits_for_room(timeout: float) -> None:
    numbers = Queue[int]("numbers", bound=1)
    await Broker.start_link(Memory())
    writer = process.whereis(Broker)
    await numbers.put(1)

    async def later() -> None:
        await process.sleep(5.0)
        await (await numbers.get()).ack()

    process.spawn(later)
    await numbers.put(2, timeout=timeout)
    assert await numbers.peek() == [2]
    assert process.whereis(Broker) == writer


@pytest.mark.parametrize("timeout", ENDLESS)
async def test_a_worker_with_an_endless_timeout_performs(timeout: float | None) -> None:
    class Note(Worker[int], timeout=timeout):
        async def perform(self, job: Job[int]) -> None:
            LOG.append(job.payload)

    LOG.clear()
    await Broker.start_link(Memory(), workers=[Note])
    await Note.put(1)
    await process.sleep(1.0)
    assert LOG == [1]
    assert await Note.queue.size() == 0
