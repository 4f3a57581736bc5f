"""The state of a node's entrance for other threads, which `inbox.py` works with."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Any


class Gate:
    """The part of a node's state that other threads use.

    It is a separate object because Python reads an attribute more slowly if its object has many.

    Attributes:
        inbox: the functions that other threads have posted, with their arguments.
        asked: the calls from other threads, which wait for an answer; see `threads.py`.
        why: the reason why the node has ended or is ending, as words.
        end_words: when and why the node has ended.
    """

    def __init__(self) -> None:
        self.inbox: deque[tuple[Callable[..., Any], tuple[Any, ...]]] = deque()
        self.asked: dict[Any, None] = {}
        self.why = "it was stopped"
        self.end_words = ""
