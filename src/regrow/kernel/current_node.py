"""The node of this thread, and all nodes of this program.

This module stays interpreted when the kernel is compiled: mypyc knows neither subclasses of `threading.local` nor of
RuntimeError.
"""

from __future__ import annotations

import os
import threading
from typing import TYPE_CHECKING

from regrow.kernel.user_errors import INTERRUPTS

if TYPE_CHECKING:
    from regrow.kernel.process_record import Host


class ThreadNode(threading.local):
    """The node of this thread. A thread-local and not a context variable, which would leak into `to_thread`."""

    node: Host | None = None
    ended: str = ""  # what became of the last one


class Ends:
    """What became of the nodes of this program."""

    last: str = ""


CURRENT = ThreadNode()
NODES: dict[int, Host] = {}
NODES_LOCK = threading.Lock()
ENDS = Ends()


def note_end(node: Host, when: str, why: str) -> None:
    """A node has ended: an error says when, and why, where one is wanted."""
    node.gate.end_words = ENDS.last = f"the node {node.name!r} has ended{when}: {why}"
    if CURRENT.node is node:
        CURRENT.node = INTERRUPTS.handler = None
        CURRENT.ended = node.gate.end_words


def forget_nodes() -> None:
    """A forked child has none of its parent's nodes: their loops run in the parent alone."""
    for node in NODES.values():
        node.running = False
        note_end(node, "", "this process is a fork, and the node runs in its parent")
    CURRENT.node = INTERRUPTS.handler = None
    NODES.clear()
    NODES_LOCK.release()


if hasattr(os, "register_at_fork"):
    # The lock is held over the fork, so that the child does not find it held by a thread that it has not.
    os.register_at_fork(before=NODES_LOCK.acquire, after_in_parent=NODES_LOCK.release, after_in_child=forget_nodes)


class NoNode(RuntimeError):
    """Something that needs a node was done where there is none."""


NO_NODE = """there is no node in this thread{0}.
  In a script, start one with `regrow.run(main)`; in a loop that is already there, with `async with regrow.Node():`.
  From another thread, use `regrow.from_thread`."""


def current_node() -> Host:
    """The node of this thread.

    Raises:
        NoNode: there is none, or the one that was there has ended.
    """
    node = CURRENT.node
    if node is None:
        raise NoNode(NO_NODE.format(CURRENT.ended and f" any more: {CURRENT.ended}"))
    return node


def not_running(node: Host) -> str:
    """Why nothing can be asked of a node."""
    return node.gate.end_words or f"the node {node.name!r} has not been started"
