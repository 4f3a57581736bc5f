# Wrong arguments, which checkers forbid, are what is tested.
# pyright: reportArgumentType=false, reportCallIssue=false
"""The options of queues and of puts: what is accepted, and the errors for the rest."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from regrow import NoProcess
from regrow.servers.queue.job import Enqueued
from regrow.servers.queue.ops import NewJob, Op, Put
from regrow.servers.queue.outcome import Backoff
from regrow.servers.queue.queue import Queue
from regrow.servers.queue.rate import Rate
from regrow.servers.queue.settings import Settings
from tests.servers.queue.fake_writer import NAME, start_writer

pytestmark = pytest.mark.regrow

NOON = datetime(2030, 1, 1, 12, tzinfo=UTC)
NUMBERS = Queue[int]("numbers", broker=NAME)


@pytest.mark.parametrize(
    ("options", "error", "why"),
    [
        ({"name": ""}, ValueError, "a queue's name: wanted a string of one character or more"),
        ({"name": 3}, TypeError, "a queue's name: wanted a string, got 3"),
        ({"name": "a\0b"}, ValueError, "without NUL"),
        ({"name": "\ud800"}, ValueError, "UTF-8"),
        ({"bound": 0}, ValueError, "queue 'q': bound: wanted an int ≥ 1, got 0"),
        ({"bound": 1.5}, TypeError, "bound: wanted an int, got 1.5"),
        ({"bound": True}, TypeError, "bound: wanted an int, got True"),
        ({"full": "block"}, ValueError, 'full: wanted "wait" or "drop_oldest", got \'block\''),
        ({"rate": 10}, TypeError, r"rate: wanted Rate\(limit, per=seconds\), got 10"),
        ({"attempts": 0}, ValueError, "attempts: wanted an int ≥ 1, got 0"),
        ({"attempts": True}, TypeError, "attempts: wanted an int, got True"),
        ({"attempts": 1 << 40}, ValueError, "attempts: wanted an int ≤ 2147483647"),
        ({"backoff": 5.0}, TypeError, r"backoff: wanted Backoff\(…\) or a function"),
        ({"lease": 0}, ValueError, "lease: wanted seconds greater than 0"),
        ({"lease": -1.0}, ValueError, "lease: wanted seconds ≥ 0"),
        ({"lease": None}, TypeError, "lease: wanted seconds .* got None"),
        ({"lease": "30"}, TypeError, "lease: wanted seconds"),
        ({"lease": float("inf")}, ValueError, "lease: wanted seconds, a hundred years at most"),
        ({"max_payload": 0}, ValueError, "max_payload: wanted an int ≥ 1"),
        ({"broker": 3}, TypeError, "3"),
        ({"bund": 3}, TypeError, "bund"),
    ],
    ids=repr,
)
def test_a_wrong_option_of_a_queue_is_named(options: dict[str, Any], error: type[Exception], why: str) -> None:
    with pytest.raises(error, match=why):
        Queue(**{"name": "q"} | options)


def test_the_options_of_a_queue_may_be_timedeltas() -> None:
    queue = Queue[int]("q", lease=timedelta(minutes=1), rate=Rate(10, timedelta(minutes=1)), backoff=Backoff(most=9.0))
    assert queue.settings.lease == 60.0


@pytest.mark.parametrize(
    ("options", "error", "why"),
    [
        ({"dealy": 3}, TypeError, "put into 'numbers': unknown option 'dealy'; did you mean delay?"),
        ({"xyz": 3}, TypeError, "unknown option 'xyz'; there are at, attempts, delay, group"),
        ({"delay": -1}, ValueError, "put into 'numbers': delay: wanted seconds ≥ 0, got -1"),
        ({"delay": "1"}, TypeError, "delay: wanted seconds"),
        ({"delay": True}, TypeError, "delay: wanted seconds"),
        ({"delay": None}, TypeError, "delay: wanted seconds .* got None"),
        ({"delay": float("nan")}, ValueError, "delay: wanted seconds"),
        ({"delay": float("inf")}, ValueError, "a hundred years"),
        ({"delay": 1e300}, ValueError, "a hundred years"),
        ({"at": datetime(2030, 1, 1)}, ValueError, "at: wanted a datetime with a time zone"),  # noqa: DTZ001
        ({"at": 5.0}, TypeError, "at: wanted a datetime"),
        ({"at": NOON, "delay": 1.0}, ValueError, "wanted delay or at, got both"),
        ({"priority": 1.5}, TypeError, "priority: wanted an int"),
        ({"priority": True}, TypeError, "priority: wanted an int"),
        ({"priority": 1 << 31}, ValueError, "priority: wanted an int ≤"),
        ({"group": 3}, TypeError, "group: wanted a string"),
        ({"group": ""}, ValueError, "group: wanted a string of one"),
        ({"group": "g", "priority": 1}, ValueError, "group and priority"),
        ({"key": 3}, TypeError, "key: wanted a string"),
        ({"key": "\0"}, ValueError, "key: wanted a string without NUL"),
        ({"key_for": 3.0}, ValueError, "key_for is about the job's key, and there is no key="),
        ({"key_states": "all"}, ValueError, "key_states is about the job's key"),
        ({"key": "k", "key_for": 0}, ValueError, "key_for: wanted seconds greater than 0"),
        ({"key": "k", "key_states": "dead"}, ValueError, 'key_states: wanted "live" or "all", got \'dead\''),
        ({"attempts": 0}, ValueError, "attempts: wanted an int ≥ 1"),
        ({"attempts": 2.0}, TypeError, "attempts: wanted an int"),
        ({"timeout": -1}, ValueError, "timeout: wanted seconds ≥ 0"),
        ({"traceparent": 3}, TypeError, "traceparent: wanted a string"),
    ],
    ids=repr,
)
async def test_a_wrong_option_of_a_put_is_named_and_nothing_is_sent(
    options: dict[str, Any], error: type[Exception], why: str
) -> None:
    asked = await start_writer()
    with pytest.raises(error, match=why):
        await NUMBERS.put(1, **options)
    with pytest.raises(error, match=why):
        await NUMBERS.put_many([1, 2], **options)
    assert asked == []


def jobs_of(op: Op) -> tuple[NewJob, ...]:
    assert isinstance(op, Put)
    return op.jobs


@pytest.mark.parametrize(
    ("options", "changes"),
    [
        ({}, {}),
        ({"delay": timedelta(minutes=1)}, {"delay": 60.0}),
        ({"at": NOON}, {"at": NOON.timestamp()}),
        ({"priority": -5}, {"priority": -5}),
        ({"group": "g"}, {"group": "g"}),
        (
            {"key": "k", "key_for": timedelta(days=1), "key_states": "all"},
            {"key": "k", "key_for": 86400.0, "key_states": "all"},
        ),
        ({"attempts": 3}, {"max_attempts": 3}),
        ({"timeout": 3.0}, {}),
        ({"timeout": None}, {}),
        ({"traceparent": "00-1-2-01"}, {"traceparent": "00-1-2-01"}),
    ],
    ids=repr,
)
async def test_the_options_of_a_put_are_in_the_job(options: Any, changes: dict[str, Any]) -> None:
    asked = await start_writer()
    wanted = replace(NewJob(b"1", max_attempts=20), **changes)
    assert await NUMBERS.put(1, **options) == Enqueued(1, False)
    await NUMBERS.put_many([1], **options)
    assert [jobs_of(op) for op in asked] == [(wanted,), (wanted,)]


async def test_the_options_of_a_queue_travel_with_each_put() -> None:
    asked = await start_writer()
    queue = Queue[int]("q", bound=5, full="drop_oldest", attempts=7, broker=NAME)
    await queue.put(1)
    await queue.put(2, attempts=3)
    assert asked == [
        Put("q", (NewJob(b"1", max_attempts=7),), 5, "drop_oldest"),
        Put("q", (NewJob(b"2", max_attempts=3),), 5, "drop_oldest"),
    ]


@pytest.mark.parametrize(
    ("result", "error", "why"),
    [
        (-1.0, ValueError, r"queue 'q': backoff\(2\): wanted seconds ≥ 0, got -1.0"),
        (None, TypeError, r"backoff\(2\): wanted seconds"),
        ("1", TypeError, r"backoff\(2\): wanted seconds"),
        (float("inf"), ValueError, r"backoff\(2\): wanted seconds, a hundred years at most"),
    ],
    ids=repr,
)
def test_the_result_of_a_users_backoff_is_checked(result: Any, error: type[Exception], why: str) -> None:
    with pytest.raises(error, match=why):
        Settings("q", backoff=lambda _: result).delay_after(2, 1)


def test_a_backoff_is_asked_for_the_attempt() -> None:
    def backoff(attempt: int) -> Any:
        return timedelta(seconds=10 * attempt)

    assert Settings("q", backoff=backoff).delay_after(3, 1) == 30.0
    assert Settings("q").delay_after(3, 77) == Backoff().of_job(3, 77)


def test_a_backoff_that_has_to_be_awaited_is_refused() -> None:
    async def backoff(_: int) -> float:
        return 1.0

    with pytest.raises(TypeError, match="has to be awaited"):
        Settings("q", backoff=backoff).delay_after(1, 1)  # type: ignore[arg-type]


async def test_a_queue_without_a_broker_says_so() -> None:
    with pytest.raises(NoProcess):
        await Queue[int]("q", broker="not there").put(1)
