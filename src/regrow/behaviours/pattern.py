"""Patterns: values with holes, to pick entries of a table by (OTP's match specifications).

    ...                  fits anything
    ("user", ..., 3)     a tuple that begins with "user" and ends with 3
    [..., "x"]           a list of two
    {"role": "admin"}    a mapping that has at least this
    anything else        what is equal to it: of the same type where it is a number, so 1 fits neither 1.0 nor True

What a pattern cannot say, a predicate can: `where=lambda value: value[0] > 1`. It takes the place of OTP's variables
and guards, and sees only what has fitted the pattern.

    >>> fits(("user", ...), ("user", 1)), fits(("user", 1.0), ("user", 1)), fits({"a": ...}, {"a": 1, "b": 2})
    (True, False, True)
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping
from typing import Any, Final, cast

from regrow.kernel.exits import safe_repr

Pattern = Any
Where = Callable[[Any], object]

# Python's == takes 1, 1.0 and True for one and the same. Terms are compared by value and type, as OTP's =:= does.
NUMBERS: Final = (bool, int, float, complex)


def fits(pattern: Pattern, value: Any) -> bool:
    """Whether a value has the shape of a pattern."""
    if pattern is ...:
        return True
    if isinstance(pattern, tuple | list):
        kind = tuple if isinstance(pattern, tuple) else list
        if not isinstance(value, kind):
            return False
        parts, found = cast("list[Any]", pattern), cast("list[Any]", value)
        return len(parts) == len(found) and all(map(fits, parts, found))
    if isinstance(pattern, Mapping):
        wanted = cast("Any", pattern)
        return isinstance(value, Mapping) and all(key in value and fits(wanted[key], value[key]) for key in wanted)
    if isinstance(pattern, NUMBERS) and type(pattern) is not type(value):
        return False
    return bool(pattern == value)


class Exact:
    """A key that is, or has in it, a number whose type must tell it from others."""

    __slots__ = ("kind", "value")

    def __init__(self, kind: object, value: Hashable) -> None:
        self.kind = kind
        self.value = value

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Exact) and self.kind == other.kind and self.value == other.value

    def __hash__(self) -> int:
        return hash((self.kind, self.value))


def exact(key: Any) -> Any:
    """A key under which a dict keeps 1, 1.0 and True apart. Almost every key is its own.

    Raises:
        TypeError: the key is not hashable.
    """
    if type(key) is str or type(key) is int:
        return key
    if type(key) in NUMBERS:
        return Exact(cast("object", type(key)), key)
    if type(key) is tuple:
        whole = cast("Any", key)
        parts = tuple(map(exact, whole))
        return whole if all(map(_same, parts, whole)) else Exact(tuple, parts)
    try:
        hash(key)
    except TypeError:
        raise TypeError(
            f"wanted a hashable key, such as a string or a tuple; got {safe_repr(key)}. Keep the rest in the value"
        ) from None
    return key


def _same(one: object, other: object) -> bool:
    return one is other
