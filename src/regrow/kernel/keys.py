"""Users' keys in regrow's tables: they are compared as terms, and their hash is computed once.

A dict calls a key's `__hash__` and `__eq__` at every look-up. A table must be protected from three consequences:

    1 == 1.0 == True         OTP's =:= distinguishes these three terms
    a hash that changes      the entry is never found again, and a dead process stays in the table
    a hash that raises       the end of a process would fail, which it must not

`exact` returns the key to use in a table: a plain key itself, or else an `Exact`, which computes the hash once. To
remove an entry, `same` compares by identity and calls no code of the user's object.
"""

from __future__ import annotations

from typing import Any, Final

from regrow.kernel.bounded_repr import safe_repr
from regrow.kernel.process_record import Alias, Monitor, Pid
from regrow.kernel.refs import Ref

# In Python 1 == 1.0 == True. Terms are compared by value and type, as by OTP's =:=.
NUMBERS: Final = (bool, int, float, complex)
PLAIN: Final = frozenset({bytes, type(None), type, Pid, Ref, Alias, Monitor})  # their hash and equality are fixed


class Exact:
    """A key that is not plain, or a number that is distinguished from equal numbers by its type."""

    __slots__ = ("hash", "kind", "value")

    def __init__(self, kind: object, value: Any) -> None:
        self.kind: object = kind  # None for a user's object, which may equal an object of another class
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
        # `other` is a plain key: a member of a string enum finds the entry of its string.
        return (self.kind is None or (self.kind is tuple and type(other) is tuple)) and bool(self.value == other)

    def __hash__(self) -> int:
        return self.hash


class Same:
    """A look-up key that equals only one `Exact`, by identity."""

    __slots__ = ("hash", "kept")

    def __init__(self, kept: Exact) -> None:
        self.kept: Exact = kept
        self.hash: int = kept.hash

    def __eq__(self, other: object) -> bool:
        return other is self.kept

    def __hash__(self) -> int:
        return self.hash


def same(kept: Any) -> Any:
    """Return a key that finds `kept`, which `exact` returned, in a dict by its identity."""
    return Same(kept) if type(kept) is Exact else kept


def exact(key: Any) -> Any:
    """Return a key that keeps 1, 1.0 and True apart in a dict, and fixes the hash that an object has now.

    Raises:
        TypeError: the key is not hashable.
        BaseException: any exception that the key's `__hash__` raises.
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
    """Return the original of a key that `exact` returned."""
    if type(kept) is not Exact:
        return kept
    value: Any = kept.value
    return tuple(map(plain, value)) if kept.kind is tuple else value


def equal(one: Any, other: Any) -> bool:
    """Return whether two values are the same term (OTP's `=:=`), hashable or not."""
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
