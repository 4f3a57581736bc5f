"""Keys of the user's in tables of ours: compared as terms are, and kept as they were when they came.

A dict asks a key for its hash and its equality at every look. Three things follow that a table must not suffer from:

    1 == 1.0 == True         they are three terms, as OTP's =:= has it
    a hash that changes      what was put in under it is never found again, and a dead process stays
    one that raises          the end of a process, which cannot fail, fails

`exact` gives the key that stands in a table: itself where it is plain, else an `Exact`, whose hash is asked for once.
To take out what stands under it, `same` compares by identity, and asks the user's object nothing at all.
"""

from __future__ import annotations

from typing import Any, Final

from regrow.kernel.bounded_repr import safe_repr
from regrow.kernel.process_record import Alias, Monitor, Pid
from regrow.kernel.refs import Ref

# Python's == takes 1, 1.0 and True for one and the same. Terms are compared by value and type, as OTP's =:= does.
NUMBERS: Final = (bool, int, float, complex)
PLAIN: Final = frozenset({bytes, type(None), type, Pid, Ref, Alias, Monitor})  # what they hash to and equal is fixed


class Exact:
    """A key that is not plain, or is a number whose type must tell it from others."""

    __slots__ = ("hash", "kind", "value")

    def __init__(self, kind: object, value: Any) -> None:
        self.kind: object = kind  # None for an object of the user's, which may equal what is not of its class
        self.value: Any = value
        self.hash: int = hash(value) if kind is None or kind is tuple else hash((kind, value))

    def __repr__(self) -> str:
        return f"Exact({safe_repr(self.value)})"

    def __eq__(self, other: object) -> bool:
        if self is other:
            return True
        if type(other) is Same:
            return NotImplemented
        if type(other) is Exact:
            return self.kind is other.kind and (self.value is other.value or bool(self.value == other.value))
        # A plain key: a member of an enum of strings finds what stands under its string.
        return (self.kind is None or (self.kind is tuple and type(other) is tuple)) and bool(self.value == other)

    def __hash__(self) -> int:
        return self.hash


class Same:
    """The one key of a table that is this object."""

    __slots__ = ("hash", "kept")

    def __init__(self, kept: Exact) -> None:
        self.kept: Exact = kept
        self.hash: int = kept.hash

    def __eq__(self, other: object) -> bool:
        return other is self.kept

    def __hash__(self) -> int:
        return self.hash


def same(kept: Any) -> Any:
    """What finds a key that `exact` gave, and that stands in a dict as this very object."""
    return Same(kept) if type(kept) is Exact else kept


def exact(key: Any) -> Any:
    """A key under which a dict keeps 1, 1.0 and True apart, and an object under the hash that it has now.

    Raises:
        TypeError: the key is not hashable.
        BaseException: what its `__hash__` raises.
    """
    kind: Any = type(key)  # pyright: ignore[reportUnknownVariableType]
    if kind is str or kind is int or kind is Exact or kind in PLAIN:
        return key
    if kind in NUMBERS:
        return Exact(kind, key)
    if kind is tuple:
        parts = tuple(map(exact, key))
        return key if all(map(_is, parts, key)) else Exact(tuple, parts)
    try:
        return Exact(None, key)
    except TypeError:
        raise TypeError(
            f"wanted a hashable key, such as a string or a tuple; got {safe_repr(key)}. Keep the rest in the value"
        ) from None


def plain(kept: Any) -> Any:
    """The key for which `exact` gave this."""
    if type(kept) is not Exact:
        return kept
    value: Any = kept.value
    return tuple(map(plain, value)) if kept.kind is tuple else value


def equal(one: Any, other: Any) -> bool:
    """Whether two values are the same term (OTP's `=:=`), hashable or not."""
    if one is other:
        return True
    kind: object = type(one)  # pyright: ignore[reportUnknownVariableType]
    if kind in NUMBERS or type(other) in NUMBERS:
        return kind is type(other) and bool(one == other)
    if (kind is tuple or kind is list) and type(other) is kind:
        return len(one) == len(other) and all(map(equal, one, other))  # pyright: ignore[reportUnknownArgumentType]
    return bool(one == other)


def _is(one: object, other: object) -> bool:
    return one is other
