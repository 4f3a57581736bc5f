"""Blocking servers: the `def` callbacks of such a server run in a separate thread, so that they may block.

    event loop                              thread
    ----------                              ------
    takes a message, and waits    ----->    handle_call(request, from_, state)
    runs other processes
    handles the result            <-----    Reply(value, state)

Mailbox, links and order are those of any server: it takes its next message when the callback has returned. The thread
has no node; in it, only `from_thread` and `reply` reach other processes.

    >>> class Reader(GenServer[None]):
    ...     def handle_call(self, path, from_, state):
    ...         with open(path) as file:
    ...             return Reply(file.readline(), state)
    >>> async def main():
    ...     reader = await Reader.start_link(blocking=True)
    ...     return await call(reader, __file__)
    >>> import regrow
    >>> regrow.run(main)[3:11]
    'Blocking'
"""

from __future__ import annotations

from collections.abc import Callable
from inspect import iscoroutinefunction
from typing import Any, Final

from regrow.behaviours.gen.blocking_thread import BlockingThread
from regrow.kernel.awaitables import is_awaitable
from regrow.kernel.requests import CallRequest
from regrow.kernel.running import running

CALLBACKS: Final = ("init", "handle_call", "handle_cast", "handle_info", "handle_continue", "terminate")


class Blocking:
    """A server's callbacks as the loop calls them: `def` ones run in the thread, `async def` ones in the event loop.

    Args:
        server: the object with the user's callbacks.
        base: `GenServer`. A callback that is inherited from it runs in the event loop: it does not block, and it asks
            for the running process.
    """

    def __init__(self, server: Any, base: type) -> None:
        self.server = server
        self.thread: BlockingThread | None = None
        self.in_thread: set[str] = {name for name in CALLBACKS if _blocks(server.__class__, name, base)}

    @property  # type: ignore[misc]
    def __class__(self) -> Any:  # pyright: ignore[reportIncompatibleVariableOverride, reportIncompatibleMethodOverride]
        """The class of the user's callbacks, for reports and `system.get_status`."""
        return self.server.__class__

    async def init(self, arg: Any, /) -> Any:
        """Start the thread, which ends with the process, and call the server's `init`."""
        if self.in_thread:
            self.thread = BlockingThread(f"{self.__class__.__name__} {running().pid}")
        return await self.run("init", arg)

    async def handle_call(self, request: Any, from_: CallRequest, state: Any, /) -> Any:
        """Call the server's `handle_call`, in the thread if it is `def`."""
        return await self.run("handle_call", request, from_, state)

    async def handle_cast(self, request: Any, state: Any, /) -> Any:
        """Call the server's `handle_cast`, in the thread if it is `def`."""
        return await self.run("handle_cast", request, state)

    async def handle_info(self, message: Any, state: Any, /) -> Any:
        """Call the server's `handle_info`, in the thread if it is `def`."""
        return await self.run("handle_info", message, state)

    async def handle_continue(self, arg: Any, state: Any, /) -> Any:
        """Call the server's `handle_continue`, in the thread if it is `def`."""
        return await self.run("handle_continue", arg, state)

    async def terminate(self, reason: Any, state: Any, /) -> Any:
        """Call the server's `terminate`, in the thread if it is `def`."""
        return await self.run("terminate", reason, state)

    def code_change(self, old_version: Any, state: Any, extra: Any, /) -> Any:
        """Call the server's `code_change` in the event loop: the server is suspended then."""
        return self.server.code_change(old_version, state, extra)

    def format_status(self, status: dict[str, Any], /) -> Any:
        """Call the server's `format_status` in the event loop."""
        return self.server.format_status(status)

    async def run(self, name: str, *args: Any) -> Any:
        """Call a callback, in the thread or in the event loop, and return its result."""
        callback: Callable[..., Any] = getattr(self.server, name)
        if self.thread is not None and name in self.in_thread:
            result = await self.thread.run(callback, *args)
        else:
            result = callback(*args)
        return await result if is_awaitable(result) else result


def _blocks(cls: type, name: str, base: type) -> bool:
    callback = getattr(cls, name)
    return callback is not getattr(base, name) and not iscoroutinefunction(callback)
