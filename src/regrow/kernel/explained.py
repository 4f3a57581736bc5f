"""Reasons that say in words what they mean, and where the function is that is at fault.

OTP's reason for a callback that returned what it must not is `("bad_return_value", value)`. It does not say which
callback that was, and a value has no line. The reason stays that tuple for all who compare it, and carries the letter.
"""

from __future__ import annotations

import os
from functools import partial
from inspect import unwrap
from types import CodeType
from typing import Any

from regrow.kernel.terms import Limits, show


class Explained(tuple[Any, ...]):  # noqa: SLOT001 (a tuple has no slots but empty ones)
    """A tuple, equal to the same without a letter.

    Attributes:
        letter: which callback, where it stands, what it returned and what is wanted.
    """

    letter: str = ""

    def __repr__(self) -> str:
        return show(tuple(self), Limits(depth=None, chars_limit=1000))


def explained(reason: tuple[Any, ...], letter: str) -> Explained:
    """`reason`, which says what `letter` does."""
    made = Explained(reason)
    made.letter = letter
    return made


def letter_of(reason: object) -> str:
    """What a reason says of itself; "" if it says nothing."""
    return reason.letter if isinstance(reason, Explained) else ""


def in_words(reason: object, limit: int = 1000) -> str:
    """A reason as it stands in a sentence: its letter, else its repr."""
    return letter_of(reason) or show(reason, Limits(depth=None, chars_limit=limit))


def returned(owner: object, name: str, value: object, wanted: str) -> str:
    """What a callback gave, what is wanted, and where it stands. The owner is the object, or its class."""
    kind: Any = owner if isinstance(owner, type) else owner.__class__
    what = "nothing" if value is None else show(value, Limits(depth=None, chars_limit=1000))
    return f"{kind.__name__}.{name} returned {what}. Wanted: {wanted}{at(getattr(kind, name, None))}"


def at(function: Any) -> str:
    """Where a function stands, as the end of a letter; "" where that is not known, as of a compiled one."""
    while isinstance(function, partial):
        function = function.func
    function = getattr(function, "__func__", function)
    try:
        code = getattr(unwrap(function), "__code__", None)
    except Exception:  # what the user gave may do what it likes when it is asked for an attribute
        return ""
    if not isinstance(code, CodeType):
        return ""
    return f".\n  It stands at {path_words(code.co_filename)}:{code.co_firstlineno}"


def path_words(path: str) -> str:
    """A path relative to where the program was started, if it is below."""
    try:
        here = os.getcwd()  # noqa: PTH109 (pathlib costs what this does not)
    except OSError:
        return path
    return path[len(here) + 1 :] if path.startswith(here + os.sep) else path
