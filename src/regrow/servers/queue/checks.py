"""Checks of options: each error names the option, what was wanted, and what came."""

from __future__ import annotations

from datetime import datetime
from typing import Final

from regrow.kernel.bounded_repr import safe_repr
from regrow.kernel.clock import seconds

MOST_SECONDS: Final = 100 * 365.25 * 86_400.0  # a hundred years: every store's times can be that far ahead
MOST_INT: Final = (1 << 31) - 1  # the smallest integer type among the stores
NUL: Final = "\0"


def duration(value: object, what: str) -> float:
    """Return seconds as a float, at most a hundred years.

    Raises:
        TypeError: neither a number nor a timedelta.
        ValueError: negative, or too long.
    """
    if value is None:
        raise TypeError(f"{what}: wanted seconds (a number) or a timedelta, got None")
    wanted = seconds(value, what)
    if wanted is None or wanted > MOST_SECONDS:
        raise ValueError(f"{what}: wanted seconds, a hundred years at most; got {safe_repr(value)}")
    return wanted


def positive(value: object, what: str) -> float:
    """Return seconds greater than 0 as a float.

    Raises:
        TypeError: neither a number nor a timedelta.
        ValueError: not greater than 0, or more than a hundred years.
    """
    wanted = duration(value, what)
    if wanted == 0.0:
        raise ValueError(f"{what}: wanted seconds greater than 0, got {safe_repr(value)}")
    return wanted


def integer(value: object, what: str, *, least: int = 1, most: int = MOST_INT) -> int:
    """Return an int within these limits.

    Raises:
        TypeError: it is no int; a bool is none.
        ValueError: out of the limits.
    """
    if isinstance(value, bool) or not isinstance(value, int):
        raise TypeError(f"{what}: wanted an int, got {safe_repr(value)}")
    if not least <= value <= most:
        limits = f"≥ {least}" if value < least else f"≤ {most}"
        raise ValueError(f"{what}: wanted an int {limits}, got {safe_repr(value)}")
    return int(value)


def text(value: object, what: str, *, empty: bool = False) -> str:
    """Return a string that every store can keep.

    Raises:
        TypeError: it is no string.
        ValueError: it is empty, or has a NUL or half of a surrogate pair in it.
    """
    if not isinstance(value, str):
        raise TypeError(f"{what}: wanted a string, got {safe_repr(value)}")
    if not value and not empty:
        raise ValueError(f"{what}: wanted a string of one character or more, got ''")
    if NUL in value:
        raise ValueError(f"{what}: wanted a string without NUL characters, got {safe_repr(value)}")
    try:
        value.encode()
    except UnicodeEncodeError:
        raise ValueError(f"{what}: wanted text that UTF-8 can encode, got {safe_repr(value)}") from None
    return str(value)


def moment(value: object, what: str) -> float:
    """Return a datetime with a time zone as Unix seconds.

    Raises:
        TypeError: it is no datetime.
        ValueError: it has no time zone.
    """
    if not isinstance(value, datetime):
        raise TypeError(f"{what}: wanted a datetime with a time zone, got {safe_repr(value)}")
    if value.utcoffset() is None:
        raise ValueError(
            f"{what}: wanted a datetime with a time zone, got {safe_repr(value)}. "
            "Say which one, as in datetime(2030, 1, 1, tzinfo=timezone.utc)"
        )
    return value.timestamp()
