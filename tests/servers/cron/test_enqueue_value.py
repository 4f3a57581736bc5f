"""`enqueue` as a value: its targets, its put, and its errors; no server runs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import pytest

from regrow.cron import CronJob, enqueue, every
from regrow.queue import PayloadError, Queue, Worker, job
from regrow.servers.cron.enqueue import Enqueue, PayloadFailed
from regrow.servers.cron.tick import Tick
from regrow.servers.queue.job import Job
from regrow.servers.queue.ops import NewJob, Put

DAY = datetime(2026, 11, 1, 5, 30, tzinfo=UTC)
TICK = Tick("job", DAY, DAY, "ran")


@dataclass
class Mail:
    to: str


class SendMail(Worker[Mail]):
    async def perform(self, job: Job[Mail]) -> None: ...


@job
async def resize(path: str, *, width: int = 100) -> None: ...


Texts = Queue[str]("texts")


def test_each_target_has_its_queue() -> None:
    assert enqueue(SendMail, Mail("a")).queue is SendMail.queue
    assert enqueue(resize, {"path": "a.png"}).queue_name == resize.queue.name
    found = enqueue(Texts, "hello")
    assert (found.queue, found.queue_name, repr(found)) == (Texts, "texts", "enqueue('texts')")
    assert enqueue(Queue[str]("other", broker="elsewhere"), "hello").broker == "elsewhere"


@pytest.mark.parametrize("target", [None, 5, "texts", Worker, Mail, lambda: None])
def test_what_is_no_target(target: Any) -> None:
    with pytest.raises(TypeError, match="enqueue: wanted a class of Worker, a @job function or a Queue, got "):
        enqueue(target, "hello")


def test_the_put_of_a_tick() -> None:
    found = enqueue(Texts, "hello")
    assert found.put_of(TICK) == Put("texts", (NewJob(b'"hello"', max_attempts=20),), None, "wait")
    assert found.example == Put("texts", (NewJob(b"", max_attempts=20),), None, "wait")
    found = enqueue(Queue[str]("small", bound=5, full="drop_oldest"), "hello")
    assert (found.put_of(TICK).bound, found.put_of(TICK).full) == (5, "drop_oldest")


def test_the_options_of_the_put() -> None:
    (new,) = enqueue(Texts, "hello", priority=-1, attempts=3, delay=5).put_of(TICK).jobs
    assert (new.priority, new.max_attempts, new.delay) == (-1, 3, 5.0)


@pytest.mark.parametrize(
    ("options", "error", "text"),
    [
        ({"timeout": 5}, ValueError, "enqueue into 'texts': timeout: a tick does not wait for room"),
        ({"timeout": None}, ValueError, "timeout: a tick does not wait for room"),
        ({"priority": "high"}, TypeError, "put into 'texts': priority: wanted an int, got 'high'"),
        ({"colour": "red"}, TypeError, "put into 'texts'.*colour"),
        ({"key_for": 5}, ValueError, "key_for is about the job's key"),
    ],
)
def test_an_option_that_cannot_be(options: Any, error: type[Exception], text: str) -> None:
    with pytest.raises(error, match=text):
        enqueue(Texts, "hello", **options)


def test_a_payload_of_the_wrong_type_is_found_at_once() -> None:
    with pytest.raises(PayloadError, match="texts"):
        enqueue(Texts, 5)
    with pytest.raises(PayloadError, match="Mail"):
        enqueue(SendMail, "hello")
    with pytest.raises(PayloadError, match="path"):
        enqueue(resize, {"width": 5})


async def later(tick: Tick) -> str:
    return tick.key


def test_a_payload_cannot_wait() -> None:
    with pytest.raises(TypeError, match=r"enqueue into 'texts': payload: wanted a value or a `def`, got .*later"):
        enqueue(Texts, later)


def test_a_payload_is_made_of_the_tick() -> None:
    (new,) = enqueue(Texts, lambda tick: tick.key).put_of(TICK).jobs
    assert new.payload == b'"job@2026-11-01T05:30:00Z"'


class Odd(Exception):
    def __str__(self) -> str:
        raise ValueError


def raising(error: BaseException) -> Callable[[Tick], str]:
    """Return a function that raises."""

    def payload(_: Tick) -> str:
        raise error

    return payload


def number(_: Tick) -> int:
    return 5


def nothing() -> str:
    return "hello"


@pytest.mark.parametrize(
    ("payload", "text"),
    [
        (raising(ValueError("no rows")), "the payload for 'texts': ValueError: no rows"),
        (raising(SystemExit(3)), "the payload for 'texts': SystemExit: 3"),
        (raising(KeyboardInterrupt()), "the payload for 'texts': KeyboardInterrupt: "),
        (raising(GeneratorExit()), "the payload for 'texts': GeneratorExit: "),
        (raising(Odd()), "the payload for 'texts': Odd: .*Odd"),
        (number, "the payload for 'texts': PayloadError: "),
        (nothing, "the payload for 'texts': TypeError: .*takes 0 positional arguments"),
    ],
)
def test_a_payload_that_fails_is_an_error_of_its_tick(payload: Any, text: str) -> None:
    found = enqueue(Texts, payload)
    with pytest.raises(PayloadFailed, match=text) as caught:
        found.put_of(TICK)
    assert found.is_own(caught.value)
    assert caught.value.__cause__ is not None
    assert not found.is_own(ValueError())


def test_the_key_of_a_put_into_another_store() -> None:
    (new,) = enqueue(Texts, "hello").put_of(TICK, "cron/job/1").jobs
    assert (new.key, new.key_states, new.key_for) == ("cron/job/1", "all", None)
    (new,) = enqueue(Texts, "hello").put_of(TICK).jobs
    assert new.key is None


def test_a_key_of_the_user_comes_first() -> None:
    (new,) = enqueue(Texts, "hello", key="mine", key_for=60).put_of(TICK, "cron/job/1").jobs
    assert (new.key, new.key_states, new.key_for) == ("mine", "live", 60.0)


def test_the_function_of_the_job_is_never_called() -> None:
    found: Any = CronJob(enqueue(Texts, "hello"), every(5)).function
    assert isinstance(found, Enqueue)
    with pytest.raises(TypeError, match=r"enqueue\('texts'\) is the function of a CronJob; call the queue's `put`"):
        found()
