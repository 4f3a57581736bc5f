"""Queues, workers and jobs as users write them. Each line that ends in `# error` is wrong, and every checker reports it.

ty does not know `**options: Unpack[PutOptions]` yet.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Coroutine
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, assert_type

from regrow import Supervisor
from regrow.queue import (
    Backoff,
    Broker,
    DeadJob,
    Enqueued,
    Job,
    JobFunction,
    Memory,
    PutOptions,
    Queue,
    Rate,
    Retry,
    Snooze,
    SQLite,
    Worker,
    current,
    job,
)


@dataclass
class Email:
    to: str


@dataclass
class Sms:
    number: int


class SendEmail(Worker[Email], attempts=8, timeout=30.0, concurrency=5, backoff=Backoff(first=1.0)):
    async def perform(self, job: Job[Email]) -> None:
        assert_type(job.payload, Email)
        raise Retry("greylisted", delay=timedelta(minutes=5))


class SendEither(Worker[Email | Sms], name="either", rate=Rate(10)):
    def perform(self, job: Job[Email | Sms]) -> None:
        match job.payload:
            case Email(to=to):
                assert_type(to, str)
            case Sms(number=number):
                assert_type(number, int)
        raise Snooze(3600.0)


class WrongJob(Worker[Email]):
    async def perform(self, job: Job[Sms]) -> None:  # error
        pass


class WrongOption(Worker[Email], atempts=3):  # error: mypy, basedpyright, pyrefly
    pass


class WrongValue(Worker[Email], attempts="3"):  # error
    pass


@job
def resize(path: str, width: int = 800) -> bytes:
    return b""


@job(attempts=3, timeout=30.0, name="fetch")
async def fetch(url: str, /, *, again: bool = False) -> int:
    return 1


@job(atempts=3)  # error: mypy, basedpyright, pyrefly
def wrong_option(path: str) -> None: ...


NUMBERS = Queue[int]("numbers", bound=10_000, full="drop_oldest", lease=timedelta(minutes=1))
OPTIONS: PutOptions = {"delay": 3.0, "key": "k"}


async def right(connection: sqlite3.Connection) -> None:
    assert_type(await SendEmail.put(Email("ann"), delay=60.0, key="welcome"), Enqueued)
    assert_type(await SendEmail.offer(Email("ann"), **OPTIONS), Enqueued | None)
    assert_type(await SendEither.put_many([Email("ann"), Sms(3)]), list[Enqueued])
    assert_type(SendEmail.put_in(connection, Email("ann"), priority=3), Enqueued)
    assert_type(await SendEmail.put_in_async(connection, Email("ann")), Enqueued)
    assert_type(SendEmail.queue, Queue[Email])
    assert_type(await SendEmail.queue.get(), Job[Email])
    assert_type(await SendEmail.queue.dead_letters(), list[DeadJob[Email]])
    assert_type(resize("cat.png"), bytes)
    assert_type(await fetch("http://example.org", again=True), int)
    assert_type(await resize.put("cat.png", width=3), Enqueued)
    assert_type(await resize.options(delay=60.0, group="cat").put("cat.png"), Enqueued)
    assert_type(await fetch.offer("http://example.org"), Enqueued | None)
    assert_type(resize.put_in(connection, "cat.png"), Enqueued)
    assert_type(resize.queue, Queue[dict[str, Any]])
    await NUMBERS.put(1, at=datetime(2030, 1, 1, tzinfo=UTC), attempts=3)
    got = await NUMBERS.get(lease=30.0, timeout=5.0)
    assert_type(got.payload, int)
    assert_type(await got.extend(30.0), float)
    await got.ack()
    assert_type((await NUMBERS.get_many(3))[0].payload, int)
    assert_type(await NUMBERS.peek(), list[int])
    assert_type((await NUMBERS.dead_letters())[0].payload, int)
    current().payload.anything()
    await Broker.start_link(SQLite("app.db"), workers=[SendEmail, SendEither, resize, fetch])
    await Supervisor.start_link([(Broker, "app.db"), Broker.child_spec(Memory(), workers=[SendEmail], drain=60.0)])


def decorated(function: JobFunction[[str], Coroutine[Any, Any, int]]) -> None:
    assert_type(function("a"), Coroutine[Any, Any, int]).close()


async def wrong(connection: sqlite3.Connection) -> None:
    await SendEmail.put(Sms(3))  # error
    await SendEmail.put("ann")  # error
    await SendEmail.put(Email("ann"), dealy=60.0)  # error: mypy, basedpyright, pyrefly
    await SendEmail.put(Email("ann"), delay="60")  # error
    await SendEmail.put(Email("ann"), key_states="dead")  # error
    await SendEmail.put_many([Email("ann"), Sms(3)])  # error
    SendEmail.put_in(connection, Sms(3))  # error
    await SendEither.put(3)  # error
    await SendEmail.queue.put(Sms(3))  # error
    await resize.put(3)  # error
    await resize.put("cat.png", height=3)  # error
    await resize.put()  # error
    await resize.put("cat.png", width="3")  # error
    await resize.options(delay=60.0).put("cat.png", 3, 4)  # error
    resize.options(dealy=60.0)  # error: mypy, basedpyright, pyrefly
    await fetch.put(url="http://example.org")  # error
    resize.put_in(connection, 3)  # error
    resize(3)  # error
    await NUMBERS.put("x")  # error
    await NUMBERS.put(1, bound=3)  # error: mypy, basedpyright, pyrefly
    text: str = (await NUMBERS.get()).payload  # error
    numbers: list[str] = await NUMBERS.peek()  # error
    Queue[int]("numbers", bund=3)  # error
    Queue[int]("numbers", full="block")  # error
    await (await NUMBERS.get()).nack(dealy=3.0)  # error
    print(text, numbers)
    raise Retry("no", dealy=3.0)  # error
