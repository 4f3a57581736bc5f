"""The generator between a user's coroutine and the compiled loop that awaits it.

A generator compiled by mypyc passes an exception on with a three-argument `throw`, which CPython deprecates since 3.12,
and an exception raised by its `close` stays behind as the one being handled. So the scheduler throws nothing into a
compiled loop: it throws into `driven`, which is between the loop and the coroutine. The process keeps `driven` as
`inner` as long as the loop awaits.

    after the throw, the coroutine …     `driven` yields     the scheduler
    waits for something else             that                handles it
    returns or raises                    BACK                steps the loop, to which `driven` then passes the outcome

This module stays interpreted when the kernel is compiled: its generators pass an exception on unchanged.
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
    """Await a user's awaitable. `process.inner` is None while the scheduler throws into this generator directly."""
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
    """Return the object that an internal coroutine awaits in place of a user's awaitable."""
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
    """Await a user's awaitable as the body of a process, and pass its outcome to `returned` or `raised`.

    It is not compiled, so that an exception thrown into it reaches the user's code without a `driven` in between.
    """
    try:
        value = await awaited
    except BaseException as error:
        raise raised(process, work, error) from None
    returned(work, value)


async def finished(awaited: Awaitable[Any]) -> Any:
    """Await an awaitable, and nothing else: for a process whose body has to be a coroutine."""
    return await awaited
