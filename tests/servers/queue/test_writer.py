"""The writer: it collects requests into commits, lets them wait for jobs and for room, and survives its store."""

from __future__ import annotations

import asyncio
import threading
from functools import partial
from typing import Any

import pytest

from regrow import CalleeExit, Node, StartError, Supervisor, VirtualClock, call, process, run
from regrow.kernel.clock import Clock
from regrow.servers.queue.broker import Broker
from regrow.servers.queue.errors import LeaseLost, QueueError, StoreBusy, StoreError, StoreForeign, StoreFull
from regrow.servers.queue.job import Job, Stats
from regrow.servers.queue.memory.store import Memory
from regrow.servers.queue.ops import Claim, NewJob, Pause, Put, Resume
from regrow.servers.queue.rate import Rate
from regrow.testing import Reports, expect_exit
from tests.servers.queue.helpers import Code, Recording, ack, ask, eventually, get, nack, put, stats

pytestmark = pytest.mark.regrow


def has_length(found: list[Any], length: int) -> bool:
    return len(found) == length


async def in_tasks(*made: Any) -> list[asyncio.Task[Any]]:
    """Start plain asyncio tasks, and wait until each waits."""
    tasks = [asyncio.ensure_future(one) for one in made]
    for _ in range(20):
        await asyncio.sleep(0)
    return tasks


async def test_a_cycle() -> None:
    await Broker.start_link(Memory())
    assert await put("hello") == [(1, False)]
    [job] = await get()
    assert (job.id, job.payload, job.attempt) == (1, b'"hello"', 1)
    assert (await stats()).leased == 1
    assert await ack(job) is None
    assert (await stats()).leased == 0
    assert isinstance(await ack(job), LeaseLost)


@pytest.mark.parametrize("threaded", [False, True])
async def test_requests_that_wait_together_are_one_commit(threaded: bool) -> None:
    store = Recording(threaded=threaded)
    await Broker.start_link(store)
    answers = await asyncio.gather(*(put(number) for number in range(100)))
    assert sorted(one[0].id for one in answers) == list(range(1, 101))
    assert [len(ops) for ops in store.commits] == [100]


async def test_requests_that_come_during_a_commit_are_the_next_one() -> None:
    store = Recording(threaded=True)
    go = threading.Event()
    store.before = go.wait
    await Broker.start_link(store)
    first = asyncio.ensure_future(put(0))
    await eventually(lambda: len(store.commits) == 1)
    others = await in_tasks(*(put(number) for number in range(50)))
    go.set()
    await asyncio.gather(first, *others)
    assert [len(ops) for ops in store.commits] == [1, 50]


async def test_a_commit_has_at_most_a_thousand_requests() -> None:
    store = Recording()
    await Broker.start_link(store)
    await asyncio.gather(*(put(number) for number in range(1500)))
    assert [len(ops) for ops in store.commits] == [1000, 500]


async def test_a_commit_has_at_most_four_mebibytes_or_one_request() -> None:
    store = Recording()
    await Broker.start_link(store)
    await asyncio.gather(*(put("x" * (3 << 20)) for _ in range(3)), put("y" * (5 << 20)))
    assert [len(ops) for ops in store.commits] == [1, 1, 1, 1]


async def test_callers_are_served_in_the_order_in_which_they_came() -> None:
    await Broker.start_link(Memory())
    served: list[str] = []

    async def client(name: str) -> None:
        await get()
        served.append(name)

    tasks = await in_tasks(*(client(name) for name in "abc"))
    for number in range(3):
        await put(number)
    await asyncio.gather(*tasks)
    assert served == ["a", "b", "c"]


async def test_a_caller_that_does_not_wait_does_not_overtake_those_that_do() -> None:
    store = Memory()
    await Broker.start_link(store)
    [waiting] = await in_tasks(get())
    Memory.run(store, [Put("q", (NewJob(b"1"),))], Clock().times)  # the writer does not know of it
    assert await get(timeout=0.0) == []
    assert len(await waiting) == 1


async def test_a_get_ends_at_its_deadline() -> None:
    await Broker.start_link(Memory())
    before = process.monotonic()
    assert await get(timeout=5.0) == []
    assert process.monotonic() - before == pytest.approx(5.0)
    await put(1)
    assert (await stats()).ready == 1


async def test_a_put_waits_for_room_in_its_order() -> None:
    await Broker.start_link(Memory())
    await put(0, bound=1)
    done: list[int] = []

    async def client(number: int) -> None:
        assert await put(number, bound=1, timeout=None)
        done.append(number)

    tasks = await in_tasks(client(1), client(2))
    assert await put(3, bound=1) is None
    for number in (1, 2):
        [job] = await get()
        await ack(job)
        await eventually(partial(has_length, done, number))
    assert done == [1, 2]
    await asyncio.gather(*tasks)


async def test_a_put_without_room_ends_at_its_deadline() -> None:
    await Broker.start_link(Memory())
    await put(0, bound=1)
    before = process.monotonic()
    assert await put(1, bound=1, timeout=2.0) is None
    assert process.monotonic() - before == pytest.approx(2.0)
    assert (await stats()).ready == 1


@pytest.mark.parametrize("end", ["delay", "lease", "nack"])
async def test_time_makes_a_job_ready_for_a_caller_that_waits(end: str) -> None:
    await Broker.start_link(Memory())
    await put(0, delay=10.0 if end == "delay" else 0.0)
    if end == "lease":
        await get(lease=10.0)
    elif end == "nack":
        await nack((await get())[0], delay=10.0)
    before = process.monotonic()
    [job] = await get()
    assert process.monotonic() - before == pytest.approx(10.0)
    assert job.attempt == (1 if end == "delay" else 2)


async def test_a_rate_lets_the_next_caller_wait_for_its_token() -> None:
    await Broker.start_link(Memory())
    for number in range(3):
        await put(number)
    before = process.monotonic()
    for _ in range(3):
        assert await ask(Claim("q", 1, 30.0, "the test", Rate(1, per=4.0)), None)
    assert process.monotonic() - before == pytest.approx(8.0)


async def test_the_end_of_a_pause_wakes_those_that_wait() -> None:
    await Broker.start_link(Memory())
    await ask(Pause("q", "closed"))
    await put(1)
    [waiting] = await in_tasks(get())
    assert not waiting.done()
    await ask(Resume("q"))
    assert len(await waiting) == 1


# Callers that go


async def test_a_cancelled_caller_gets_no_job() -> None:
    await Broker.start_link(Memory())
    [gone, waiting] = await in_tasks(get(), get())
    gone.cancel()
    await in_tasks()
    await put(1)
    assert len(await waiting) == 1
    assert (await stats()).leased == 1


async def test_a_killed_caller_gets_no_job() -> None:
    await Broker.start_link(Memory())

    async def client() -> None:
        await get()

    pid = process.spawn(client)
    await process.sleep(1.0)
    process.exit(pid, "kill")
    await put(1)
    assert (await stats()).ready == 1


async def test_the_job_of_a_caller_that_goes_during_the_commit_is_given_back() -> None:
    store = Recording(threaded=True)
    await Broker.start_link(store)
    await put(1)
    begun, go = threading.Event(), threading.Event()

    def wait() -> None:
        if isinstance(store.commits[-1][0], Claim):
            begun.set()
            assert go.wait(20)

    store.before = wait
    gone = asyncio.ensure_future(get())
    await eventually(begun.is_set)
    gone.cancel()
    await in_tasks()
    store.before = None
    go.set()
    [job] = await get(timeout=5.0)
    assert job.attempt == 1


async def test_a_put_of_a_caller_that_has_gone_is_left_out() -> None:
    store = Recording(threaded=True)
    go = threading.Event()
    store.before = go.wait
    await Broker.start_link(store)
    first = asyncio.ensure_future(put(0))
    await eventually(lambda: len(store.commits) == 1)
    [gone] = await in_tasks(put(1))
    gone.cancel()
    await in_tasks()
    go.set()
    await first
    assert (await stats()).ready == 1


# Stores that fail


@pytest.mark.parametrize("error", [StoreFull("the disk is full"), StoreBusy("another program writes")])
async def test_a_store_that_goes_on(error: StoreError) -> None:
    store = Recording(threaded=True)
    await Broker.start_link(store)
    store.errors = [error]
    assert list(await asyncio.gather(put(1), put(2))) == [error, error]
    assert await put(3)
    assert store.opens == 1


async def test_a_store_that_fails_is_opened_anew(reports: Reports) -> None:
    store = Recording(threaded=True)
    await Broker.start_link(store)
    [waiting] = await in_tasks(get("other"))
    await stats()  # a commit later the claim is parked
    error = StoreError("the disk has gone")
    store.errors = [error]
    assert list(await asyncio.gather(put(1), put(2))) == [error, error]
    assert await waiting is error
    await eventually(lambda: store.opens == 2)
    assert await put(3)
    assert store.closes == 1
    reports.clear()


async def test_an_unexpected_error_of_a_store_is_a_store_error(reports: Reports) -> None:
    store = Recording()
    await Broker.start_link(store)
    store.errors = [ZeroDivisionError("division by zero")]
    found = await put(1)
    assert isinstance(found, StoreError)
    assert "ZeroDivisionError: division by zero" in str(found)
    await eventually(lambda: store.opens == 2)
    reports.clear()


async def test_a_writer_that_is_killed_closes_its_store_before_the_next_opens_it(reports: Reports) -> None:
    store = Recording(threaded=True)
    go, begun = threading.Event(), threading.Event()
    await Broker.start_link(store)

    def wait() -> None:
        begun.set()
        assert go.wait(20)

    store.before = wait
    [lost] = await in_tasks(put(1))
    await eventually(begun.is_set)
    writer = process.whereis(Broker)
    assert writer is not None
    process.exit(writer, "kill")
    with pytest.raises(CalleeExit):
        await lost
    store.before = None
    go.set()
    await eventually(lambda: store.opens == 2)
    assert (await stats()).ready == 1  # its outcome was unknown, and it is there
    assert not [one for one in reports if "failed to start" in str(one)]
    reports.clear()


async def test_a_store_that_is_refused_ends_the_start() -> None:
    class Refused(Memory):
        def open(self, _: Any, /) -> None:
            raise StoreForeign("the file belongs to another program")

    process.trap_exit(True)
    with pytest.raises(StartError) as failed:
        await Broker.start_link(Refused())
    assert isinstance(failed.value.reason, StoreForeign)
    assert "belongs to another program" in str(failed.value)


async def test_a_wrong_request_is_refused_and_the_writer_goes_on() -> None:
    await Broker.start_link(Memory())
    assert isinstance(await call(Broker, "hello"), QueueError)
    assert await put(1)


async def test_dead_jobs_are_deleted_after_their_time() -> None:
    await Broker.start_link(Memory(), keep_dead=100.0)
    await put(1)
    await nack((await get())[0], "dead")
    assert (await stats()).dead == 1
    await process.sleep(200.0)
    assert (await stats()).dead == 0


async def test_another_process_writes_while_a_caller_waits() -> None:
    """On a real clock the writer asks `changed` while a caller waits, and not while none does."""

    class Shared(Recording):
        poll = 0.001

        def __init__(self) -> None:
            super().__init__(threaded=True)
            self.asked = 0
            self.written = False

        def changed(self) -> bool:
            self.asked += 1
            found, self.written = self.written, False
            return found

    store = Shared()

    async def scenario() -> None:
        async with Node(), process.adopt():
            await Broker.start_link(store)
            await put(0)
            await get()
            asked = store.asked
            [waiting] = await in_tasks(get())
            await eventually(lambda: store.asked > asked + 5)
            assert not waiting.done()
            Memory.run(store, [Put("q", (NewJob(b"1"),))], Clock().times)  # as another process does
            store.written = True
            assert len(await waiting) == 1
            await asyncio.sleep(0.01)
            asked = store.asked
            await asyncio.sleep(0.05)
            assert store.asked <= asked + 1

    await asyncio.to_thread(asyncio.run, scenario())


@pytest.mark.parametrize("threaded", [False, True])
async def test_a_store_in_use_is_refused_to_a_second_broker(threaded: bool) -> None:
    store = Recording(threaded=threaded)
    await Broker.start_link(store)
    process.trap_exit(True)
    with pytest.raises(StartError, match="is open in another broker"):
        await Broker.start_link(store, name="second")
    assert await put(1)
    assert (store.opens, store.closes) == (1, 0)


@pytest.mark.parametrize("threaded", [False, True])
async def test_a_store_is_opened_again_by_the_next_broker(threaded: bool) -> None:
    store = Recording(threaded=threaded)
    supervisor = await Supervisor.start_link([Broker.child_spec(store)])
    await put(1)
    await Supervisor.terminate_child(supervisor, Broker)
    assert store.closes == 1
    await Supervisor.restart_child(supervisor, Broker)
    assert (await stats()).ready == 1
    assert (store.opens, store.closes) == (2, 1)


def test_a_store_is_opened_again_by_the_next_program() -> None:
    store = Recording(threaded=True)

    async def main() -> None:
        await Broker.start_link(store)
        await put(1)

    for count in (1, 2, 3):
        run(main)
        assert store.opens == count


async def test_an_orderly_end_commits_what_was_asked_for() -> None:
    store = Recording(threaded=True)
    go = threading.Event()
    store.before = partial(go.wait, 20)
    supervisor = await Supervisor.start_link([Broker.child_spec(store)])
    first = asyncio.ensure_future(put(0))
    await eventually(lambda: len(store.commits) == 1)
    others = await in_tasks(put(1), put(2), get("other"))
    ended = asyncio.ensure_future(Supervisor.terminate_child(supervisor, Broker))
    await in_tasks()
    go.set()
    await ended
    assert [one.id for [one] in await asyncio.gather(first, *others[:2])] == [1, 2, 3]
    with pytest.raises(CalleeExit):
        await others[2]
    assert store.closes == 1


async def test_a_step_of_the_wall_clock_is_noticed_while_a_caller_waits(virtual_clock: VirtualClock) -> None:
    await Broker.start_link(Memory())
    await put(0, delay=3600.0)
    [waiting] = await in_tasks(get())
    before = process.monotonic()
    virtual_clock.step_wall(3600.0)
    assert len(await waiting) == 1
    assert process.monotonic() - before <= 5.0


async def test_a_step_back_of_the_wall_clock_delays_a_job_and_no_deadline(virtual_clock: VirtualClock) -> None:
    await Broker.start_link(Memory())
    await put(0, delay=10.0)
    virtual_clock.step_wall(-100.0)
    before = process.monotonic()
    assert await get(timeout=50.0) == []
    assert process.monotonic() - before == pytest.approx(50.0)
    [job] = await get()
    assert process.monotonic() - before == pytest.approx(110.0)
    assert await get(timeout=10.0) == []
    assert await ack(job) is None


@pytest.mark.parametrize("threaded", [False, True])
async def test_a_store_that_is_away_for_a_while_does_not_end_its_broker(threaded: bool, reports: Reports) -> None:
    store = Recording(threaded=threaded)
    broker = await Broker.start_link(store, keep_dead=1000.0)
    await put(0)
    away = StoreError("the server does not answer")
    store.errors, store.open_errors = [away], [away] * 30
    assert await put(1) is away
    await process.sleep(10.0)
    assert await put(2) is away
    assert await ask(Claim("q", 1, 30.0, "the test"), None) is away
    with pytest.raises(StoreError, match="does not answer"):
        await Broker.check()
    await process.sleep(150.0)
    assert (await stats()).ready == 1
    assert process.alive(broker)
    assert (store.opens, store.closes, store.open_errors) == (2, 1, [])
    assert reports.text().count("could not be opened again") == 1
    assert "is open again" in reports.text()
    reports.clear()


async def test_a_store_that_stays_refused_ends_its_broker(reports: Reports) -> None:
    store = Recording()
    process.trap_exit(True)
    broker = await Broker.start_link(store)
    store.errors, store.open_errors = [StoreError("the disk has gone")], [StoreForeign("another program's")] * 100
    await put(1)
    await expect_exit(broker, "shutdown")
    reports.clear()


async def test_the_work_goes_on_when_the_store_is_back(reports: Reports) -> None:
    done: list[Any] = []

    async def code(job: Job[Any]) -> None:
        await process.sleep(2.0)
        done.append(job.payload)

    store = Recording()
    await Broker.start_link(store, workers=[Code(code)])
    away = StoreError("the server does not answer")
    await put("one")
    await process.sleep(1.0)
    store.errors, store.open_errors = [away], [away] * 5
    await put("lost")
    await process.sleep(10.0)
    await put("two")
    await process.sleep(10.0)
    assert done == ["one", "two"]
    assert await stats() == Stats()
    reports.clear()
