"""Errors as the ledger keeps them: one line of text that every store can keep."""

from __future__ import annotations

import traceback
from typing import Final

from regrow.kernel.bounded_repr import safe_repr

MOST_ERROR: Final = 2_000  # characters


def shown(reason: object) -> str:
    """Return an exit reason as a line of text."""
    if isinstance(reason, BaseException):
        return last_line(reason)
    return storable(f"exit: {safe_repr(reason, MOST_ERROR)}")


def last_line(error: BaseException) -> str:
    """Return the last line of an exception's traceback: its class and its text."""
    try:
        text = "".join(traceback.format_exception_only(type(error), error)).strip()
    except Exception:  # `__str__` of the exception has failed
        text = type(error).__name__
    return storable(" ".join(text.split()))


def storable(text: str) -> str:
    """Return a text that every store can keep, of a limited length."""
    return text[:MOST_ERROR].encode(errors="replace").decode().replace("\0", "\N{REPLACEMENT CHARACTER}")
