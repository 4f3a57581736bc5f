"""Children of dynamic supervisors."""

from __future__ import annotations

import inspect
from typing import Any

from regrow import (
    ChildSpec,
    GenServer,
)


class Idle(GenServer[Any]):
    """A server that does nothing."""


class Failing:
    """A start function that works `good` times and then does what it was given."""

    def __init__(self, otherwise: Any, good: int = 1) -> None:
        self.good = good
        self.otherwise: Any = otherwise
        self.given: list[tuple[Any, ...]] = []

    async def start(self, *args: Any) -> Any:
        self.given.append(args)
        if len(self.given) <= self.good:
            return await Idle.start_link()
        otherwise: Any = self.otherwise
        return await otherwise() if inspect.isfunction(otherwise) else otherwise


def starting(function: Any, **options: Any) -> ChildSpec:
    return ChildSpec("child", function, **options)
