"""The part of Python's stack that is left in this thread, and the part that a hand-over may use.

When a call is handed over, the server runs on its caller's stack, within the rest of the caller's recursion limit. A
call from deep in a recursion is therefore queued, and the server runs from the event loop: as in OTP, a server does
not depend on how deep its caller is.

This is checked at each hand-over, and Python has no cheap way to do it (nanoseconds, CPython 3.11):

| how                                                  | costs     |
|------------------------------------------------------|-----------|
| count the frames                                     | 1000      |
| `sys._getframe(100)`, which raises in the usual case | 180       |
| `sys._getframemodulename(100)`, since 3.12           | 30 to 100 |
| read CPython's own count from the thread's state     | 16        |

So the count is read. It is stored beside the limit in the thread's state, at an offset that differs by version. It is
searched for, and used only if it changes with the depth as it should. If it is not found, the frames are counted.
"""

from __future__ import annotations

import sys
from typing import Any, Final, Protocol

SHARE: Final = 10  # a hand-over begins in the first tenth of the stack, counted from the turn in which it happens
LOOKED_THROUGH: Final = 64  # the number of integers of a thread's state that are searched


class Gauge(Protocol):
    """An object that measures how many more calls fit on the stack."""

    @property
    def value(self) -> int:
        """The number of calls that still fit."""
        ...


class FramesCounted:
    """A gauge that counts the frames of the stack."""

    @property
    def value(self) -> int:
        """The recursion limit minus the number of frames."""
        left, frame = sys.getrecursionlimit(), sys._getframe().f_back  # pyright: ignore[reportPrivateUsage]
        while frame is not None:
            left -= 1
            frame = frame.f_back
        return left


def gauge() -> Gauge:
    """Return the gauge of the running thread."""
    return _kept_by_python() or FramesCounted()


def least(left: int) -> int:
    """Return how many calls must still fit for a hand-over, in a turn that began with room for `left` calls."""
    return max(1, left - sys.getrecursionlimit() // SHARE)


def _kept_by_python() -> Gauge | None:
    try:
        import ctypes  # not at the top: loading it takes a third of the time of `import regrow`

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
    """Return whether these are the rest and the limit: the limit is constant, the rest shrinks by one with each call."""
    for calls in (1, 2, 6):
        if limit.value != sys.getrecursionlimit() or _seen(calls, left) != left.value - calls:
            return False
    return True


def _seen(calls: int, left: Any) -> int:
    """Return the value of `left`, read `calls` calls further down the stack."""
    return left.value if calls == 1 else _seen(calls - 1, left)
