"""What is given to a function of ours, where it is easily something else: a function that cannot be awaited, a list."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from regrow.kernel.awaitables import is_awaitable
from regrow.kernel.bounded_repr import safe_repr


def at_once(what: str, function: Callable[..., Any], *args: Any, advice: str = "") -> Any:
    """What a function gives where nothing can be awaited.

    Raises:
        TypeError: it is `async def`, or gives something else that has to be awaited.
    """
    value: Any = function(*args)
    if not is_awaitable(value):
        return value
    close: Any = getattr(value, "close", None)
    if close is not None:  # a coroutine would complain that nobody has awaited it
        close()
    raise TypeError(f"{what}: {safe_repr(function)} has to be awaited. Give a `def` function{advice}")


def listed(what: str, wanted: str, several: object) -> Iterable[Any]:
    """What is given, if it is several: a string has letters in it, and is one.

    Raises:
        TypeError: it is one, or nothing.
    """
    if isinstance(several, str | bytes | type) or not isinstance(several, Iterable):
        raise TypeError(f"{what}: wanted a list of {wanted}; got {safe_repr(several)}")
    return several  # pyright: ignore[reportUnknownVariableType]
