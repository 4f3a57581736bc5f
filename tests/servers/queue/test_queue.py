"""What a queue asks its broker for, and what it makes of the answers."""

from __future__ import annotations

import asyncio
import os
import socket
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import pytest

from regrow import GenServer, Ok, Reply, VirtualClock, process
from regrow.gen_server import From
from regrow.servers.queue.errors import Empty, Full, LeaseLost, PayloadError, StoreBusy
from regrow.servers.queue.job import Enqueued, Job, Stats
from regrow.servers.queue.ops import Claim, Extend, Nack
from regrow.servers.queue.queue import Queue
from regrow.servers.queue.rate import Rate
from regrow.servers.queue.requests import Ask
from tests.servers.queue.fake_writer import NAME, start_writer

pytestmark = pytest.mark.regrow

T = TypeVar("T")
NUMBERS = Queue[int]("numbers", broker=NAME)
RAW = Queue[Any]("numbers", broker=NAME)  # the same queue, for payloads that do not fit


class Mails(Queue["Mail"]):
    """A queue with its type; the class comes later."""


class Boxes(Queue[list[T]], Generic[T]):
    """A queue with a part of its type."""


@dataclass
class Mail:
    to: str


Alias = Queue[Mail]


class TestTypes:
    @pytest.mark.parametrize(
        ("queue", "shown"),
        [
            (Queue[int]("q"), "Queue[int]('q')"),
            (Queue[dict[str, int] | None]("q"), "Queue[dict[str, int] | None]('q')"),
            (Alias("q"), "Queue[Mail]('q')"),
            (Mails("q"), "Queue[Mail]('q')"),
            (Boxes[int]("q"), "Queue[list[int]]('q')"),
            (Queue["list[Mail]"]("q"), "Queue[list[Mail]]('q')"),
            (Queue("q"), "Queue[JSON value]('q')"),
            (Queue[Any]("q"), "Queue[JSON value]('q')"),
            (Queue[T]("q"), "Queue[JSON value]('q')"),  # type: ignore[valid-type]
        ],
    )
    def test_the_type_is_read_from_the_brackets(self, queue: Queue[Any], shown: str) -> None:
        assert repr(queue) == shown

    def test_a_name_that_is_not_defined_is_a_clear_error(self) -> None:
        unknown: Any = "Nothing"
        queue: Queue[Any] = Queue[unknown]("q")
        assert repr(queue) == "Queue('q')"
        with pytest.raises(TypeError, match="queue 'q': a payload type cannot be found: name 'Nothing' is not defined"):
            queue.encoding.encode(1)

    def test_a_queue_at_another_broker_is_otherwise_the_same(self) -> None:
        other = NUMBERS.at("other")
        assert (other.broker, other.name, repr(other)) == ("other", "numbers", repr(NUMBERS))
        assert NUMBERS.broker == NAME


class TestPut:
    async def test_a_wrong_payload_is_refused_before_anything_is_sent(self) -> None:
        asked = await start_writer()
        wrong: Any = "x"
        for refused in (NUMBERS.put(wrong), NUMBERS.offer(wrong), NUMBERS.put_many([1, wrong])):
            with pytest.raises(PayloadError, match="wanted int, got 'x'"):
                await refused
        assert asked == []

    async def test_a_put_into_a_full_queue_raises_after_its_timeout(self, virtual_clock: VirtualClock) -> None:
        begin = virtual_clock.now()
        await start_writer()
        queue = Queue[int]("q", bound=1, broker=NAME)
        await queue.put(1)
        assert await queue.offer(2) is None
        with pytest.raises(Full, match=r"queue 'q' has bound=1, and no room came within 3\.0 s"):
            await queue.put(2, timeout=3.0)
        assert virtual_clock.now() == begin + 3.0
        with pytest.raises(Full):
            await queue.put_many([2], timeout=0)
        waiting = asyncio.create_task(queue.put(3))
        await process.sleep(10.0)
        await (await queue.get()).ack()
        assert await waiting == Enqueued(2)

    async def test_many_are_put_in_one_request_in_their_order(self) -> None:
        asked = await start_writer()
        assert await NUMBERS.put_many(iter([3, 1, 2])) == [Enqueued(1), Enqueued(2), Enqueued(3)]
        assert await NUMBERS.peek(5) == [3, 1, 2]
        assert len(asked) == 2

    async def test_no_jobs_are_no_request(self) -> None:
        asked = await start_writer()
        assert await NUMBERS.put_many([]) == []
        assert asked == []

    async def test_more_jobs_than_the_bound_would_wait_for_ever(self) -> None:
        await start_writer()
        queue = Queue[int]("q", bound=2, broker=NAME)
        with pytest.raises(ValueError, match="put_many into 'q': 3 jobs are more than bound=2"):
            await queue.put_many([1, 2, 3])
        assert len(await queue.put_many([1, 2, 3], key="k")) == 3  # two of them are duplicates

    @pytest.mark.parametrize("wrong", ["abc", 3, None, int])
    async def test_many_are_a_list(self, wrong: Any) -> None:
        with pytest.raises(TypeError, match="put_many into 'numbers': wanted a list of payloads"):
            await NUMBERS.put_many(wrong)

    async def test_an_offer_has_no_timeout(self) -> None:
        with pytest.raises(ValueError, match="offer does not wait"):
            await NUMBERS.offer(1, timeout=3.0)

    async def test_a_second_job_with_a_key_is_a_duplicate(self) -> None:
        await start_writer()
        assert await NUMBERS.put(1, key="k") == Enqueued(1)
        assert await NUMBERS.put(2, key="k") == Enqueued(1, duplicate=True)


class TestGet:
    async def test_a_job_has_all_that_was_put(self) -> None:
        await start_writer()
        await NUMBERS.put(7, group="g", key="k", attempts=3, traceparent="00-a-b-01")
        job = await NUMBERS.get(lease=5.0)
        assert (job.id, job.payload, job.attempt, job.attempts) == (1, 7, 1, 3)
        assert (job.group, job.key, job.traceparent, job.queue) == ("g", "k", "00-a-b-01", "numbers")
        assert job.created_at.tzinfo is not None
        assert abs(job.created_at.timestamp() - process.system_time()) < 60.0

    async def test_a_claim_names_its_holder_and_has_the_options(self) -> None:
        asked = await start_writer()
        queue = Queue[int]("q", rate=Rate(5), lease=9.0, broker=NAME)
        await queue.get_many(3)
        await queue.get_many(1, lease=2.0)
        me = f"{socket.gethostname()}:{os.getpid()}:{process.current()}"
        assert asked == [Claim("q", 3, 9.0, me, Rate(5)), Claim("q", 1, 2.0, me, Rate(5))]

    async def test_empty_is_raised_after_the_timeout(self, virtual_clock: VirtualClock) -> None:
        begin = virtual_clock.now()
        await start_writer()
        for timeout in (0, 2.0):
            with pytest.raises(Empty, match=rf"queue 'numbers': no job came within {timeout:.1f} s"):
                await NUMBERS.get(timeout=timeout)
        assert virtual_clock.now() == begin + 2.0
        with pytest.raises(TimeoutError):
            await NUMBERS.get(timeout=0)
        assert await NUMBERS.get_many(3) == []

    @pytest.mark.usefixtures("virtual_clock")
    async def test_a_get_waits_for_a_put(self) -> None:
        await start_writer()
        waiting = asyncio.create_task(NUMBERS.get())
        await process.sleep(1e6)
        await NUMBERS.put(1)
        assert (await waiting).payload == 1

    @pytest.mark.parametrize(
        ("arguments", "error"),
        [
            ({"n": 0}, ValueError),
            ({"n": True}, TypeError),
            ({"n": 1, "lease": 0}, ValueError),
            ({"n": 1, "timeout": -1}, ValueError),
        ],
    )
    async def test_wrong_arguments_are_refused(self, arguments: Any, error: type[Exception]) -> None:
        with pytest.raises(error, match="'numbers'"):
            await NUMBERS.get_many(**arguments)


class TestPayloadsThatDoNotDecode:
    async def test_they_are_buried_and_the_next_one_is_taken(self) -> None:
        await start_writer()
        await RAW.put_many(["a", "b", 3])
        assert await NUMBERS.peek(3) == [3]
        job = await NUMBERS.get(timeout=0)
        assert job.payload == 3
        dead = await NUMBERS.dead_letters()
        assert [(one.id, one.raw, one.attempts) for one in dead] == [(2, b'"b"', 1), (1, b'"a"', 1)]
        assert (dead[0].errors[0].kind, dead[0].errors[0].attempt) == ("PayloadError", 1)
        assert "wanted int, got str" in dead[0].errors[0].message
        with pytest.raises(PayloadError, match="wanted int, got str"):
            _ = dead[0].payload

    async def test_of_many_those_that_decode_come_at_once(self) -> None:
        await start_writer()
        await RAW.put_many([1, "b", 3])
        assert [job.payload for job in await NUMBERS.get_many(3)] == [1, 3]

    async def test_the_timeout_is_for_all_of_them_together(self, virtual_clock: VirtualClock) -> None:
        begin = virtual_clock.now()
        await start_writer()
        waiting = asyncio.create_task(NUMBERS.get(timeout=10.0))
        await process.sleep(6.0)
        await RAW.put("a")
        with pytest.raises(Empty):
            await waiting
        assert virtual_clock.now() == begin + 10.0


class TestSettling:
    async def test_an_acknowledged_job_is_gone(self) -> None:
        await start_writer()
        await NUMBERS.put(1)
        job = await NUMBERS.get()
        await NUMBERS.ack(job)
        assert await NUMBERS.size() == 0
        with pytest.raises(LeaseLost):
            await job.ack()

    async def test_a_job_that_is_given_back_comes_after_the_delay(self, virtual_clock: VirtualClock) -> None:
        begin = virtual_clock.now()
        await start_writer()
        await NUMBERS.put(1)
        job = await NUMBERS.get()
        await job.nack(delay=7.0, error="no\ud800")
        again = await NUMBERS.get()
        assert virtual_clock.now() == pytest.approx(begin + 7.0)
        assert again.attempt == 2
        assert [(one.kind, one.message) for one in again.errors] == [("Nack", "no?")]

    async def test_without_a_delay_the_backoff_decides(self) -> None:
        asked = await start_writer()
        queue = Queue[int]("q", backoff=lambda attempt: 10.0 * attempt, broker=NAME)
        await queue.put(1)
        await (await queue.get()).nack()
        nack = asked[-1]
        assert isinstance(nack, Nack)
        assert nack.delay == 10.0

    async def test_a_discarded_job_is_dead(self) -> None:
        await start_writer()
        await NUMBERS.put(1)
        await (await NUMBERS.get()).discard("no such address")
        (dead,) = await NUMBERS.dead_letters()
        assert (dead.payload, dead.errors[-1].kind, dead.errors[-1].message) == (1, "Discard", "no such address")

    async def test_a_lease_is_extended_from_now(self, virtual_clock: VirtualClock) -> None:
        asked = await start_writer()
        await NUMBERS.put(1)
        job = await NUMBERS.get(lease=5.0)
        await process.sleep(3.0)
        assert await job.extend(5.0) == virtual_clock.now() + 5.0
        assert isinstance(asked[-1], Extend)
        await process.sleep(5.1)
        with pytest.raises(LeaseLost, match="queue 'numbers': the lease of job 1 is over"):
            await job.extend(5.0)

    async def test_wrong_arguments_are_refused(self) -> None:
        await start_writer()
        await NUMBERS.put(1)
        job: Job[Any] = await NUMBERS.get()
        wrong: Any = 3
        for settled in (NUMBERS.ack(wrong), NUMBERS.nack(wrong), NUMBERS.discard(wrong), NUMBERS.extend(wrong, 1.0)):
            with pytest.raises(TypeError, match="wanted a Job that `get` returned, got 3"):
                await settled
        with pytest.raises(ValueError, match="job 1 is of queue 'numbers', and this is queue 'other'"):
            await Queue[int]("other", broker=NAME).ack(job)
        with pytest.raises(ValueError, match="delay: wanted seconds ≥ 0"):
            await job.nack(delay=-1.0)
        with pytest.raises(TypeError, match="error: wanted a string"):
            await job.nack(error=wrong)
        with pytest.raises(ValueError, match="lease: wanted seconds greater than 0"):
            await job.extend(0)
        await job.ack()


class TestAdministration:
    async def test_the_jobs_are_counted(self) -> None:
        await start_writer()
        assert await NUMBERS.stats() == Stats()
        await NUMBERS.put_many([1, 2, 3])
        await NUMBERS.put(4, delay=60.0)
        await NUMBERS.get()
        assert await NUMBERS.stats() == Stats(ready=2, delayed=1, leased=1)
        assert await NUMBERS.size() == 4

    async def test_a_paused_queue_gives_no_jobs(self) -> None:
        await start_writer()
        await NUMBERS.put(1)
        await NUMBERS.pause("mail server down")
        assert (await NUMBERS.stats()).paused == "mail server down"
        assert await NUMBERS.get_many(1) == []
        await NUMBERS.resume()
        assert len(await NUMBERS.get_many(1)) == 1

    async def test_purge_and_retry_work_in_slices(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("regrow.servers.queue.queue_base.SLICE", 2)
        asked = await start_writer()
        await NUMBERS.put_many(list(range(5)))
        for job in await NUMBERS.get_many(5):
            await job.discard()
        asked.clear()
        assert await NUMBERS.retry() == 5
        assert len(asked) == 3
        asked.clear()
        assert await NUMBERS.purge() == 5
        assert len(asked) == 3

    async def test_single_jobs_are_retried_and_cancelled(self) -> None:
        await start_writer()
        first, second, third = await NUMBERS.put_many([1, 2, 3])
        for job in await NUMBERS.get_many(2):
            await job.discard()
        assert await NUMBERS.retry(second.id, second.id, 99) == 1
        assert await NUMBERS.purge("dead") == 1
        assert [await NUMBERS.cancel(one.id) for one in (first, third, third)] == [False, True, False]

    async def test_dead_jobs_come_in_pages(self) -> None:
        await start_writer()
        await NUMBERS.put_many([1, 2, 3])
        for job in await NUMBERS.get_many(3):
            await job.discard()
        page = await NUMBERS.dead_letters(2)
        assert [one.payload for one in page] == [3, 2]
        assert [one.payload for one in await NUMBERS.dead_letters(2, before=page[-1].id)] == [1]

    async def test_wrong_arguments_are_refused(self) -> None:
        wrong: Any = "all"
        job: Any = Enqueued(1)
        with pytest.raises(ValueError, match='wanted "waiting" or "dead", got \'all\''):
            await NUMBERS.purge(wrong)
        with pytest.raises(TypeError, match=r"retry: wanted the id of a job, got a job\. Pass its \.id"):
            await NUMBERS.retry(job)
        with pytest.raises(TypeError, match="id: wanted an int, got 'all'"):
            await NUMBERS.cancel(wrong)
        with pytest.raises(ValueError, match="n: wanted an int ≥ 1"):
            await NUMBERS.peek(0)
        with pytest.raises(TypeError, match="note: wanted a string"):
            await NUMBERS.pause(job)


class Refusing(GenServer[StoreBusy]):
    """A writer that answers each request with one error."""

    def init(self, arg: StoreBusy, /) -> Ok[StoreBusy]:
        return Ok(arg)

    def handle_call(self, _request: Ask, _from: From, state: StoreBusy, /) -> Any:
        return Reply(state, state)


async def test_each_caller_gets_its_own_copy_of_an_error() -> None:
    await Refusing.start_link(StoreBusy("busy"), name="refusing")
    errors: list[StoreBusy] = []
    for _ in range(2):
        with pytest.raises(StoreBusy, match="busy") as caught:
            await NUMBERS.at("refusing").put(1)
        errors.append(caught.value)
    assert errors[0] is not errors[1]
