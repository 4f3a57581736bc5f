"""Reasons that explain themselves in words, with the place of the function that is at fault.

OTP's reason for a callback that returned a wrong value is `("bad_return_value", value)`. It does not name the callback,
and a value has no line number. The reason still equals that tuple, and carries the explanation as a letter.
"""

from __future__ import annotations

import os
from functools import partial
from inspect import unwrap
from types import CodeType
from typing import Any, Final

from regrow.kernel.bounded_repr import Limits, show

LETTER: Final = Limits(depth=None, chars_limit=1000)


class Letter:
    """An explanation: a callback's value between two pieces of text. The value's repr is made when the letter is read."""

    __slots__ = ("after", "before", "value")

    def __init__(self, before: str, value: object = LETTER, after: str = "") -> None:  # LETTER: no value
        self.before: str = before
        self.value: object = value
        self.after: str = after

    def __str__(self) -> str:
        return self.words(LETTER)

    def words(self, limits: Limits) -> str:
        """Return the text of the letter; `limits` may have the value's repr already."""
        value = "" if self.value is LETTER else "nothing" if self.value is None else show(self.value, limits)
        return f"{self.before}{value}{self.after}"


class Explained(tuple[Any, ...]):  # noqa: SLOT001 (a tuple has no slots but empty ones)
    """A tuple with a letter; it equals the plain tuple.

    Attributes:
        letter: names the callback, its place, the value that it returned and the values that are allowed.
    """

    letter: Letter | None = None

    def __repr__(self) -> str:
        return show(tuple(self), LETTER)


def explained(reason: tuple[Any, ...], letter: Letter) -> Explained:
    """Return `reason` with a letter."""
    made = Explained(reason)
    made.letter = letter
    return made


def letter_of(reason: object, limits: Limits = LETTER) -> str:
    """Return the text of a reason's letter; "" if it has none."""
    letter = reason.letter if type(reason) is Explained else None
    return "" if letter is None else letter.words(limits)


def in_words(reason: object) -> str:
    """Return a reason as a sentence shows it: its letter, or else its repr."""
    return letter_of(reason) or show(reason, LETTER)


def returned(owner: object, name: str, value: object, wanted: str) -> Letter:
    """Return the letter for a wrong value of a callback. The owner is the object of the callback, or its class."""
    kind: Any = owner if isinstance(owner, type) else owner.__class__
    return Letter(f"{kind.__name__}.{name} returned ", value, f". Wanted: {wanted}{at(getattr(kind, name, None))}")


def at(function: Any) -> str:
    """Return the place of a function, as the end of a letter; "" if it is unknown, as for a compiled function."""
    while isinstance(function, partial):
        function = function.func
    function = getattr(function, "__func__", function)
    try:
        code = getattr(unwrap(function), "__code__", None)
    except Exception:  # a user's object may raise anything when an attribute is read
        return ""
    if not isinstance(code, CodeType):
        return ""
    return f".\n  It stands at {path_words(code.co_filename)}:{code.co_firstlineno}"


def path_words(path: str) -> str:
    """Return a path relative to the current directory, if it is below."""
    try:
        here = os.getcwd()  # noqa: PTH109 (pathlib costs what this does not)
    except OSError:
        return path
    return path[len(here) + 1 :] if path.startswith(here + os.sep) else path
