"""Calls, casts and messages from other threads: from a worker thread, a synchronous framework or a shell.

another thread                           the node's thread
--------------                           -----------------
from_thread.call(server, request)
waits                        ----->    await call(server, request)
gets the answer              <-----

>>> import asyncio
>>> from regrow import GenServer, Reply, run
>>> class Counter(GenServer[int]):
...     def handle_call(self, request, from_, count):
...         return Reply(count, count + 1)
>>> async def main():
...     await Counter.start_link(40, name="counter")
...     return await asyncio.to_thread(from_thread.call, "counter", "next")
>>> run(main)
40
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable
from concurrent import futures
from datetime import timedelta
from typing import Any, Final

from regrow.behaviours.gen_server.client import call, cast
from regrow.kernel.addresses import Address
from regrow.kernel.current_node import ENDS, NODES, NODES_LOCK, NoNode, not_running
from regrow.kernel.node import Node
from regrow.kernel.process_record import Host
from regrow.kernel.sending import send

CHECK_SECONDS: Final = 1.0  # between two checks whether the loop that must answer is still open


class ThreadRequest:
    """A request of a thread: it waits for the value of a task on the node's loop, or for the node's end."""

    def __init__(self, node: Host, function: Callable[..., Awaitable[Any]], args: tuple[Any, ...]) -> None:
        self.node = node
        self.function = function
        self.args = args
        self.answer: futures.Future[Any] = futures.Future()
        self.task: asyncio.Task[Any] | None = None

    async def run(self) -> Any:
        """Await the function's value, in the task."""
        return await self.function(*self.args)

    def begin(self) -> None:
        """Start the task; called on the node's loop."""
        if not self.node.running:  # the node ended after this call was posted
            self.fail(not_running(self.node))
        elif not self.answer.done():
            self.task = self.node.loop.create_task(self.run())
            self.task.add_done_callback(self.over)

    def over(self, task: asyncio.Task[Any]) -> None:
        """Set the answer to the task's result; called when the task is done."""
        if self.answer.done():
            if not task.cancelled():
                task.exception()  # retrieved: asyncio would log it as never retrieved
        elif task.cancelled():
            if self.node.running:
                self.answer.set_exception(futures.CancelledError("the task that ran this for a thread was cancelled"))
            else:
                self.fail(not_running(self.node))
        elif (error := task.exception()) is not None:
            self.answer.set_exception(error)
        else:
            self.answer.set_result(task.result())

    def fail(self, why: str) -> None:
        """Answer with NoNode, because the node has ended."""
        try:
            self.answer.set_exception(NoNode(why))
        except futures.InvalidStateError:  # race: the task's answer came first
            return

    def cancel(self) -> None:
        """Cancel the task, because the thread no longer waits; called on the node's loop."""
        self.answer.cancel()
        if self.task is not None:
            self.task.cancel()

    def wait(self) -> Any:
        """Block the thread until the answer has come, and return it.

        Raises:
            NoNode: the node has ended.
            BaseException: the exception of the task.
        """
        node = self.node
        with NODES_LOCK:
            node.gate.asked[self] = None
        try:
            if not node.post(self.begin):
                raise NoNode(not_running(node))
            while True:
                try:
                    return self.answer.result(CHECK_SECONDS)
                except TimeoutError:
                    if self.answer.done():
                        return self.answer.result()
                    node.is_up()  # if the loop was closed, this call answers all requests with NoNode
        except BaseException:
            if not self.answer.done():
                node.post(self.cancel)
            raise
        finally:
            with NODES_LOCK:
                node.gate.asked.pop(self, None)


class FromThread:
    """The class of `from_thread`: its methods may be used in any thread but the node's.

    Each method takes `node`, which is needed only if several nodes run in the program.
    """

    def call(
        self, server: Address, request: Any, timeout: float | timedelta | None = 5.0, *, node: Node | None = None
    ) -> Any:
        """Call a server, block this thread until it answers, and return the answer (`gen_server:call/3`).

        Args:
            server: a pid or name.
            request: any value.
            timeout: seconds; None waits for ever.
            node: the server's node.

        Raises:
            CallExit: as `regrow.call` raises it: no such process, a timeout, or the server ended.
            NoNode: no node runs in this program, or it ended before the answer came.
            RuntimeError: several nodes run, or this is the node's thread.
        """
        return self.run(call, server, request, timeout, node=node)

    def cast(self, server: Address, request: object, *, node: Node | None = None) -> None:
        """Send a request to a server without waiting for an answer (`gen_server:cast/2`).

        Args:
            server: a pid or name.
            request: any value.
            node: the server's node.

        Raises:
            NoNode: no node runs in this program, or it has ended.
            RuntimeError: several nodes run.
        """
        post(chosen_node(node), cast, server, request)

    def send(self, address: Address, message: object, *, node: Node | None = None) -> None:
        """Send a message to a process (`erlang:send/2`). A message to a name that no process has is dropped.

        Args:
            address: a pid, a name or an alias.
            message: any value.
            node: the process's node.

        Raises:
            NoNode: no node runs in this program, or it has ended.
            RuntimeError: several nodes run.
        """

        def deliver() -> None:
            try:
                send(address, message)
            except ValueError:
                return

        post(chosen_node(node), deliver)

    def run(self, function: Callable[..., Awaitable[Any]], *args: Any, node: Node | None = None) -> Any:
        """Run `await function(*args)` as a plain task on the node's loop, block this thread, and return the value.

        Raises:
            NoNode: no node runs in this program, or it ended before the function returned.
            RuntimeError: several nodes run, or this is the node's thread, which would wait for itself.
            BaseException: the exception of the function.
        """
        chosen = chosen_node(node)
        if not chosen.is_up():
            raise NoNode(not_running(chosen))
        if threading.get_ident() == chosen.thread:
            raise RuntimeError("from_thread was used in the node's own thread, which would wait for itself. Use await")
        return ThreadRequest(chosen, function, args).wait()


def post(node: Host, function: Callable[..., object], *args: Any) -> None:
    """Let a node call a function on its loop.

    Raises:
        NoNode: the node has ended.
    """
    if not node.post(function, *args):
        raise NoNode(not_running(node))


def chosen_node(node: Node | None) -> Host:
    """Return the given node, or else the only one that runs in this program.

    Raises:
        NoNode: no node runs.
        RuntimeError: several nodes run.
    """
    if node is not None:
        return node
    with NODES_LOCK:
        nodes = list(NODES.values())
    nodes = [candidate for candidate in nodes if candidate.is_up()]
    if not nodes:
        ended = f" any more: {ENDS.last}" if ENDS.last else ""
        raise NoNode(
            f"no node runs in this program{ended}. Start one with `regrow.run(main)` or `async with regrow.Node():`"
        )
    if len(nodes) > 1:
        raise RuntimeError(f"{len(nodes)} nodes run in this program: choose one with node=")
    return nodes[0]


from_thread: FromThread = FromThread()
