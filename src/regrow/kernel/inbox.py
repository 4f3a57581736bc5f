"""The inbox of a node: what other threads post, its end, and a node whose event loop was closed.

post     any thread     puts a function into the node's inbox, and schedules a callback of the loop that runs it
close    the node       refuses further posts, and runs all that were posted before: no caller waits for ever
lost     any thread     ends a node whose loop was closed without stopping it: its processes end with exit signals
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from regrow.kernel import links
from regrow.kernel.bounded_repr import safe_repr
from regrow.kernel.clock import time_of_day
from regrow.kernel.current_node import NODES, NODES_LOCK, note_end
from regrow.kernel.process_record import ENDED
from regrow.kernel.user_errors import failed

if TYPE_CHECKING:
    from regrow.kernel.process_record import Host


def post(node: Host, function: Callable[..., Any], args: tuple[Any, ...]) -> bool:
    """Run a function on a node's loop; return False if the node is down."""
    entry = function, args
    with NODES_LOCK:
        if not node.running:
            return False
        node.gate.inbox.append(entry)
    try:
        node.loop.call_soon_threadsafe(let_in, node)
    except RuntimeError:  # the loop was closed
        with suppress(ValueError):
            node.gate.inbox.remove(entry)
        lost(node)
        return False
    return True


def let_in(node: Host) -> None:
    """Run the oldest function that was posted."""
    if node.gate.inbox:
        function, args = node.gate.inbox.popleft()
        function(*args)


def close(node: Host) -> None:
    """End the node's use of its loop and its thread."""
    with NODES_LOCK:
        node.running = False
        if NODES.get(node.number) is node:
            del NODES[node.number]
    while node.gate.inbox:
        try:
            let_in(node)
        except Exception as error:
            failed(node.loop, "What another thread has posted failed while its node ended", error)
    node.scheduler.closed = True
    node.give_back_loop()
    node.scheduler.timers.close()
    node.scheduler.queue.clear()
    if not node.gate.end_words:
        why = node.gate.why if node.failure is None else f"it could not go on, for {safe_repr(node.failure)}"
        note_end(node, f", at {time_of_day()}", why)
    asked = list(node.gate.asked)
    for answer in asked:
        answer.fail(node.gate.end_words)


def lost(node: Host) -> None:
    """End a node whose event loop was closed without stopping it."""
    with NODES_LOCK:
        if not node.running:
            return
        node.running = False
    node.gate.why = "its event loop was closed, or left, without stopping it"
    node.scheduler.closed = node.scheduler.scheduled = True  # so that nothing is asked of that loop any more
    for process in list(node.processes.values()):
        process.status = ENDED
        links.die(process, "noconnection")
    close(node)
