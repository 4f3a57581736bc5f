"""The marks that decorators leave on a function: its schedules, with the policies of each."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Any, Final, NamedTuple, TypeVar

from regrow.kernel.bounded_repr import safe_repr

F = TypeVar("F", bound=Callable[..., Any])

MARKS: Final = "__regrow_cron__"


class Mark(NamedTuple):
    """A schedule of a function, and the policies that stand beside it."""

    schedule: Any
    policies: Mapping[str, Any]


def mark(function: F, schedule: Any, policies: Mapping[str, Any]) -> F:
    """Add a mark to a function; return the same function. A decorator that stands above another comes first.

    Raises:
        TypeError: it is no function that can carry a mark.
    """
    given: Any = function
    if isinstance(given, type) or not callable(given):
        raise TypeError(f"a schedule decorates a function, got {safe_repr(given)}")
    if inspect.ismethod(given):
        raise TypeError(f"a schedule decorates a function, got the method {safe_repr(given)}; use CronJob(…) for it")
    try:
        setattr(function, MARKS, (Mark(schedule, dict(policies)), *marks_of(function)))
    except AttributeError:
        raise TypeError(
            f"a schedule decorates a function, and {safe_repr(given)} takes no mark; use CronJob(…)"
        ) from None
    return function


def marks_of(function: object) -> tuple[Mark, ...]:
    """Return the marks of a function."""
    found: tuple[Mark, ...] = vars(function).get(MARKS, ()) if hasattr(function, "__dict__") else ()
    return found
