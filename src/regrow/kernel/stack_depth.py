"""How much of Python's stack is left in this thread, and what of it a hand-over may take.

A server that a call was handed over to runs on its caller's stack: it gets what the caller has left of the recursion
limit. A call from deep in a recursion is therefore queued, and its server runs from the event loop, as OTP's does,
which does not know how deep its caller is.

This is asked at each hand-over, and Python has no cheap answer (nanoseconds, CPython 3.11):

| how                                                  | costs     |
|------------------------------------------------------|-----------|
| go along the frames                                  | 1000      |
| `sys._getframe(100)`, which raises where all is well | 180       |
| `sys._getframemodulename(100)`, since 3.12           | 30 to 100 |
| read the count that CPython keeps, where it lies     | 16        |

So the count is read. It stands beside the limit in the thread's state, at a place that differs by version: it is looked
for, and taken only if it counts what it should. Where it is not found, the frames are counted.
"""

from __future__ import annotations

import sys
from typing import Any, Final, Protocol

SHARE: Final = 10  # a hand-over begins in the first tenth of the stack, counted from the turn in which it happens
LOOKED_THROUGH: Final = 64  # so many integers of a thread's state


class Gauge(Protocol):
    """Says how many more calls fit on the stack."""

    @property
    def value(self) -> int:
        """So many."""
        ...


class FramesCounted:
    """Goes along the frames."""

    @property
    def value(self) -> int:
        """The limit without those that are there."""
        left, frame = sys.getrecursionlimit(), sys._getframe().f_back  # pyright: ignore[reportPrivateUsage]
        while frame is not None:
            left -= 1
            frame = frame.f_back
        return left


def gauge() -> Gauge:
    """The gauge of the running thread."""
    return _kept_by_python() or FramesCounted()


def least(left: int) -> int:
    """What must be left for a hand-over, where a turn began with so much."""
    return max(1, left - sys.getrecursionlimit() // SHARE)


def _kept_by_python() -> Gauge | None:
    try:
        import ctypes  # here, for it takes a third of what importing regrow takes

        state = ctypes.pythonapi.PyThreadState_Get
    except (ImportError, AttributeError):  # another Python than CPython, or one without ctypes
        return None
    state.restype = ctypes.c_void_p
    address: int = state()
    size = ctypes.sizeof(ctypes.c_int)
    for place in range(address, address + LOOKED_THROUGH * size, size):
        left, limit = ctypes.c_int.from_address(place), ctypes.c_int.from_address(place + size)
        if _count(left, limit):
            return left
    return None


def _count(left: Any, limit: Any) -> bool:
    """Whether these are the limit and what is left of it: the one stands still, the other goes down with each call."""
    for calls in (1, 2, 6):
        if limit.value != sys.getrecursionlimit() or _seen(calls, left) != left.value - calls:
            return False
    return True


def _seen(calls: int, left: Any) -> int:
    """What is left so many calls further down."""
    return left.value if calls == 1 else _seen(calls - 1, left)
