"""Checks of arguments: a function that must not be `async def`, a list that must not be a single item."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from regrow.kernel.awaitables import is_awaitable
from regrow.kernel.bounded_repr import safe_repr


def at_once(what: str, function: Callable[..., Any], *args: Any, advice: str = "") -> Any:
    """Return `function(*args)`, in a place that cannot await.

    Args:
        what: the argument or function that is being checked, as the error names it.
        function: the user's function.
        args: its arguments.
        advice: further text for the error.

    Raises:
        TypeError: the function is `async def`, or returned another awaitable.
    """
    value: Any = function(*args)
    if not is_awaitable(value):
        return value
    close: Any = getattr(value, "close", None)
    if close is not None:  # an unclosed coroutine would warn that it was never awaited
        close()
    raise TypeError(f"{what}: {safe_repr(function)} has to be awaited. Pass a `def` function{advice}")


def listed(what: str, wanted: str, several: object) -> Iterable[Any]:
    """Return `several` if it is an iterable of items. A string or a class is a single item, though it can be iterated.

    Raises:
        TypeError: it is a single item, or cannot be iterated.
    """
    if isinstance(several, str | bytes | type) or not isinstance(several, Iterable):
        raise TypeError(f"{what}: wanted a list of {wanted}; got {safe_repr(several)}")
    return several  # pyright: ignore[reportUnknownVariableType]
