"""Patterns: values with holes, which select entries of a table (in the place of OTP's match specifications).

    ...                  fits any value
    ("user", ..., 3)     a tuple of three that begins with "user" and ends with 3
    [..., "x"]           a list of two that ends with "x"
    {"role": "admin"}    a mapping that has at least this item
    any other value      an equal value; a number must have the same type, so that 1 fits neither 1.0 nor True

For other conditions there is a predicate: `where=lambda value: value[0] > 1`. It replaces OTP's variables and guards,
and is called only with values that fit the pattern.

    >>> fits(("user", ...), ("user", 1)), fits(("user", 1.0), ("user", 1)), fits({"a": ...}, {"a": 1, "b": 2})
    (True, False, True)
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, cast

from regrow.kernel.keys import NUMBERS

Pattern = Any
Where = Callable[[Any], object]


def fits(pattern: Pattern, value: Any) -> bool:
    """Whether a value fits a pattern."""
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
