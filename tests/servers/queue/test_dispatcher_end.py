"""The worst moments of a dispatcher: what it holds, and what it has just claimed, at a drain or a kill."""

from __future__ import annotations

from typing import Any

import pytest

from regrow import Pid, Supervisor, process
from regrow.behaviours.gen.request_ids import send_request
from regrow.behaviours.gen.system import get_state, resume, suspend
from regrow.servers.queue.broker import Broker
from regrow.servers.queue.job import Job, Stats
from regrow.servers.queue.memory.store import Memory
from regrow.testing import Reports
from tests.servers.queue.helpers import Code, put, stats

pytestmark = pytest.mark.regrow

LOG: list[Any] = []


@pytest.fixture(autouse=True)
def empty_log() -> None:
    LOG.clear()


async def dispatcher_of(broker: Pid) -> Pid:
    """Return the dispatcher of the worker "q"."""
    child = await Supervisor.which_child(broker, ("worker", "q"))
    assert isinstance(child.pid, Pid)
    return child.pid


async def test_a_job_that_traps_exits_ends_with_its_dispatcher(reports: Reports) -> None:
    async def stubborn(job: Job[Any]) -> None:
        process.trap_exit(True)
        LOG.append(process.current())
        await process.sleep(1e6)

    broker = await Broker.start_link(Memory(), workers=[Code(stubborn)])
    await put("x")
    await process.sleep(1.0)
    process.exit(await dispatcher_of(broker), "kill")
    await process.sleep(1.0)
    assert [process.alive(pid) for pid in LOG] == [False]
    reports.clear()


async def test_a_job_that_was_claimed_as_the_drain_began_is_given_back() -> None:
    async def note(job: Job[Any]) -> None:
        LOG.append(job.payload)

    broker = await Broker.start_link(Memory(), workers=[Code(note)])
    dispatcher = await dispatcher_of(broker)
    await process.sleep(1.0)
    await suspend(dispatcher)
    send_request(dispatcher, "drain")  # before the answer to its claim
    await put("x")
    await process.sleep(1.0)
    await resume(dispatcher)
    await process.sleep(1.0)
    assert LOG == []
    assert await stats() == Stats(ready=1)


async def test_a_job_that_was_claimed_as_its_dispatcher_ended_is_given_back() -> None:
    async def note(job: Job[Any]) -> None:
        LOG.append(job.payload)

    broker = await Broker.start_link(Memory(), workers=[Code(note)], drain=0.0)
    dispatcher = await dispatcher_of(broker)
    await process.sleep(1.0)
    await suspend(dispatcher)
    await put("x")  # the answer to its claim waits in its mailbox
    await Supervisor.terminate_child(broker, ("worker", "q"))
    assert not process.alive(dispatcher)
    assert await stats() == Stats(ready=1)


async def test_a_job_that_comes_while_the_dispatcher_drains_stays() -> None:
    async def long(job: Job[Any]) -> None:
        LOG.append(job.payload)
        await process.sleep(10.0)

    broker = await Broker.start_link(Memory(), workers=[Code(long)])
    dispatcher = await dispatcher_of(broker)
    await put("x")
    await process.sleep(1.0)
    send_request(dispatcher, "drain")
    await process.sleep(1.0)
    await put("y")
    await process.sleep(20.0)
    assert LOG == ["x"]
    assert await stats() == Stats(ready=1)


async def test_the_reports_of_writer_and_dispatcher_say_what_they_hold() -> None:
    async def long(job: Job[Any]) -> None:
        await process.sleep(100.0)

    broker = await Broker.start_link(Memory(), workers=[Code(long)])
    await put("x")
    await process.sleep(1.0)
    writer = process.whereis(Broker)
    assert writer is not None
    assert repr(await get_state(writer)) == "State(Memory(), 0 requests wait for a commit)"
    assert repr(await get_state(await dispatcher_of(broker))) == "State('q', 1 jobs run, 1 are held)"
