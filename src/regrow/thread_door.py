"""The same from another thread: a worker thread, a synchronous framework, a shell."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any

from regrow.behaviours.gen_server import call, cast
from regrow.kernel.node import NODES, NODES_LOCK, Node, NoNode
from regrow.kernel.process import send


class ThreadDoor:
    """`from_thread`: what a thread that is not the node's may do. `node` is needed only where there are several."""

    def call(
        self, server: Any, request: Any, timeout: float | timedelta | None = 5.0, *, node: Node | None = None
    ) -> Any:
        """Ask a server and block this thread until it answers; raises what `call` raises."""
        return self.run(call, server, request, timeout, node=node)

    def cast(self, server: Any, request: object, *, node: Node | None = None) -> None:
        """Send a request that wants no answer."""
        chosen_node(node).post(cast, server, request)

    def send(self, address: Any, message: object, *, node: Node | None = None) -> None:
        """Send a message; one to a name that nobody has is dropped."""

        def deliver() -> None:
            try:
                send(address, message)
            except ValueError:
                return

        chosen_node(node).post(deliver)

    def run(self, function: Callable[..., Awaitable[Any]], *args: Any, node: Node | None = None) -> Any:
        """Run `await function(*args)` on the node's loop, as a plain task, and return what it gives.

        Raises:
            NoNode: no node runs in this program.
            RuntimeError: there are several, or this is the node's own thread, which would wait for itself.
        """

        async def on_the_loop() -> Any:
            return await function(*args)

        chosen = chosen_node(node)
        if threading.get_ident() == chosen.thread:
            raise RuntimeError("from_thread was used in the node's own thread, which would wait for itself. Use await")
        return asyncio.run_coroutine_threadsafe(on_the_loop(), chosen.loop).result()


def chosen_node(node: Node | None) -> Node:
    """The node that was named, or the only one there is."""
    if node is not None:
        return node
    with NODES_LOCK:
        nodes = list(NODES.values())
    if not nodes:
        raise NoNode("no node runs in this program. Start one with `regrow.run(main)` or `async with regrow.Node():`")
    if len(nodes) > 1:
        raise RuntimeError(f"{len(nodes)} nodes run in this program: say which with node=")
    return nodes[0]


from_thread = ThreadDoor()
