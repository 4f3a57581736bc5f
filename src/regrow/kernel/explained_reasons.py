"""Reasons that say in words what they mean, and where the function is that is at fault.

OTP's reason for a callback that returned what it must not is `("bad_return_value", value)`. It does not say which
callback that was, and a value has no line. The reason stays that tuple for all who compare it, and carries the letter.
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
    """What a callback returned, between what is said before and after it: its repr is made when the letter is read."""

    __slots__ = ("after", "before", "value")

    def __init__(self, before: str, value: object = LETTER, after: str = "") -> None:  # LETTER: there is none
        self.before: str = before
        self.value: object = value
        self.after: str = after

    def __str__(self) -> str:
        return self.words(LETTER)

    def words(self, limits: Limits) -> str:
        """The letter; `limits` may know the value's repr already."""
        value = "" if self.value is LETTER else "nothing" if self.value is None else show(self.value, limits)
        return f"{self.before}{value}{self.after}"


class Explained(tuple[Any, ...]):  # noqa: SLOT001 (a tuple has no slots but empty ones)
    """A tuple, equal to the same without a letter.

    Attributes:
        letter: which callback, where it stands, what it returned and what is wanted.
    """

    letter: Letter | None = None

    def __repr__(self) -> str:
        return show(tuple(self), LETTER)


def explained(reason: tuple[Any, ...], letter: Letter) -> Explained:
    """`reason`, which says what `letter` does."""
    made = Explained(reason)
    made.letter = letter
    return made


def letter_of(reason: object, limits: Limits = LETTER) -> str:
    """What a reason says of itself; "" if it says nothing."""
    letter = reason.letter if type(reason) is Explained else None
    return "" if letter is None else letter.words(limits)


def in_words(reason: object) -> str:
    """A reason as it stands in a sentence: its letter, else its repr."""
    return letter_of(reason) or show(reason, LETTER)


def returned(owner: object, name: str, value: object, wanted: str) -> Letter:
    """What a callback gave, what is wanted, and where it stands. The owner is the object, or its class."""
    kind: Any = owner if isinstance(owner, type) else owner.__class__
    return Letter(f"{kind.__name__}.{name} returned ", value, f". Wanted: {wanted}{at(getattr(kind, name, None))}")


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
