"""The peers that `test_peer.py` tests: each factory starts a node "there" that is a peer of the test's node.

A new kind of peer is added to `PEERS`. Its factory returns an object with the methods of `Other`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from tests.kernel.nodes.nodes import Other


def in_a_thread(name: str) -> Other:
    """Start a node of the same program in a separate thread."""
    found = Other(name)
    found.thread.start()
    assert found.up.wait(20)
    return found


PEERS: Final[dict[str, Callable[[str], Other]]] = {"a node in another thread": in_a_thread}
