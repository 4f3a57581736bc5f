"""A set that is None, then its one member, then a dict: most processes have one link and one watcher at most."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, cast


def add(kept: object, one: object) -> object:
    """`kept` with `one` in it."""
    if kept is None or kept is one:
        return one
    if type(kept) is dict:
        many: Any = kept  # pyright: ignore[reportUnknownVariableType]
        many[one] = None
        return many
    return {kept: None, one: None}


def discard(kept: object, one: object) -> object:
    """`kept` without `one`."""
    if type(kept) is dict:
        many: Any = kept  # pyright: ignore[reportUnknownVariableType]
        many.pop(one, None)
        return many or None
    return None if kept is one else kept


def items(kept: object) -> Iterable[Any]:
    """All that is in `kept`, in the order in which it came."""
    if type(kept) is dict:
        return tuple(cast("dict[object, None]", kept))
    return () if kept is None else (kept,)


def contains(kept: object, one: object) -> bool:
    """Whether `one` is in `kept`."""
    return one in kept if type(kept) is dict else kept is one
