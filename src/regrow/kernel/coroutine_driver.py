"""Where a coroutine of the user's is driven from while a loop of ours waits for it.

A generator that mypyc has compiled hands an exception on to what it waits for with three arguments, which CPython
deprecates since 3.12, and what a close raises stays behind as the exception that is being handled. So the scheduler
throws nothing into a compiled loop: it throws into `driven`, which lies between the loop and the coroutine, and which
the process keeps as `inner` while that lasts.

    thrown into `driven`, the coroutine …     `driven` yields     the scheduler
    waits for something else                  that                attends to it
    returns or raises                         BACK                steps the loop, which `driven` then gives the outcome

This module stays interpreted when the kernel is compiled: its generators hand an exception on as it is.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Generator
from types import CoroutineType, FunctionType, coroutine
from typing import Any, Final, TypeVar

from regrow.kernel.awaitables import steps
from regrow.kernel.process_record import Process
from regrow.kernel.yields import Token

COMPILED: Final[bool] = type(steps) is not FunctionType
Work = TypeVar("Work")
BACK: Final = Token("BACK")


@coroutine
def driven(process: Process, awaited: Any) -> Generator[Any, Any, Any]:
    """Await what the user's code gave. `process.inner` is None while the scheduler throws into this directly."""
    try:
        value: Any = yield from (awaited if type(awaited) is CoroutineType else steps(awaited))  # type: ignore[misc]
    except BaseException:
        if process.inner is None:
            yield BACK
        raise
    if process.inner is None:
        yield BACK
    return value  # pyright: ignore[reportUnknownVariableType]


def driven_by(process: Process, awaited: Awaitable[Any]) -> Awaitable[Any]:
    """What a coroutine of ours awaits where the user's code gave this."""
    if not COMPILED:
        return awaited
    process.inner = inner = driven(process, awaited)
    return inner


async def completed(
    process: Process,
    work: Work,
    awaited: Awaitable[Any],
    returned: Callable[[Work, Any], None],
    raised: Callable[[Process, Work, BaseException], BaseException],
) -> None:
    """The body of a process that awaits what the user's code gave, and passes on what becomes of it.

    It is not compiled, so that what is thrown into it goes on to the user's code, without a `driven` in between.
    """
    try:
        value = await awaited
    except BaseException as error:
        raise raised(process, work, error) from None
    returned(work, value)


async def finished(awaited: Awaitable[Any]) -> Any:
    """A coroutine that awaits this and does nothing else, for a process that drives coroutines alone."""
    return await awaited
