"""Reprs of limited length, for values of any size and any class.

A report contains the state and the last message of a server, which are user data: a list of ten million items, a
structure that contains itself, an object whose `repr` raises. The text is made piece by piece, so that a long value is
not written out in full and then cut.
"""

from __future__ import annotations

import dataclasses
from collections import deque
from collections.abc import Iterable
from functools import partial
from itertools import islice
from types import (
    BuiltinFunctionType,
    FunctionType,
    MethodDescriptorType,
    MethodType,
    MethodWrapperType,
    WrapperDescriptorType,
)
from typing import Any, Final, NamedTuple

from regrow.kernel.user_errors import swallow

NAME: Final[Any] = type.__dict__["__name__"]  # the name of a class, without calling its metaclass
DEPTH: Final = 50
CHARS_LIMIT: Final = 8096
DEEPEST: Final = 20  # levels of containers in containers
SEQUENCES: Final[dict[type, tuple[str, str]]] = {
    list: ("[", "]"),
    tuple: ("(", ")"),
    set: ("{", "}"),
    frozenset: ("frozenset({", "})"),
    deque: ("deque([", "])"),
}


FUNCTIONS: Final = frozenset(
    [FunctionType, MethodType, BuiltinFunctionType, MethodDescriptorType, WrapperDescriptorType, MethodWrapperType]
)


class Limits(NamedTuple):
    """The limits of a report's text (OTP's options of `format_log`).

    Attributes:
        depth: the number of elements shown of each container, before an ellipsis.
        chars_limit: the approximate number of characters in all.
        single_line: whether the text is one line.
    """

    depth: int | None = DEPTH
    chars_limit: int | None = CHARS_LIMIT
    single_line: bool = False


DEFAULT: Final = Limits()


class Once(Limits):
    """Limits for one text, in which a value may appear several times: its `repr` is called once and kept."""

    def seen(self) -> dict[int, tuple[object, str]]:
        """Return the values shown so far with their texts, by id."""
        found: dict[int, tuple[object, str]] = self.__dict__.setdefault("shown", {})
        return found


def show(value: object, limits: Limits = DEFAULT) -> str:
    """Return a `repr` of limited depth and length; never raise."""
    if not isinstance(limits, Once):
        return _limited(value, limits)
    seen = limits.seen()
    if id(value) not in seen:
        seen[id(value)] = (value, _limited(value, limits))
    return seen[id(value)][1]


def _limited(value: object, limits: Limits) -> str:
    longest = CHARS_LIMIT if limits.chars_limit is None else limits.chars_limit
    depth = longest if limits.depth is None else max(1, limits.depth)
    return cut(_shown(value, depth, longest, 0), longest)


def cut(text: str, longest: int) -> str:
    """Return the text, or its beginning and its length if it is too long."""
    return text if len(text) <= longest else f"{text[:longest]}… ({len(text)} characters)"


def _shown(value: Any, depth: int, longest: int, level: int) -> str:
    if level > DEEPEST:
        return "…"
    return _shown_as(value, type(value), depth, longest, level)


def _shown_as(value: Any, kind: Any, depth: int, longest: int, level: int) -> str:
    try:
        if kind in SEQUENCES:
            return _sequence(value, kind, depth, longest, level)
        if kind is dict:
            pairs = (
                f"{_shown(key, depth, longest, level + 1)}: {_shown(item, depth, longest, level + 1)}"
                for key, item in islice(value.items(), depth)
            )
            return f"{{{_joined(pairs, len(value), longest)}}}"
        if kind is str or kind is bytes or kind is bytearray:
            return repr(value) if len(value) <= longest else f"{value[:longest]!r}… ({len(value)} in all)"
        if is_function(kind):
            return cut(function_name(value), longest)
        if kind is partial:
            parts = (_shown(one, depth, longest, level + 1) for one in (value.func, *value.args))
            return f"partial({_joined(parts, 1 + len(value.args), longest)}{', …' if value.keywords else ''})"
        names = _parts_of(kind)
        if names is not None:
            parts = (f"{prefix}{_shown(getattr(value, name), depth, longest, level + 1)}" for prefix, name in names)
            return f"{kind.__qualname__}({_joined(parts, len(names), longest)})"
        text = value.__name__ if issubclass(type(value), type) else repr(value)
        return cut(text if type(text) is str else str.__str__(text), longest)
    except BaseException as error:
        swallow(error)
        return f"<{NAME.__get__(kind)} whose repr raised {NAME.__get__(type(error))}>"


def _sequence(value: Any, kind: Any, depth: int, longest: int, level: int) -> str:
    opening, closing = SEQUENCES[kind]
    if not value and kind in (set, frozenset):
        return f"{kind.__name__}()"
    items = (_shown(item, depth, longest, level + 1) for item in islice(value, depth))
    inside = _joined(items, len(value), longest)
    comma = "," if kind is tuple and len(value) == 1 else ""
    return f"{opening}{inside}{comma}{closing}"


def _joined(shown: Iterable[str], count: int, longest: int) -> str:
    """Join as many pieces as fit, with commas, and count the rest."""
    pieces: list[str] = []
    size = 0
    for piece in shown:
        if size > longest:
            break
        pieces.append(piece)
        size += len(piece) + 2
    text = ", ".join(pieces)
    left = count - len(pieces)
    return f"{text}, … ({left} more)" if left > 0 else text


def is_function(kind: type) -> bool:
    """Return whether this is a class of functions, including compiled ones, whose repr shows an address."""
    return kind in FUNCTIONS or kind.__name__ == "Function compiled with mypyc"


def function_name(function: Any) -> str:
    """Return the name of a function as in source code. A compiled `async def` has only its unqualified name."""
    name = getattr(function, "__qualname__", None) or function.__name__
    return str(name).replace("<locals>.", "")


def _parts_of(kind: Any) -> list[tuple[str, str]] | None:
    """Return the fields in the `repr` of a dataclass or of a regrow message; None for a class with a different `repr`."""
    if dataclasses.is_dataclass(kind):
        made = getattr(kind.__repr__, "__wrapped__", None)
        if made is not None and "__create_fn__" in made.__qualname__:
            return [(f"{field.name}=", field.name) for field in dataclasses.fields(kind) if field.repr]
        return None
    if kind.__module__.startswith("regrow.") and "__match_args__" in kind.__dict__:
        return [("", name) for name in kind.__dict__["__match_args__"]]
    return None


def safe_repr(value: object, limit: int = 1000) -> str:
    """Return a repr of about `limit` characters at most; never raise. A long value is not written out in full first."""
    return show(value, Limits(depth=None, chars_limit=limit))
