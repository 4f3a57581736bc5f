"""`CronJob`: its defaults, and its errors, which say who wanted what and what came."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import FrozenInstanceError, fields
from datetime import timedelta
from functools import partial
from typing import Any

import pytest

from regrow.cron import Backoff, CronJob, DuplicateJob, Every, enqueue, every
from regrow.servers.cron.job import DEFAULTS, Policies, by_name
from regrow.servers.queue.queue import Queue

EVERY = every(5)
Mails = Queue[str]("mails")


def work() -> None: ...


async def in_loop() -> None: ...


def takes(one: int, *, other: int = 1) -> None: ...


def generator() -> Iterator[int]:
    yield 1


class Callables:
    def method(self) -> None: ...

    def __call__(self) -> None: ...


def test_the_defaults() -> None:
    job = CronJob(work, EVERY)
    assert {field.name: getattr(job, field.name) for field in fields(job)} == {
        "function": work,
        "schedule": EVERY,
        "args": (),
        "kwargs": {},
        "name": "work",
        "catch_up": "run_once",
        "catch_up_window": 86_400.0,
        "overlap": "skip",
        "jitter": 0.0,
        "timeout": None,
        "attempts": 1,
        "backoff": Backoff(),
        "shutdown": 5.0,
        "blocking": None,
    }
    assert (job.window_us, job.jitter_us, job.shutdown_seconds, job.enqueues) == (86_400_000_000, 0, 5.0, None)
    assert repr(job) == "CronJob('work', every 5 s)"
    assert {field.name for field in fields(job)} - {"function", "schedule"} == set(Policies.__annotations__)


def test_a_job_is_frozen_and_keeps_copies() -> None:
    args, kwargs = [1], {"other": 2}
    job = CronJob(takes, EVERY, args=args, kwargs=kwargs)
    args.append(2)
    kwargs["third"] = 3
    assert (job.args, job.kwargs) == ((1,), {"other": 2})
    with pytest.raises(FrozenInstanceError):
        job.name = "other"  # type: ignore[misc]
    with pytest.raises(TypeError):
        job.kwargs["other"] = 3  # type: ignore[index]
    assert CronJob(takes, EVERY, args=(one for one in [1])).args == (1,)
    assert len({CronJob(work, EVERY), CronJob(work, EVERY)}) == 2


def test_durations_are_seconds_or_timedeltas() -> None:
    two = timedelta(seconds=2)
    job = CronJob(work, EVERY, catch_up_window=two, jitter=two, timeout=two, shutdown=two)
    assert (job.catch_up_window, job.jitter, job.timeout, job.shutdown) == (2.0, 2.0, 2.0, 2.0)
    assert (job.window_us, job.jitter_us) == (2_000_000, 2_000_000)
    assert CronJob(work, EVERY, catch_up_window=0).window_us == 0


@pytest.mark.parametrize(("shutdown", "seconds"), [(0, 0.0), ("brutal_kill", 0.0), ("infinity", None), (1.5, 1.5)])
def test_the_seconds_from_shutdown_to_the_kill(shutdown: Any, seconds: float | None) -> None:
    assert CronJob(work, EVERY, shutdown=shutdown).shutdown_seconds == seconds


@pytest.mark.parametrize(
    ("function", "blocking", "threaded"),
    [
        (work, None, True),
        (work, True, True),
        (work, False, False),
        (in_loop, None, False),
        (in_loop, False, False),
        (partial(in_loop), None, False),
        (partial(work), None, True),
        (enqueue(Mails, "hello"), None, False),
    ],
)
def test_which_functions_run_in_a_thread(function: Any, blocking: bool | None, threaded: bool) -> None:
    assert CronJob(function, EVERY, name="job", blocking=blocking).threaded is threaded


# Names


@pytest.mark.parametrize("name", ["a", "A-Z_0.9:/x", "x" * 128])
def test_a_name(name: str) -> None:
    assert CronJob(work, EVERY, name=name).name == name


def test_the_name_of_a_function_is_that_of_its_job() -> None:
    assert CronJob(Callables().method, EVERY).name == "method"
    assert CronJob(enqueue(Mails, "hello"), EVERY).name == "mails"
    assert CronJob(enqueue(Mails, "hello"), EVERY, name="daily").name == "daily"


@pytest.mark.parametrize("name", ["", "a b", "é", "x" * 129, "a\n", "a\0", "a|b"])
def test_a_name_that_cannot_be_one(name: str) -> None:
    with pytest.raises(
        ValueError, match=r"CronJob: name: wanted 1 to 128 of the characters A-Z a-z 0-9 _ \. : / -, got "
    ):
        CronJob(work, EVERY, name=name)


@pytest.mark.parametrize("name", [5, b"work", ["work"]])
def test_a_name_of_another_type(name: Any) -> None:
    with pytest.raises(TypeError, match="CronJob: name: wanted a string, got "):
        CronJob(work, EVERY, name=name)


@pytest.mark.parametrize("function", [lambda: None, partial(work), Callables()], ids=["lambda", "partial", "object"])
def test_a_function_without_a_name(function: Callable[[], None]) -> None:
    with pytest.raises(ValueError, match=r"has no name for the ledger\. Give the job one: name='…'"):
        CronJob(function, EVERY)
    assert CronJob(function, EVERY, name="job").name == "job"


# Functions and schedules


@pytest.mark.parametrize("name", [None, "job"])
@pytest.mark.parametrize("function", [None, 5, "work", work()])  # type: ignore[func-returns-value]
def test_what_is_no_function(function: Any, name: Any) -> None:
    with pytest.raises(TypeError, match=r"wanted a function, got .*\. Pass the function, without calling it") as caught:
        CronJob(function, EVERY, name=name)
    assert str(caught.value).startswith("CronJob 'job': " if name else "CronJob: ")


@pytest.mark.parametrize("function", [generator, partial(generator)], ids=["function", "partial"])
def test_a_generator_would_not_run(function: Any) -> None:
    with pytest.raises(TypeError, match=r"CronJob 'job': .*generator.* contains `yield`"):
        CronJob(function, EVERY, name="job")


@pytest.mark.parametrize("schedule", [5, "* * * * *", None, Every, timedelta(5)])
def test_what_is_no_schedule(schedule: Any) -> None:
    text = "CronJob 'work': schedule: wanted what every(…), cron(…), at(…) or reboot() returns, got "
    with pytest.raises(TypeError, match=re.escape(text)):
        CronJob(work, schedule)


@pytest.mark.parametrize(
    ("args", "kwargs", "text"),
    [
        (
            [],
            {},
            "takes(one: 'int', *, other: 'int' = 1) -> 'None' does not take its args and kwargs: missing a required",
        ),
        ([1, 2], {}, "does not take its args and kwargs: too many positional arguments"),
        ([1], {"third": 3}, "does not take its args and kwargs: got an unexpected keyword argument 'third'"),
        ("ab", {}, "args: wanted a list or a tuple of arguments, got 'ab'"),
        (b"ab", {}, "args: wanted a list or a tuple of arguments, got b'ab'"),
        ({"one": 1}, {}, "args: wanted a list or a tuple of arguments, got {'one': 1}"),
        (5, {}, "args: wanted a list or a tuple of arguments, got 5"),
        ([1], [2], "kwargs: wanted a dict from names to arguments, got [2]"),
        ([1], {5: 1}, "kwargs: wanted a dict from names to arguments, got {5: 1}"),
    ],
)
def test_arguments_that_the_function_does_not_take(args: Any, kwargs: Any, text: str) -> None:
    with pytest.raises(TypeError, match=re.escape(text)) as caught:
        CronJob(takes, EVERY, args=args, kwargs=kwargs)
    assert str(caught.value).startswith("CronJob 'takes': ")


def test_a_builtin_shows_no_signature() -> None:
    assert CronJob(vars, EVERY, args=[1, 2, 3]).args == (1, 2, 3)


# Policies


@pytest.mark.parametrize(
    ("policy", "value", "error", "text"),
    [
        ("catch_up", "all", ValueError, "wanted one of 'skip', 'run_once', 'run_all', got 'all'"),
        ("catch_up", None, TypeError, "wanted one of 'skip', 'run_once', 'run_all', got None"),
        ("overlap", "queue", ValueError, "'buffer_all', 'cancel_other', 'allow_all', got 'queue'"),
        ("overlap", ["skip"], TypeError, "got ['skip']"),
        ("catch_up_window", -1, ValueError, "got -1"),
        ("catch_up_window", None, TypeError, "wanted seconds (a number) or a timedelta, got None"),
        ("catch_up_window", float("inf"), ValueError, "a hundred years at most; got inf"),
        ("jitter", "5", TypeError, "got '5'"),
        ("jitter", float("nan"), ValueError, "got nan"),
        ("timeout", 0, ValueError, "wanted seconds greater than 0, got 0"),
        ("timeout", timedelta(0), ValueError, "wanted seconds greater than 0, got datetime.timedelta(0)"),
        ("timeout", "1", TypeError, "got '1'"),
        ("attempts", 0, ValueError, "wanted an int ≥ 1, got 0"),
        ("attempts", 1.5, TypeError, "wanted an int, got 1.5"),
        ("attempts", True, TypeError, "wanted an int, got True"),
        ("backoff", 5, TypeError, "wanted a Backoff or a function, got 5"),
        ("shutdown", "kill", TypeError, "got 'kill'"),
        ("shutdown", None, TypeError, "got None"),
        ("shutdown", -1, ValueError, "got -1"),
        ("blocking", "yes", TypeError, "wanted True, False or None, got 'yes'"),
    ],
)
def test_a_policy_that_is_none(policy: str, value: Any, error: type[Exception], text: str) -> None:
    with pytest.raises(error, match=re.escape(text)) as caught:
        CronJob(work, EVERY, **{policy: value})
    assert str(caught.value).startswith(f"CronJob 'work': {policy}: ")


def test_an_async_def_cannot_run_in_a_thread() -> None:
    with pytest.raises(ValueError, match="CronJob 'in_loop': blocking=True: an async def runs in the event loop"):
        CronJob(in_loop, EVERY, blocking=True)


@pytest.mark.parametrize(
    ("policy", "value"),
    [("overlap", "buffer_all"), ("timeout", 5), ("attempts", 2), ("blocking", True), ("blocking", False)],
)
def test_policies_of_runs_are_not_those_of_a_job_that_enqueues(policy: str, value: Any) -> None:
    with pytest.raises(ValueError, match=f"CronJob 'mails': {policy}: it enqueues, so it has no runs; set {policy} on"):
        CronJob(enqueue(Mails, "hello"), EVERY, **{policy: value})


def test_a_job_that_enqueues_has_its_payload_elsewhere() -> None:
    cases: list[dict[str, Any]] = [{"args": [1]}, {"kwargs": {"one": 1}}]
    for options in cases:
        with pytest.raises(ValueError, match=r"CronJob 'mails': args: it enqueues; the payload stands in enqueue\(…\)"):
            CronJob(enqueue(Mails, "hello"), EVERY, **options)
    job = CronJob(enqueue(Mails, "hello"), EVERY, catch_up="run_all", catch_up_window=5, jitter=5)
    assert job.enqueues is job.function
    assert set(DEFAULTS) <= set(Policies.__annotations__)


# Lists of jobs


def test_jobs_stay_in_the_order_of_their_list() -> None:
    jobs = [CronJob(work, EVERY, name=name) for name in "cab"]
    assert list(by_name(iter(jobs))) == ["c", "a", "b"]
    assert by_name([]) == {}


def test_two_jobs_of_one_name() -> None:
    jobs = [CronJob(work, EVERY), CronJob(takes, EVERY, args=[1], name="work")]
    with pytest.raises(DuplicateJob) as caught:
        by_name(jobs)
    place = work.__module__
    assert str(caught.value) == (
        f"Cron: two jobs have the name 'work': {place}.work and {place}.takes. Give one another: name='…'"
    )
    with pytest.raises(DuplicateJob, match=r"'mails': enqueue\('mails'\) and .*partial"):
        by_name([CronJob(enqueue(Mails, "hello"), EVERY), CronJob(partial(work), EVERY, name="mails")])


@pytest.mark.parametrize("jobs", [None, 5, "jobs", CronJob(work, EVERY), [work], [None], {"work": work}])
def test_what_is_no_list_of_jobs(jobs: Any) -> None:
    with pytest.raises(TypeError, match=r"Cron: wanted a list of CronJob, got .*Put functions with a schedule through"):
        by_name(jobs)
