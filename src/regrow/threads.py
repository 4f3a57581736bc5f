"""The same from another thread: a worker thread, a synchronous framework, a shell."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable
from concurrent import futures
from datetime import timedelta
from typing import Any, Final

from regrow.behaviours.gen_server.client import call, cast
from regrow.kernel.current_node import ENDS, NODES, NODES_LOCK, NoNode, not_running
from regrow.kernel.node import Node
from regrow.kernel.sending import send

LOOK: Final = 1.0  # seconds between two looks whether the loop that is to answer is still there


class Asked:
    """What a thread waits for: the value of a task on the node's loop, or the node's end, whichever comes first."""

    def __init__(self, node: Node, function: Callable[..., Awaitable[Any]], args: tuple[Any, ...]) -> None:
        self.node = node
        self.function = function
        self.args = args
        self.answer: futures.Future[Any] = futures.Future()
        self.task: asyncio.Task[Any] | None = None

    async def run(self) -> Any:
        """What is asked for, as a coroutine."""
        return await self.function(*self.args)

    def begin(self) -> None:
        """Start it, on the loop."""
        if not self.node.running:  # it is let in as the last thing
            self.fail(not_running(self.node))
        elif not self.answer.done():
            self.task = self.node.loop.create_task(self.run())
            self.task.add_done_callback(self.over)

    def over(self, task: asyncio.Task[Any]) -> None:
        """It is done."""
        if self.answer.done():
            if not task.cancelled():
                task.exception()  # is asked for: asyncio would report it as forgotten
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
        """The node has ended."""
        try:
            self.answer.set_exception(NoNode(why))
        except futures.InvalidStateError:  # it was answered in this very moment
            return

    def cancel(self) -> None:
        """The thread waits no more."""
        self.answer.cancel()
        if self.task is not None:
            self.task.cancel()

    def wait(self) -> Any:
        """Block the thread until it is done."""
        node = self.node
        with NODES_LOCK:
            node.gate.asked[self] = None
        try:
            if not node.post(self.begin):
                raise NoNode(not_running(node))
            while True:
                try:
                    return self.answer.result(LOOK)
                except TimeoutError:
                    if self.answer.done():
                        return self.answer.result()
                    node.is_up()  # if its loop was closed, this has an answer now
        except BaseException:
            if not self.answer.done():
                node.post(self.cancel)
            raise
        finally:
            with NODES_LOCK:
                node.gate.asked.pop(self, None)


class FromThread:
    """`from_thread`: what a thread that is not the node's may do. `node` is needed only where there are several."""

    def call(
        self, server: Any, request: Any, timeout: float | timedelta | None = 5.0, *, node: Node | None = None
    ) -> Any:
        """Ask a server and block this thread until it answers; raises what `call` raises."""
        return self.run(call, server, request, timeout, node=node)

    def cast(self, server: Any, request: object, *, node: Node | None = None) -> None:
        """Send a request that wants no answer.

        Raises:
            NoNode: there is no node, or it has ended.
        """
        post(chosen_node(node), cast, server, request)

    def send(self, address: Any, message: object, *, node: Node | None = None) -> None:
        """Send a message; one to a name that nobody has is dropped.

        Raises:
            NoNode: there is no node, or it has ended.
        """

        def deliver() -> None:
            try:
                send(address, message)
            except ValueError:
                return

        post(chosen_node(node), deliver)

    def run(self, function: Callable[..., Awaitable[Any]], *args: Any, node: Node | None = None) -> Any:
        """Run `await function(*args)` on the node's loop, as a plain task, and return what it gives.

        Raises:
            NoNode: no node runs in this program, or it has ended, perhaps before this had come to its end.
            RuntimeError: there are several, or this is the node's own thread, which would wait for itself.
        """
        chosen = chosen_node(node)
        if not chosen.is_up():
            raise NoNode(not_running(chosen))
        if threading.get_ident() == chosen.thread:
            raise RuntimeError("from_thread was used in the node's own thread, which would wait for itself. Use await")
        return Asked(chosen, function, args).wait()


def post(node: Node, function: Callable[..., object], *args: Any) -> None:
    """Have something done by a node.

    Raises:
        NoNode: it has ended.
    """
    if not node.post(function, *args):
        raise NoNode(not_running(node))


def chosen_node(node: Node | None) -> Node:
    """The node that was named, or the only one there is."""
    if node is not None:
        return node
    with NODES_LOCK:
        nodes = list(NODES.values())
    nodes = [one for one in nodes if one.is_up()]
    if not nodes:
        ended = f" any more: {ENDS.last}" if ENDS.last else ""
        raise NoNode(
            f"no node runs in this program{ended}. Start one with `regrow.run(main)` or `async with regrow.Node():`"
        )
    if len(nodes) > 1:
        raise RuntimeError(f"{len(nodes)} nodes run in this program: say which with node=")
    return nodes[0]


from_thread: FromThread = FromThread()
