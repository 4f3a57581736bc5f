"""Nodes that run in separate threads."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable
from typing import Any

from regrow import (
    Node,
    Pid,
    process,
)


class Other:
    """A node in a separate thread, on which tests run functions."""

    def __init__(self, name: str) -> None:
        self.node = Node(name)
        self.up = threading.Event()
        self.thread = threading.Thread(target=asyncio.run, args=(self.main(),), daemon=True)

    async def main(self) -> None:
        """Run the node until it is asked to stop."""
        self.leave = asyncio.Event()
        async with self.node:
            self.up.set()
            await self.leave.wait()

    def stop(self) -> None:
        """Stop the node and its thread."""
        if self.thread.is_alive():
            self.node.loop.call_soon_threadsafe(self.leave.set)
            self.thread.join(20)
        assert not self.thread.is_alive()

    async def run(self, function: Callable[..., Any], *args: Any) -> Any:
        """Run `function(*args)` there in a plain task, await its result if it is awaitable, and return it."""

        async def there() -> Any:
            found = function(*args)
            return await found if isinstance(found, Awaitable) else found  # pyright: ignore[reportUnknownVariableType]

        return await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(there(), self.node.loop))

    async def spawn(self, function: Callable[..., Any], *args: Any) -> Pid:
        """Spawn a process there and return its pid."""

        async def there() -> Pid:
            return process.spawn(function, *args)

        pid: Pid = await self.run(there)
        return pid
