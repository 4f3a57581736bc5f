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

import asyncio
import threading
from collections.abc import Callable
from contextvars import copy_context
from inspect import iscoroutinefunction
from queue import SimpleQueue
from typing import Any, Final

from regrow.kernel.awaitables import is_awaitable
from regrow.kernel.process_record import Host, Pid, extras
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
        self.worker: Worker | None = None
        self.in_thread: set[str] = {name for name in CALLBACKS if _blocks(server.__class__, name, base)}

    @property  # type: ignore[misc]
    def __class__(self) -> Any:  # pyright: ignore[reportIncompatibleVariableOverride, reportIncompatibleMethodOverride]
        """The class of the user's callbacks, for reports and `system.get_status`."""
        return self.server.__class__

    async def init(self, arg: Any, /) -> Any:
        """Start the thread, which ends with the process, and call the server's `init`."""
        if self.in_thread:
            process = running()
            self.worker = Worker(process.node, f"{self.__class__.__name__} {process.pid}")
            extras(process).tables[self.worker] = None
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
        if self.worker is not None and name in self.in_thread:
            result = await self.worker.run(callback, *args)
        else:
            result = callback(*args)
        return await result if is_awaitable(result) else result


def _blocks(cls: type, name: str, base: type) -> bool:
    callback = getattr(cls, name)
    return callback is not getattr(base, name) and not iscoroutinefunction(callback)


class Worker:
    """A thread that runs one function after another. When its process ends, it finishes its function and ends."""

    def __init__(self, node: Host, name: str) -> None:
        self.node = node
        self.jobs: SimpleQueue[Callable[[], None] | None] = SimpleQueue()
        threading.Thread(target=self.work, name=name, daemon=True).start()

    def release(self, _: Pid) -> None:
        """End the thread, because the process has ended."""
        self.jobs.put(None)

    def work(self) -> None:
        """Run the functions that the process submits; this is the body of the thread."""
        while (job := self.jobs.get()) is not None:
            job()
            del job  # the job's objects are not kept alive until the next one comes

    async def run(self, function: Callable[..., Any], *args: Any) -> Any:
        """Run a function in the thread, in a copy of the process's context; return its result or raise its exception.

        While it runs, a virtual clock does not advance: the function takes real time.
        """
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
