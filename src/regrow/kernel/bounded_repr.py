"""Values of any size and any class, shown in a line of limited length.

A report carries the state and the last message of a server, and both are the user's own: a list of ten million, a
structure that contains itself, an object whose `repr` raises. What is shown is made piece by piece, so that nothing
is ever written out in full only to be cut.
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

NAME: Final[Any] = type.__dict__["__name__"]  # of a class, whatever its metaclass says
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
    """How much of a report is shown (OTP's options of `format_log`).

    Attributes:
        depth: so many elements of each container, then an ellipsis.
        chars_limit: so many characters in all, about.
        single_line: everything on one line.
    """

    depth: int | None = DEPTH
    chars_limit: int | None = CHARS_LIMIT
    single_line: bool = False


DEFAULT: Final = Limits()


class Once(Limits):
    """Limits for one text, in which the same value may stand several times: what its `repr` gave is kept."""

    def seen(self) -> dict[int, tuple[object, str]]:
        """The values shown so far, by id, and how."""
        found: dict[int, tuple[object, str]] = self.__dict__.setdefault("shown", {})
        return found


def show(value: object, limits: Limits = DEFAULT) -> str:
    """A `repr` of limited depth and length that never raises."""
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
    """The text, or its beginning and how long it was."""
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
    """The pieces with commas between, as many as fit."""
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
    """Whether this is a class of functions, also of those that mypyc has compiled, whose repr is an address."""
    return kind in FUNCTIONS or kind.__name__ == "Function compiled with mypyc"


def function_name(function: Any) -> str:
    """What a function is called, as one would write it. A compiled `async def` knows no more than its bare name."""
    name = getattr(function, "__qualname__", None) or function.__name__
    return str(name).replace("<locals>.", "")


def _parts_of(kind: Any) -> list[tuple[str, str]] | None:
    """What the `repr` of a dataclass, or of a message of ours, would name; None for an object that shows itself."""
    if dataclasses.is_dataclass(kind):
        made = getattr(kind.__repr__, "__wrapped__", None)
        if made is not None and "__create_fn__" in made.__qualname__:
            return [(f"{field.name}=", field.name) for field in dataclasses.fields(kind) if field.repr]
        return None
    if kind.__module__.startswith("regrow.") and "__match_args__" in kind.__dict__:
        return [("", name) for name in kind.__dict__["__match_args__"]]
    return None


def safe_repr(value: object, limit: int = 1000) -> str:
    """A repr that neither raises nor grows much beyond `limit` characters, and is not made in full to be cut."""
    return show(value, Limits(depth=None, chars_limit=limit))
