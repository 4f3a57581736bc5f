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

from collections.abc import Callable, Mapping
from typing import Any, cast

from regrow.kernel.keys import NUMBERS

Pattern = Any
Where = Callable[[Any], object]


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
