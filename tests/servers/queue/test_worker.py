# Wrong classes and options, which checkers forbid, are what is tested.
# pyright: reportArgumentType=false, reportCallIssue=false, reportGeneralTypeIssues=false
"""Worker classes: their options, their queue, and how a broker performs their jobs."""

from __future__ import annotations

import pickle
import sqlite3
import threading
from datetime import timedelta
from pathlib import Path
from typing import Any, Generic, TypeVar

import pytest

from regrow import VirtualClock, process
from regrow.queue import (
    Backoff,
    Broker,
    Discard,
    Enqueued,
    Full,
    Job,
    Memory,
    PayloadError,
    Queue,
    Retry,
    Snooze,
    SQLite,
    StoreError,
    Worker,
    current,
    job,
)
from regrow.servers.queue.workspec import spec_of
from tests.servers.queue.payload_classes import Email, Model, Sms

pytestmark = pytest.mark.regrow

T = TypeVar("T")


class Base(Worker[T], Generic[T], attempts=3, timeout=timedelta(minutes=1), concurrency=2):
    async def perform(self, job: Job[T]) -> None:
        raise NotImplementedError


class SendSms(Base[Sms], name="sms", backoff=Backoff(first=1.0)):
    pass


class SendEither(Worker["Email | Sms"]):
    async def perform(self, job: Job[Email | Sms]) -> None:
        match job.payload:
            case Email():
                print("email")
            case Sms():
                print("sms")


class TestOptions:
    def test_a_worker_is_a_queue_of_its_name(self) -> None:
        class Resize(Worker[str]):
            async def perform(self, job: Job[str]) -> None: ...

        assert SendEither.queue.name == "SendEither"
        assert Resize.queue.name == "TestOptions.test_a_worker_is_a_queue_of_its_name.<locals>.Resize"
        assert repr(SendEither.queue) == "Queue[Email | Sms]('SendEither')"

    def test_a_derived_class_inherits_the_options_but_not_the_name(self) -> None:
        class Again(SendSms, attempts=9):
            pass

        spec, again = spec_of(SendSms, "b"), spec_of(Again, "b")
        assert (spec.name, spec.settings.attempts, spec.concurrency, spec.timeout) == ("sms", 3, 2, 60.0)
        assert again.name.endswith(".Again")
        assert (again.settings.attempts, again.settings.backoff, again.timeout) == (9, Backoff(first=1.0), 60.0)
        assert repr(Again.queue).startswith("Queue[Sms]")
        assert spec.settings.attempts == 3

    @pytest.mark.parametrize(
        ("options", "error", "why"),
        [
            ({"atempts": 3}, TypeError, "class .*Wrong: unknown option 'atempts'; did you mean attempts?"),
            ({"max_retries": 3}, TypeError, "unknown option 'max_retries'"),
            ({"concurrency": 0}, ValueError, "class .*Wrong: concurrency: wanted an int ≥ 1"),
            ({"timeout": 0}, ValueError, "timeout: wanted seconds greater than 0"),
            ({"timeout": "1"}, TypeError, "timeout: wanted seconds"),
            ({"attempts": 0}, ValueError, "attempts: wanted an int ≥ 1"),
            ({"name": ""}, ValueError, "a queue's name"),
        ],
        ids=repr,
    )
    def test_a_wrong_option_is_named(self, options: Any, error: type[Exception], why: str) -> None:
        with pytest.raises(error, match=why):

            class Wrong(Worker[int], **options):  # pyright: ignore[reportUnusedClass]
                pass

    def test_the_base_class_has_no_queue(self) -> None:
        with pytest.raises(AttributeError, match="Worker has no queue"):
            getattr(Worker, "queue")  # noqa: B009 - its type is unknown


class TestWhatABrokerRefuses:
    def refused(self, worker: object, why: str) -> None:
        with pytest.raises(TypeError, match=why):
            spec_of(worker, "b")

    def test_a_worker_without_perform(self) -> None:
        class Idle(Worker[int]):
            pass

        self.refused(Idle, r"worker .*Idle: wanted a method perform\(self, job\)")

    def test_a_worker_with_parameters(self) -> None:
        class Needs(Worker[int]):
            def __init__(self, host: str) -> None:
                self.host = host

            def perform(self, job: Job[int]) -> None: ...

        self.refused(Needs, "worker .*Needs: .*without arguments.*missing a required argument: 'host'")

    def test_a_perform_that_yields(self) -> None:
        class Yields(Worker[int]):
            def perform(self, job: Job[int]) -> Any:
                yield job

        self.refused(Yields, "perform contains `yield`")

    def test_a_type_that_no_library_encodes(self) -> None:
        class Lists(Worker[list[Email | Sms]]):
            def perform(self, job: Job[list[Email | Sms]]) -> None: ...

        self.refused(Lists, "payloads of type .* cannot be encoded")

    def test_what_is_no_worker(self) -> None:
        def function() -> None: ...

        self.refused(function, "wanted Worker classes and @job functions, got .*Decorate a function with @job")
        self.refused(int, "wanted Worker classes and @job functions, got .*int")
        self.refused(SendSms(), "Pass the class SendSms")
        self.refused(Worker, r"wanted a method perform")
        self.refused("SendSms", "got 'SendSms'")
        self.refused(type(job(name="f")(function)), "wanted Worker classes and @job functions")


class TestPerforming:
    async def test_each_kind_of_payload_comes_as_it_was_put(self) -> None:
        seen: list[Any] = []

        class Take(Worker[Email | Model | list[int]]):
            async def perform(self, job: Job[Email | Model | list[int]]) -> None:
                seen.append(job.payload)
                assert current() is job

        await Broker.start_link(Memory(), workers=[Take])
        assert await Take.put(Email("a", "b")) == Enqueued(1)
        assert await Take.put_many([Model(x=1), [1, 2]]) == [Enqueued(2), Enqueued(3)]
        assert await Take.offer([3]) == Enqueued(4)
        await empty(Take.queue)
        assert sorted(seen, key=repr) == sorted([Email("a", "b"), Model(x=1), [1, 2], [3]], key=repr)

    async def test_a_def_runs_in_a_thread(self) -> None:
        seen: list[Any] = []

        class Take(Worker[int]):
            def perform(self, job: Job[int]) -> None:
                seen.append((job.payload, current() is job, threading.get_ident() == main))

        main = threading.get_ident()
        await Broker.start_link(Memory(), workers=[Take])
        await Take.put(1)
        await empty(Take.queue)
        assert seen == [(1, True, False)]

    async def test_one_object_performs_all_jobs_of_a_broker(self) -> None:
        made: list[Any] = []

        class Take(Worker[int]):
            def __init__(self) -> None:
                made.append([])

            async def perform(self, job: Job[int]) -> None:
                made[0].append(job.payload)

        await Broker.start_link(Memory(), workers=[Take])
        await Take.put_many([1, 2, 3])
        await empty(Take.queue)
        assert [sorted(one) for one in made] == [[1, 2, 3]]

    async def test_outcomes_are_raised(self, virtual_clock: VirtualClock) -> None:
        times: list[tuple[int, float]] = []
        begin = virtual_clock.now()
        outcomes: list[Exception] = [Snooze(100.0), Retry("greylisted", delay=10.0), ValueError("no"), Discard("final")]

        class Take(Worker[int], backoff=lambda attempt: 1000.0 * attempt):
            async def perform(self, job: Job[int]) -> None:
                times.append((job.attempt, round(virtual_clock.now() - begin)))
                raise outcomes.pop(0)

        await Broker.start_link(Memory(), workers=[Take])
        await Take.put(1)
        await empty(Take.queue)
        assert times == [(1, 0), (1, 100), (2, 110), (3, 2110)]
        (dead,) = await Take.queue.dead_letters()
        assert [(one.kind, one.message) for one in dead.errors] == [
            ("Retry", "greylisted"),
            ("ValueError", "no"),
            ("Discard", "final"),
        ]

    async def test_a_job_is_settled_at_the_broker_that_performs_it(self) -> None:
        class Take(Worker[int], broker="nowhere"):
            async def perform(self, job: Job[int]) -> None:
                await job.extend(60.0)

        await Broker.start_link(Memory(), name="here", workers=[Take])
        here = Take.queue.at("here")
        await here.put(1)
        await empty(here)
        assert (await here.stats()).dead == 0

    def test_outside_of_a_job_there_is_none(self) -> None:
        with pytest.raises(LookupError, match="does not run for a job"):
            current()


async def empty(queue: Queue[Any]) -> None:
    """Wait until a queue has no live jobs."""
    while await queue.size():
        await process.sleep(1.0)


class TestPutIn:
    async def test_a_job_is_put_in_the_callers_transaction(self, tmp_path: Path) -> None:
        await Broker.start_link(SQLite(tmp_path / "app.db", shared=True, thread=False))
        connection = sqlite3.connect(tmp_path / "app.db")
        SendSms.put_in(connection, Sms("ann", "no"))
        connection.rollback()
        with connection:
            SendSms.put_in(connection, Sms("ann", "yes"), priority=3)
        connection.close()
        assert [(one.payload, one.priority) for one in await SendSms.queue.get_many(2)] == [(Sms("ann", "yes"), 3)]

    async def test_a_full_queue_refuses(self, tmp_path: Path) -> None:
        await Broker.start_link(SQLite(tmp_path / "app.db", shared=True, thread=False))
        queue = Queue[int]("q", bound=1)
        connection = sqlite3.connect(tmp_path / "app.db")
        with connection:
            queue.put_in(connection, 1)
            with pytest.raises(Full):
                queue.put_in(connection, 2)
        connection.close()

    async def test_an_awaited_connection_will_do(self, tmp_path: Path) -> None:
        import aiosqlite

        await Broker.start_link(SQLite(tmp_path / "app.db", shared=True, thread=False))
        async with aiosqlite.connect(tmp_path / "app.db") as connection:
            await SendSms.put_in_async(connection, Sms("ann", "yes"))
            await connection.commit()
        assert await SendSms.queue.size() == 1

    def test_without_tables_or_a_fitting_payload_it_is_refused(self) -> None:
        connection = sqlite3.connect(":memory:")
        wrong: Any = "x"
        with pytest.raises(StoreError, match="no tables"):
            SendSms.put_in(connection, Sms("ann", "yes"))
        with pytest.raises(PayloadError):
            SendSms.put_in(connection, wrong)
        with pytest.raises(ValueError, match="put_in does not wait"):
            SendSms.put_in(connection, Sms("a", "b"), timeout=1.0)
        with pytest.raises(TypeError, match=r"wanted a sqlite3\.Connection"):
            SendSms.put_in(wrong, Sms("a", "b"))
        connection.close()


class TestSignals:
    @pytest.mark.parametrize(
        "signal", [Retry("m", delay=3.0), Retry(), Snooze(timedelta(minutes=1), "m"), Discard("m")]
    )
    def test_they_can_be_pickled(self, signal: Any) -> None:
        again = pickle.loads(pickle.dumps(signal))
        assert (type(again), str(again), vars(again)) == (type(signal), str(signal), vars(signal))

    def test_their_delays_are_checked(self) -> None:
        wrong: Any = None
        with pytest.raises(ValueError, match=r"Retry\(delay=\): wanted seconds ≥ 0"):
            Retry(delay=-1.0)
        with pytest.raises(TypeError, match=r"Snooze\(delay\): wanted seconds"):
            Snooze(wrong)
