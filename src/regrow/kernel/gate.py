"""The state of a node's entrance for other threads, which `inbox.py` works with."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Any


class Gate:
    """What a node keeps at its door. An object of its own: Python is slower with one that has many attributes.

    Attributes:
        inbox: what other threads have posted.
        asked: by other threads, which wait for it; see `threads.py`.
        why: the node has ended, or will.
        end_words: when and why it has ended.
    """

    def __init__(self) -> None:
        self.inbox: deque[tuple[Callable[..., Any], tuple[Any, ...]]] = deque()
        self.asked: dict[Any, None] = {}
        self.why = "it was stopped"
        self.end_words = ""
