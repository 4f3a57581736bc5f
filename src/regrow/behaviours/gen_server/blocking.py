"""A server whose `def` callbacks run in a thread of its own: they may block, and the event loop stays free.

    event loop                              thread
    ----------                              ------
    takes a message, and waits    ----->    handle_call(request, from_, state)
    others run meanwhile
    looks at what came back       <-----    Reply(value, state)

Mailbox, links and order stay as they are: the server takes its next message when it has what the callback returned.
In the thread there is no node; from there `from_thread` and `reply` reach other processes.

    >>> class Reader(GenServer[None]):
    ...     def handle_call(self, path, from_, state):
    ...         with open(path) as file:
    ...             return Reply(file.readline(), state)
    >>> async def main():
    ...     reader = await Reader.start_link(blocking=True)
    ...     return await call(reader, __file__)
    >>> import regrow
    >>> regrow.run(main)[3:11]
    'A server'
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from contextvars import copy_context
from inspect import iscoroutinefunction
from queue import SimpleQueue
from typing import Any, Final

from regrow.kernel.awaitables import is_awaitable
from regrow.kernel.node import Node
from regrow.kernel.pid import Pid
from regrow.kernel.process_record import extras
from regrow.kernel.requests import CallRequest
from regrow.kernel.running import running

CALLBACKS: Final = ("init", "handle_call", "handle_cast", "handle_info", "handle_continue", "terminate")


class Blocking:
    """Stands before a server: what is `def` runs in the thread, what is `async def` in the event loop as ever.

    Args:
        server: whose callbacks these are.
        base: what the class of every server inherits; that blocks nobody, and asks for the running process.
    """

    def __init__(self, server: Any, base: type) -> None:
        self.server = server
        self.worker: Worker | None = None
        self.away: set[str] = {name for name in CALLBACKS if _blocks(server.__class__, name, base)}

    @property  # type: ignore[misc]
    def __class__(self) -> Any:  # pyright: ignore[reportIncompatibleVariableOverride, reportIncompatibleMethodOverride]
        """Whose callbacks these are, for reports and `system.get_status`."""
        return self.server.__class__

    async def init(self, arg: Any, /) -> Any:
        """Begin the thread, which ends with the process."""
        if self.away:
            process = running()
            self.worker = Worker(process.node, f"{self.__class__.__name__} {process.pid}")
            extras(process).tables[self.worker] = None
        return await self.run("init", arg)

    async def handle_call(self, request: Any, from_: CallRequest, state: Any, /) -> Any:
        """Answer a call."""
        return await self.run("handle_call", request, from_, state)

    async def handle_cast(self, request: Any, state: Any, /) -> Any:
        """Take a cast."""
        return await self.run("handle_cast", request, state)

    async def handle_info(self, message: Any, state: Any, /) -> Any:
        """Take any other message."""
        return await self.run("handle_info", message, state)

    async def handle_continue(self, arg: Any, state: Any, /) -> Any:
        """Go on."""
        return await self.run("handle_continue", arg, state)

    async def terminate(self, reason: Any, state: Any, /) -> Any:
        """Clean up."""
        return await self.run("terminate", reason, state)

    def code_change(self, old_version: Any, state: Any, extra: Any, /) -> Any:
        """Only asked of a suspended server, in the event loop."""
        return self.server.code_change(old_version, state, extra)

    def format_status(self, status: dict[str, Any], /) -> Any:
        """What the server wants shown of it."""
        return self.server.format_status(status)

    async def run(self, name: str, *args: Any) -> Any:
        """What a callback returns, wherever it runs."""
        callback: Callable[..., Any] = getattr(self.server, name)
        if self.worker is not None and name in self.away:
            result = await self.worker.run(callback, *args)
        else:
            result = callback(*args)
        return await result if is_awaitable(result) else result


def _blocks(cls: type, name: str, base: type) -> bool:
    own = getattr(cls, name)
    return own is not getattr(base, name) and not iscoroutinefunction(own)


class Worker:
    """A thread that runs one function after the other. It ends with its process; what it is in the middle of goes on."""

    def __init__(self, node: Node, name: str) -> None:
        self.node = node
        self.jobs: SimpleQueue[Callable[[], None] | None] = SimpleQueue()
        threading.Thread(target=self.work, name=name, daemon=True).start()

    def release(self, _: Pid) -> None:
        """The process has ended."""
        self.jobs.put(None)

    def work(self) -> None:
        """The life of the thread."""
        while (job := self.jobs.get()) is not None:
            job()
            del job  # what it held is not kept until the next one comes

    async def run(self, function: Callable[..., Any], *args: Any) -> Any:
        """Let the thread run a function, in a copy of the process's context; gives or raises what that does."""
        node = self.node
        future: asyncio.Future[tuple[Any, BaseException | None]] = node.loop.create_future()
        context = copy_context()

        def job() -> None:
            value: Any = None
            raised: BaseException | None = None
            try:
                value = context.run(function, *args)
            except BaseException as error:
                raised = error
            node.post(done, value, raised)

        def done(value: Any, raised: BaseException | None) -> None:
            node.scheduler.jumps.let_go()
            if not future.done():
                future.set_result((value, raised))

        node.scheduler.jumps.hold()
        self.jobs.put(job)
        value, raised = await future
        if raised is not None:
            raise raised
        return value
