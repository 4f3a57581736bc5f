"""Results of user functions: plain values, and awaitables that have to be awaited for the value.

| result                                            | awaited                          |
|---------------------------------------------------|----------------------------------|
| a coroutine, interpreted or compiled              | yes                              |
| the generator of a `@types.coroutine` function    | yes: it has no `__await__`       |
| a future, a task, an object with `__await__`      | yes                              |
| any other generator                               | no: it is a value like any other |
| a class, whatever its objects have                | no                               |
"""

from __future__ import annotations

from collections.abc import Awaitable, Coroutine, Generator
from inspect import CO_ITERABLE_COROUTINE
from types import GeneratorType
from typing import Any, Final, TypeGuard, cast

ITERABLE_COROUTINE: Final[int] = CO_ITERABLE_COROUTINE


def is_awaitable(value: object) -> TypeGuard[Awaitable[Any]]:
    """Return whether a function's result has to be awaited: the function was `async def`, or returned an awaitable."""
    kind: Any = type(value)
    if kind is GeneratorType:
        generator: Any = value
        return bool(generator.gi_code.co_flags & ITERABLE_COROUTINE)
    return hasattr(kind, "__await__")


def steps(awaited: Any) -> Generator[Any, Any, Any]:
    """Return the generator that an internal loop uses in `yield from`, where a coroutine would use `await`."""
    if type(awaited) is GeneratorType:
        return cast("Generator[Any, Any, Any]", awaited)
    made: Generator[Any, Any, Any] = awaited.__await__()
    return made


# A compiled coroutine awaits these in place of interpreted awaitables; `coroutine_driver.py` explains why.


class Others:
    """An awaitable with the effect of `asyncio.sleep(0)`: other tasks and processes run first."""

    __slots__ = ()

    def __await__(self) -> Generator[Any, Any, None]:
        yield None


OTHERS: Final = Others()


class Settled:
    """An awaitable that waits for an asyncio future."""

    __slots__ = ("future",)

    def __init__(self, future: Any) -> None:
        self.future: Any = future

    def __await__(self) -> Generator[Any, Any, Any]:
        future = self.future
        if not future.done():
            future._asyncio_future_blocking = True
            yield future
        return future.result()


class Foreign:
    """An awaitable that drives an interpreted coroutine."""

    __slots__ = ("awaited",)

    def __init__(self, awaited: Awaitable[Any]) -> None:
        self.awaited: Awaitable[Any] = awaited

    def __await__(self) -> Generator[Any, Any, Any]:
        inner = steps(self.awaited)
        value: Any = None
        error: BaseException | None = None
        while True:
            try:
                wish = inner.send(value) if error is None else inner.throw(error)
            except StopIteration as stop:
                return stop.value
            value = error = None
            try:
                value = yield wish
            except GeneratorExit:
                inner.close()
                raise
            except BaseException as thrown:
                error = thrown


def is_coroutine(value: object) -> TypeGuard[Coroutine[Any, Any, Any]]:
    """Return whether a value is a coroutine, which an `async def` returns; Python warns if it is never awaited."""
    return issubclass(type(value), Coroutine) or (type(value) is GeneratorType and is_awaitable(value))  # pyright: ignore[reportUnknownArgumentType]
