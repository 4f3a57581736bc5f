# What is inside a service is looked at from outside here, and what checkers forbid is tried.
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
    """The service of the lesson, and some more."""

    def __init__(self, items: Iterable[int] = ()) -> None:
        self._items = deque(items)

    @service.call
    def dequeue(self) -> int | None:
        """Take the oldest."""
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
        raise ValueError("told to")


def letter(raised: pytest.ExceptionInfo[BaseException], *parts: str) -> None:
    """All parts stand in what was raised."""
    assert [part for part in parts if part not in str(raised.value)] == []
