"""A set kept as None if it is empty, as its one member, or as a dict of several.

It saves memory: most processes have at most one link and one watcher, and need no dict for them.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, cast


def add(kept: object, one: object) -> object:
    """Return `kept` with the member `one` added."""
    if kept is None or kept is one:
        return one
    if type(kept) is dict:
        many: Any = kept  # pyright: ignore[reportUnknownVariableType]
        many[one] = None
        return many
    return {kept: None, one: None}


def discard(kept: object, one: object) -> object:
    """Return `kept` without the member `one`."""
    if type(kept) is dict:
        many: Any = kept  # pyright: ignore[reportUnknownVariableType]
        many.pop(one, None)
        return many or None
    return None if kept is one else kept


def items(kept: object) -> Iterable[Any]:
    """Return the members of `kept`, in the order in which they were added."""
    if type(kept) is dict:
        return tuple(cast("dict[object, None]", kept))
    return () if kept is None else (kept,)


def contains(kept: object, one: object) -> bool:
    """Return whether `one` is a member of `kept`."""
    return one in kept if type(kept) is dict else kept is one
