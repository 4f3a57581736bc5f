"""The dispatcher: it performs the jobs of a worker, and settles each by its outcome."""

from __future__ import annotations

import threading
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import pytest

from regrow import Exit, Supervisor, call, process
from regrow.servers.queue.broker import Broker
from regrow.servers.queue.current import current
from regrow.servers.queue.dispatcher import Dispatcher
from regrow.servers.queue.errors import StoreError
from regrow.servers.queue.job import Job, Stats
from regrow.servers.queue.memory.store import Memory
from regrow.servers.queue.ops import Ack, Claim, Extend, ReadDead, Record
from regrow.servers.queue.outcome import Backoff
from regrow.servers.queue.signals import Discard, Retry, Snooze
from regrow.testing import Reports
from tests.servers.queue.helpers import Code, Recording, ask, eventually, get, put, stats

pytestmark = pytest.mark.regrow

LOG: list[Any] = []


@pytest.fixture(autouse=True)
def empty_log() -> None:
    LOG.clear()


async def dead(queue: str = "q") -> list[Record]:
    """Read the dead letters."""
    found: list[Record] = await ask(ReadDead(queue))
    return found


async def note(job: Job[Any]) -> None:
    LOG.append((job.payload, job.attempt))


async def hang(job: Job[Any]) -> None:
    await note(job)
    await process.sleep(1e6)


async def test_a_job_is_performed_and_acknowledged() -> None:
    await Broker.start_link(Memory(), workers=[Code(note)])
    await put("one")
    await process.sleep(1.0)
    assert LOG == [("one", 1)]
    assert await stats() == Stats()


async def test_jobs_that_were_put_before_the_start_are_performed() -> None:
    store = Recording()
    supervisor = await Supervisor.start_link([Broker.child_spec(store)])
    await put("one")
    await Supervisor.terminate_child(supervisor, Broker)
    await Supervisor.delete_child(supervisor, Broker)
    await Supervisor.start_child(supervisor, Broker.child_spec(store, workers=[Code(note)]))
    await process.sleep(1.0)
    assert LOG == [("one", 1)]


async def test_as_many_jobs_run_at_once_as_the_concurrency_allows() -> None:
    running: list[int] = [0, 0]

    async def slow(job: Job[Any]) -> None:
        running[0] += 1
        running[1] = max(running)
        await process.sleep(1.0)
        running[0] -= 1

    await Broker.start_link(Memory(), workers=[Code(slow, concurrency=3)])
    for number in range(9):
        await put(number)
    await process.sleep(3.5)
    assert running == [0, 3]
    assert await stats() == Stats()


async def test_code_sees_its_job() -> None:
    async def code(job: Job[Any]) -> None:
        LOG.append(current() is job)

    await Broker.start_link(
        Memory(), workers=[Code(code), Code(lambda _: LOG.append(current().queue), "b", threaded=True)]
    )
    await put()
    await put(queue="b")
    await eventually(lambda: sorted(map(str, LOG)) == ["True", "b"])


def raises(error: BaseException) -> Callable[[Job[Any]], Any]:
    """Return code that raises an error."""

    async def code(job: Job[Any]) -> None:
        await note(job)
        raise error

    return code


async def ends(job: Job[Any]) -> None:
    await note(job)
    raise Exit("I am done")


@pytest.mark.parametrize(
    ("code", "attempts", "kind"),
    [
        (raises(ValueError("no")), 3, "ValueError"),
        (raises(Retry("later", delay=7.0)), 3, "Retry"),
        (raises(Discard("never")), 1, "Discard"),
        (ends, 3, "Exit"),
        (raises(TimeoutError()), 3, "TimeoutError"),
    ],
    ids=["an exception", "Retry", "Discard", "the end of its process", "TimeoutError"],
)
async def test_a_failed_job_goes_to_the_dead_letters(code: Any, attempts: int, kind: str) -> None:
    await Broker.start_link(Memory(), workers=[Code(code)])
    await put("x", max_attempts=3)
    await process.sleep(1000.0)
    [job] = await dead()
    assert [one[1] for one in LOG] == list(range(1, attempts + 1))
    assert job.attempts == attempts
    assert [error.kind for error in job.errors] == [kind] * attempts


async def test_the_trace_begins_in_the_users_code() -> None:
    await Broker.start_link(Memory(), workers=[Code(raises(ValueError("no")))])
    await put("x", max_attempts=1)
    await process.sleep(1.0)
    trace = (await dead())[0].errors[0].trace
    assert "test_dispatcher.py" in trace.splitlines()[1]
    assert trace.endswith("ValueError: no\n")


async def test_a_message_that_utf8_cannot_encode_loses_no_job() -> None:
    await Broker.start_link(Memory(), workers=[Code(raises(ValueError("\udcff")))])
    await put("x", max_attempts=1)
    await process.sleep(1.0)
    [error] = (await dead())[0].errors
    assert error.message == "?"
    error.trace.encode()


async def test_a_snooze_costs_no_attempt() -> None:
    async def code(job: Job[Any]) -> None:
        LOG.append((process.monotonic(), job.attempt))
        if len(LOG) < 4:
            raise Snooze(100.0)

    await Broker.start_link(Memory(), workers=[Code(code)])
    await put("x", max_attempts=1)
    await process.sleep(1000.0)
    assert [attempt for _, attempt in LOG] == [1, 1, 1, 1]
    assert LOG[-1][0] - LOG[0][0] == pytest.approx(300.0)
    assert await stats() == Stats()


async def test_the_backoff_of_the_queue_delays_the_next_attempt() -> None:
    async def code(job: Job[Any]) -> None:
        LOG.append(process.monotonic())
        raise ValueError

    await Broker.start_link(Memory(), workers=[Code(code, backoff=Backoff(10.0, 3.0, 50.0, 0.0))])
    await put("x", max_attempts=5)
    await process.sleep(1000.0)
    waits = [later - earlier for earlier, later in pairwise(LOG)]
    assert waits == pytest.approx([10.0, 30.0, 50.0, 50.0])


async def test_a_backoff_that_raises_loses_no_job(reports: Reports) -> None:
    def backoff(attempt: int) -> float:
        raise ZeroDivisionError

    await Broker.start_link(Memory(), workers=[Code(raises(ValueError("no")), backoff=backoff)])
    await put("x", max_attempts=2)
    await process.sleep(20.0)  # the first delay of the default backoff is 5 s, and a lease is 30 s
    [job] = await dead()
    assert [error.kind for error in job.errors] == ["ValueError"] * 2
    assert "its backoff failed" in reports.text()
    reports.clear()


async def test_a_payload_that_does_not_decode_is_buried() -> None:
    from regrow.servers.queue.ops import NewJob, Put

    await Broker.start_link(Memory(), workers=[Code(note)])
    await ask(Put("q", (NewJob(b"{"), NewJob(b"1"))))
    await process.sleep(1.0)
    [job] = await dead()
    assert (job.payload, job.errors[0].kind) == (b"{", "PayloadError")
    assert LOG == [(1, 1)]


# Time


async def test_a_job_that_runs_for_too_long_fails() -> None:
    await Broker.start_link(Memory(), workers=[Code(hang, timeout=10.0)])
    await put("x", max_attempts=2)
    await process.sleep(100.0)
    [job] = await dead()
    assert [error.kind for error in job.errors] == ["TimeoutError"] * 2


async def test_a_job_that_traps_exits_is_killed_after_its_timeout() -> None:
    async def stubborn(job: Job[Any]) -> None:
        process.trap_exit(True)
        await hang(job)

    await Broker.start_link(Memory(), workers=[Code(stubborn, timeout=10.0)])
    await put("x", max_attempts=1)
    await process.sleep(12.0)
    assert (await stats()).leased == 1
    await process.sleep(10.0)
    assert (await stats()).dead == 1


async def test_heartbeats_extend_the_leases_of_long_jobs() -> None:
    async def long(job: Job[Any]) -> None:
        await note(job)
        await process.sleep(100.0)

    await Broker.start_link(Memory(), workers=[Code(long, lease=9.0)])
    await put("x")
    await process.sleep(99.0)
    assert await get(timeout=0.0) == []
    await process.sleep(5.0)
    assert LOG == [("x", 1)]
    assert await stats() == Stats()


async def test_a_job_whose_lease_is_lost_is_killed() -> None:
    class Lost(Recording):
        def run(self, ops: Any, clocks: Any, /) -> Any:
            done = super().run(ops, clocks)
            for place, op in enumerate(ops):
                if type(op) is Extend and op.leases:
                    done.results[place] = [None] * len(op.leases)
            return done

    async def code(job: Job[Any]) -> None:
        try:
            await hang(job)
        finally:
            LOG.append("ended")

    await Broker.start_link(Lost(), workers=[Code(code, lease=9.0)])
    await put("x")
    await process.sleep(4.0)
    assert LOG == [("x", 1), "ended"]


# The store


async def test_an_ack_that_fails_is_sent_again_until_the_lease_is_over() -> None:
    class Failing(Recording):
        failures = 3

        def run(self, ops: Any, clocks: Any, /) -> Any:
            done = super().run([op for op in ops if type(op) is not Ack or not self.failures], clocks)
            results = iter(done.results)
            found: list[Any] = []
            for op in ops:
                if type(op) is Ack and self.failures:
                    self.failures -= 1
                    found.append(StoreError("the disk is full"))
                else:
                    found.append(next(results))
            done.results[:] = found
            return done

    await Broker.start_link(Failing(), workers=[Code(note)])
    await put("x")
    await process.sleep(5.0)
    assert LOG == [("x", 1)]
    assert await stats() == Stats()


async def test_jobs_outlive_the_writer(reports: Reports) -> None:
    async def code(job: Job[Any]) -> None:
        await note(job)
        await process.sleep(10.0)

    store = Recording()
    await Broker.start_link(store, workers=[Code(code)])
    await put("x")
    await process.sleep(1.0)
    writer = process.whereis(Broker)
    assert writer is not None
    process.exit(writer, "kill")
    await process.sleep(20.0)
    assert store.opens == 2
    assert LOG == [("x", 1)]
    assert await stats() == Stats()
    await put("y")
    await process.sleep(20.0)
    assert LOG == [("x", 1), ("y", 1)]
    reports.clear()


async def test_the_jobs_of_a_dispatcher_that_crashes_end_and_are_given_back(reports: Reports) -> None:
    broker = await Broker.start_link(Memory(), workers=[Code(hang)])
    await put("x")
    await process.sleep(1.0)
    child = await Supervisor.which_child(broker, ("worker", "q"))
    assert Dispatcher in child.modules
    process.exit(child.pid, "kill")
    await process.sleep(40.0)
    assert LOG[:2] == [("x", 1), ("x", 2)]
    reports.clear()


# Threads


async def test_a_def_runs_in_a_thread() -> None:
    names: set[int] = set()

    def code(job: Job[Any]) -> None:
        names.add(threading.get_ident())
        if job.payload == "raise":
            raise ValueError("no")

    await Broker.start_link(Memory(), workers=[Code(code, threaded=True, concurrency=1)])
    for payload in ("one", "raise", "two"):
        await put(payload, max_attempts=1)
    await process.sleep(1.0)
    assert [error.kind for job in await dead() for error in job.errors] == ["ValueError"]
    assert len(names) == 1
    assert threading.get_ident() not in names


async def test_a_def_that_does_not_end_keeps_its_slot() -> None:
    go = threading.Event()

    def code(job: Job[Any]) -> None:
        LOG.append(job.payload)
        if job.payload == "stuck":
            assert go.wait(20)

    # The clock stands still while the thread works, so no timeout fires: the test ends the job's process.
    await Broker.start_link(Memory(), workers=[Code(code, threaded=True, concurrency=1)])
    await put("stuck", max_attempts=1)
    await eventually(lambda: LOG == ["stuck"])
    [pid] = [one for one in process.processes() if process.info(one, "initial_call") == code]
    process.exit(pid, "kill")
    await put("next")
    for _ in range(5):
        await put("other", "b")  # rounds of the loop
    assert await stats() == Stats(ready=1, dead=1)
    assert LOG == ["stuck"]
    go.set()
    await eventually(lambda: LOG == ["stuck", "next"])


# Shutdown


async def test_running_jobs_end_before_the_broker() -> None:
    async def slow(job: Job[Any]) -> None:
        await process.sleep(20.0)
        LOG.append(job.payload)

    store = Recording()
    supervisor = await Supervisor.start_link([Broker.child_spec(store, workers=[Code(slow, lease=6.0, concurrency=1)])])
    await put("running")
    await put("waiting")
    await process.sleep(1.0)
    before = len(store.commits)
    await Supervisor.terminate_child(supervisor, Broker)
    assert LOG == ["running"]
    assert not [op for ops in store.commits[before:] for op in ops if type(op) is Claim]
    await Supervisor.restart_child(supervisor, Broker)
    await process.sleep(1.0)
    assert (await stats()).leased == 1
    assert process.monotonic() < 1050


async def test_what_still_runs_after_the_drain_is_given_back_without_its_attempt() -> None:
    store = Recording()
    options: dict[str, Any] = {"workers": [Code(hang, "a"), Code(hang, "b")], "drain": 10.0}
    supervisor = await Supervisor.start_link([Broker.child_spec(store, **options)])
    for queue in ("a", "b"):
        await put("x", queue)
    await process.sleep(1.0)
    before = process.monotonic()
    await Supervisor.terminate_child(supervisor, Broker)
    assert process.monotonic() - before == pytest.approx(10.0)
    await Supervisor.delete_child(supervisor, Broker)
    await Supervisor.start_child(supervisor, Broker.child_spec(store))
    for queue in ("a", "b"):
        [job] = await get(queue, timeout=0.0)
        assert (job.attempt, job.errors) == (1, ())


async def test_drain_is_answered_at_once_without_jobs() -> None:
    broker = await Broker.start_link(Memory(), workers=[Code(note)])
    child = await Supervisor.which_child(broker, ("worker", "q"))
    assert await call(child.pid, "drain") == "drained"
    await put("x")
    await process.sleep(10.0)
    assert LOG == []
