# These tests look inside a service from outside, and try what checkers forbid.
# pyright: reportPrivateUsage=false, reportUnusedFunction=false, reportUnknownLambdaType=false
# pyright: reportUnknownArgumentType=false
"""Services that the tests in this folder start."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable

import pytest

from regrow import (
    Service,
    process,
    service,
)


class Queue(Service):
    """The service of the lesson, with some more methods."""

    def __init__(self, items: Iterable[int] = ()) -> None:
        self._items = deque(items)

    @service.call
    def dequeue(self) -> int | None:
        """Take the oldest item."""
        return self._items.popleft() if self._items else None

    @service.cast
    def enqueue(self, value: int) -> None:
        self._items.append(value)

    @service.call
    def length(self) -> int:
        return len(self._items)

    @service.call
    async def slow(self, delay: float) -> str:
        await process.sleep(delay)
        return "slept"

    @service.call
    def crash(self) -> None:
        raise ValueError("on request")


def letter(raised: pytest.ExceptionInfo[BaseException], *parts: str) -> None:
    """Check that every part is in the text of the exception."""
    assert [part for part in parts if part not in str(raised.value)] == []
