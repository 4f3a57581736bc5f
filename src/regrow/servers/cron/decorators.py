"""Functions with a schedule: `scheduled` marks them, and `collect` makes jobs of them. Nothing is registered."""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType
from typing import Any, Protocol, TypeVar, Unpack

from regrow.kernel.bounded_repr import safe_repr
from regrow.servers.cron.job import CronJob, Policies
from regrow.servers.cron.when.marks import mark, marks_of
from regrow.servers.cron.when.schedules import Schedule

F = TypeVar("F", bound=Callable[..., Any])


class Decorator(Protocol):
    """The decorator that `scheduled` returns."""

    def __call__(self, function: F, /) -> F:
        """Mark a function; return the same function."""
        ...


def scheduled(schedule: Schedule, **policies: Unpack[Policies]) -> Decorator:
    """Give a function a schedule with policies; the function stays as it is, and `collect` finds it.

    Args:
        schedule: what `every`, `cron`, `at` or `reboot` returns.
        policies: the arguments of `CronJob` after the schedule.

    Raises:
        TypeError: an argument is unknown or has a wrong type.
        ValueError: an argument is out of its range.
    """

    def decorate(function: F, /) -> F:
        CronJob(function, schedule, **policies)  # type: ignore[arg-type] # pyright: ignore[reportArgumentType]
        return mark(function, schedule, policies)

    if unknown := policies.keys() - Policies.__annotations__.keys():
        known = ", ".join(Policies.__annotations__)
        raise TypeError(f"scheduled: unknown policies {sorted(unknown)}. Known: {known}")
    return decorate


def collect(*sources: ModuleType | Callable[..., Any]) -> list[CronJob]:
    """Return the jobs of modules and functions, in the order in which their source has them.

    Args:
        sources: modules, of which the functions that are defined there count and not the imported ones; and functions.

    Raises:
        TypeError: a source is neither a module nor a function.
        ValueError: a source has no job, or a function has several schedules without names.
    """
    jobs: list[CronJob] = []
    for source in sources:
        given: object = source
        if isinstance(given, ModuleType):
            functions = [one for one in vars(given).values() if marks_of(one) and one.__module__ == given.__name__]
            if not functions:
                raise ValueError(
                    f"collect: the module {given.__name__} defines no function with a schedule; decorate one with "
                    "@every(…), @cron(…) or @scheduled(…)"
                )
            for function in sorted(dict.fromkeys(functions), key=line_of):
                jobs += jobs_of(function)
        elif callable(given):
            jobs += jobs_of(given)
        else:
            raise TypeError(f"collect: wanted modules and functions, got {safe_repr(given)}")
    return jobs


def jobs_of(function: Callable[..., Any]) -> list[CronJob]:
    """Return the jobs of a function.

    Raises:
        ValueError: it has no schedule, or several without names.
    """
    marks = marks_of(function)
    name = getattr(function, "__qualname__", safe_repr(function))
    if not marks:
        raise ValueError(f"collect: {name} has no schedule; decorate it with @every(…), @cron(…) or @scheduled(…)")
    if len(marks) > 1 and any(one.policies.get("name") is None for one in marks):
        raise ValueError(
            f"collect: {name} has {len(marks)} schedules, so each needs a name: @scheduled(schedule, name='…')"
        )
    return [CronJob(function, one.schedule, **one.policies) for one in marks]


def line_of(function: Any) -> int:
    """Return the line of the source in which a function begins; 0 if it has none."""
    while hasattr(function, "__wrapped__"):
        function = function.__wrapped__
    code = getattr(function, "__code__", None)
    return 0 if code is None else int(code.co_firstlineno)
