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
    """The node of this thread. It is thread-local, because a context variable would be copied into `to_thread`."""

    node: Host | None = None
    ended: str = ""  # when and why the thread's last node ended


class Ends:
    """The end of this program's last node, as words."""

    last: str = ""


CURRENT = ThreadNode()
NODES: dict[int, Host] = {}
NODES_LOCK = threading.Lock()
ENDS = Ends()


def note_end(node: Host, when: str, why: str) -> None:
    """Note when and why a node has ended; a later error that needs the node says so."""
    node.gate.end_words = ENDS.last = f"the node {node.name!r} has ended{when}: {why}"
    if CURRENT.node is node:
        CURRENT.node = INTERRUPTS.handler = None
        CURRENT.ended = node.gate.end_words


def forget_nodes() -> None:
    """Forget the parent's nodes in a forked child: their loops run in the parent only."""
    for node in NODES.values():
        node.running = False
        note_end(node, "", "this process is a fork, and the node runs in its parent")
    CURRENT.node = INTERRUPTS.handler = None
    NODES.clear()
    NODES_LOCK.release()


if hasattr(os, "register_at_fork"):
    # The lock is held during the fork: otherwise a thread that the child does not have could hold it in the child.
    os.register_at_fork(before=NODES_LOCK.acquire, after_in_parent=NODES_LOCK.release, after_in_child=forget_nodes)


class NoNode(RuntimeError):
    """There is no node in this thread, and a call needs one."""


NO_NODE = """there is no node in this thread{0}.
  In a script, start one with `regrow.run(main)`; in a running event loop, with `async with regrow.Node():`.
  From another thread, use `regrow.from_thread`."""


def current_node() -> Host:
    """Return the node of this thread.

    Raises:
        NoNode: the thread has no node, or its node has ended.
    """
    node = CURRENT.node
    if node is None:
        raise NoNode(NO_NODE.format(CURRENT.ended and f" any more: {CURRENT.ended}"))
    return node


def not_running(node: Host) -> str:
    """Return why a node cannot be called, as words."""
    return node.gate.end_words or f"the node {node.name!r} has not been started"
