"""Callers of the writer: cancelled at the moment of their answer, very many, and a second broker of one name."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from regrow import AlreadyStarted, process
from regrow.queue import Broker, Memory, Queue
from regrow.servers.queue.ops import Claim
from tests.servers.queue.helpers import Recording, stats

pytestmark = pytest.mark.regrow

NUMBERS = Queue[int]("q")


async def parked(count: int) -> list[asyncio.Task[Any]]:
    tasks = [asyncio.ensure_future(NUMBERS.get()) for _ in range(count)]
    for _ in range(20):
        await asyncio.sleep(0)
    return tasks


@pytest.mark.parametrize("rounds", range(12))
async def test_a_get_that_is_cancelled_beside_its_answer_leaves_no_job_leased(rounds: int) -> None:
    await Broker.start_link(Memory())
    [task] = await parked(1)
    put = asyncio.ensure_future(NUMBERS.put(1))
    for _ in range(rounds):
        await asyncio.sleep(0)
    if task.cancel():
        with pytest.raises(asyncio.CancelledError):
            await task
        await put
        job = await NUMBERS.get(timeout=0)
        assert job.attempt == 1
    else:
        await put
        assert (await task).payload == 1


async def test_a_process_that_is_killed_beside_its_answer_leaves_no_job_leased() -> None:
    await Broker.start_link(Memory())
    for rounds in range(12):
        pid = process.spawn(NUMBERS.get)
        await process.sleep(0.1)
        put = asyncio.ensure_future(NUMBERS.put(1))
        for _ in range(rounds):
            await asyncio.sleep(0)
        lived = process.alive(pid)
        process.exit(pid, "kill")
        await put
        await process.sleep(0.1)
        if lived:
            await (await NUMBERS.get(timeout=0)).ack()
        else:  # it had its job, and ended without an ack
            await process.sleep(40.0)
            await (await NUMBERS.get(timeout=0)).ack()


async def test_a_put_tries_as_many_of_the_waiting_claims_as_it_has_jobs() -> None:
    store = Recording()
    await Broker.start_link(store)
    tasks = await parked(1000)
    before = len(store.commits)
    await NUMBERS.put(1)
    tried = sum(type(op) is Claim for ops in store.commits[before:] for op in ops)
    assert tried <= 101
    await stats()
    assert [task.done() for task in tasks[:3]] == [True, False, False]
    await NUMBERS.put_many(range(999))
    jobs = [await task for task in tasks]
    assert [job.payload for job in jobs] == [1, *range(999)]
    assert (await stats()).leased == 1000


async def test_jobs_that_become_ready_together_are_handed_out_in_the_order_of_the_callers() -> None:
    store = Recording()
    await Broker.start_link(store)
    await NUMBERS.put_many(range(450), delay=10.0)
    tasks = await parked(1000)
    await process.sleep(11.0)
    await stats()
    assert [task.done() for task in tasks] == [True] * 450 + [False] * 550
    await NUMBERS.put_many(range(550))
    assert len({(await task).id for task in tasks}) == 1000


async def test_a_second_broker_of_one_name_is_refused() -> None:
    await Broker.start_link(Memory())
    process.trap_exit(True)
    with pytest.raises(AlreadyStarted, match="Broker is running already"):
        await Broker.start_link(Memory())
