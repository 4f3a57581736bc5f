"""What a function of the user's has given: a value, or something that has to be awaited for it.

| given                                             | awaited                          |
|---------------------------------------------------|----------------------------------|
| a coroutine, of Python's or a compiled one        | yes                              |
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
    """Whether the function that gave this has not finished: it was `async def`, or gave what such a one has given."""
    kind: Any = type(value)
    if kind is GeneratorType:
        generator: Any = value
        return bool(generator.gi_code.co_flags & ITERABLE_COROUTINE)
    return hasattr(kind, "__await__")


def steps(awaited: Any) -> Generator[Any, Any, Any]:
    """What a loop of ours has to `yield from` where a coroutine would `await`."""
    if type(awaited) is GeneratorType:
        return cast("Generator[Any, Any, Any]", awaited)
    made: Generator[Any, Any, Any] = awaited.__await__()
    return made


# How a compiled coroutine awaits what is not compiled: `coroutine_driver.py` says what goes wrong otherwise.


class Others:
    """`asyncio.sleep(0)`."""

    __slots__ = ()

    def __await__(self) -> Generator[Any, Any, None]:
        yield None


OTHERS: Final = Others()


class Settled:
    """A future of asyncio's."""

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
    """A coroutine that is not compiled."""

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
    """Whether this is what calling an `async def` gives, which complains if it is never awaited."""
    return issubclass(type(value), Coroutine) or (type(value) is GeneratorType and is_awaitable(value))  # pyright: ignore[reportUnknownArgumentType]
