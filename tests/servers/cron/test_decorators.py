"""`scheduled` and `collect`: marks on functions, and jobs of marked functions."""

from __future__ import annotations

import sys
from functools import wraps
from types import ModuleType
from typing import Any

import pytest

from regrow.cron import CronJob, collect, cron, every, scheduled

MODULE = """
from functools import partial, wraps
from regrow.cron import cron, every, scheduled
from elsewhere import imported

last = None

def logged(function):
    @wraps(function)
    def wrapper():
        return function()
    return wrapper

@scheduled(every(1), name="last-by-name", overlap="allow_all")
def zebra(): ...

@every(2)
async def apple(): ...

def plain(): ...

alias = apple

@logged
@every(3)
def wrapped(): ...

@scheduled(cron("@daily"), name="daily")
@scheduled(every(4), name="often")
def both(): ...

class Holder:
    @every(5)
    def method(self): ...

@every(6)
def last(): ...

value = 5
"""


@pytest.fixture
def module(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """Return a module with functions that have schedules, one of which it has imported."""
    elsewhere = ModuleType("elsewhere")
    monkeypatch.setitem(sys.modules, "elsewhere", elsewhere)
    exec("from regrow.cron import every\n@every(9)\ndef imported(): ...", elsewhere.__dict__)
    found = ModuleType("tasks")
    exec(compile(MODULE, "tasks.py", "exec"), found.__dict__)
    return found


def shown(jobs: list[CronJob]) -> list[str]:
    """Return names and schedules."""
    return [f"{job.name}: {job.schedule}" for job in jobs]


def test_a_module_has_its_jobs_in_the_order_of_its_source(module: ModuleType) -> None:
    assert shown(collect(module)) == [
        "last-by-name: every 1 s",
        "apple: every 2 s",
        "wrapped: every 3 s",
        "daily: @daily",
        "often: every 4 s",
        "last: every 6 s",
    ]
    zebra, apple, wrapped, *_ = collect(module)
    assert (zebra.overlap, zebra.threaded, apple.threaded) == ("allow_all", True, False)
    assert wrapped.function is module.wrapped


def test_several_sources_stay_in_their_order(module: ModuleType) -> None:
    assert shown(collect(module.both, module.apple, sys.modules["elsewhere"])) == [
        "daily: @daily",
        "often: every 4 s",
        "apple: every 2 s",
        "imported: every 9 s",
    ]
    assert collect() == []


def test_a_decorated_function_stays_as_it_is() -> None:
    def work(one: int) -> int:
        return one

    assert scheduled(every(1), args=[1], name="one")(work) is work
    assert work(5) == 5
    (job,) = collect(work)
    assert (job.function, job.args, job.name) == (work, (1,), "one")


def test_stacked_decorators_need_names() -> None:
    @scheduled(every(1), name="one")
    @every(2)
    def work() -> None: ...

    with pytest.raises(
        ValueError, match=r"collect: .*work has 2 schedules, so each needs a name: @scheduled\(schedule, name='…'\)"
    ):
        collect(work)


def test_a_decorator_under_another_keeps_its_marks() -> None:
    @every(1)
    def work() -> None: ...

    @wraps(work)
    def wrapper() -> None: ...

    other = scheduled(cron("@daily"), name="other")(wrapper)
    assert len(collect(work)) == 1  # the mark of the wrapper is not that of the function in it
    with pytest.raises(ValueError, match="has 2 schedules"):
        collect(other)


def plain() -> None: ...


class Plain: ...


@pytest.mark.parametrize(
    ("source", "error", "text"),
    [
        (
            plain,
            ValueError,
            r"collect: plain has no schedule; decorate it with @every\(…\), @cron\(…\) or @scheduled\(…\)",
        ),
        (Plain, ValueError, "collect: Plain has no schedule"),
        (sys, ValueError, "collect: the module sys defines no function with a schedule; decorate one with "),
        ("tasks", TypeError, "collect: wanted modules and functions, got 'tasks'"),
        (None, TypeError, "collect: wanted modules and functions, got None"),
        ([plain], TypeError, "collect: wanted modules and functions, got "),
    ],
)
def test_a_source_without_jobs(source: Any, error: type[Exception], text: str) -> None:
    with pytest.raises(error, match=text):
        collect(source)


def takes(one: int) -> None: ...


def test_errors_are_raised_at_the_decorator() -> None:
    with pytest.raises(
        TypeError, match=r"scheduled: unknown policies \['overlaps'\]\. Known: args, kwargs, name, catch_up"
    ):
        scheduled(every(1), overlaps="skip")  # type: ignore[call-arg]
    with pytest.raises(TypeError, match="CronJob 'plain': schedule: wanted what every"):
        scheduled(5)(plain)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="CronJob 'plain': overlap: wanted one of"):
        scheduled(every(1), overlap="never")(plain)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match=r"CronJob 'takes': takes.* does not take its args and kwargs"):
        scheduled(every(1))(takes)
    with pytest.raises(TypeError, match="a schedule decorates a function, got Plain"):
        scheduled(every(1))(Plain)
    with pytest.raises(ValueError, match="has no schedule"):
        collect(plain)
