"""Links between nodes whose signals cross: both ends agree on whether there is a link."""

from __future__ import annotations

from collections.abc import Callable
from contextvars import copy_context
from itertools import product
from typing import Any

import pytest

from regrow import Node, Pid
from regrow.kernel import links, small_set
from regrow.kernel.process_record import Process


class Held:
    """A loop that holds signals from other threads until the test delivers them."""

    def __init__(self) -> None:
        self.sent: list[tuple[Callable[..., object], tuple[Any, ...]]] = []

    def call_soon_threadsafe(self, callback: Any, *args: Any, context: Any = None) -> Any:
        """Keep the callback."""
        del context
        self.sent.append((callback, args))

    def let_through(self) -> None:
        """Deliver the oldest signal."""
        if self.sent:
            function, args = self.sent.pop(0)
            function(*args)


def held_process(number: int) -> Process:
    node = Node(f"held {number}")
    node.running = True
    held: Any = Held()
    node.loop = held
    pid = Pid(node, 1)
    process = Process(node, pid, copy_context())
    process.trap_exit = True
    pid.process = process
    return process


def let_all_through(*processes: Process) -> None:
    loops: Any = [process.node.loop for process in processes]
    while any(loop.sent for loop in loops):
        for loop in loops:
            loop.let_through()


def steps(one: Process, other: Process) -> list[Callable[[], object]]:
    ones: Any = one.node.loop
    others: Any = other.node.loop
    return [
        lambda: links.link(one, other.pid),
        lambda: links.unlink(one, other.pid),
        lambda: links.link(other, one.pid),
        lambda: links.unlink(other, one.pid),
        ones.let_through,
        others.let_through,
    ]


@pytest.mark.parametrize("first", range(6))
def test_both_ends_agree_on_a_link_when_signals_cross(first: int) -> None:
    for order in product(range(6), repeat=5):
        one, other = held_process(1), held_process(2)
        does = steps(one, other)
        for step in (first, *order):
            does[step]()
        let_all_through(one, other)
        agreed = small_set.contains(one.links, other.pid), small_set.contains(other.links, one.pid)
        assert agreed[0] == agreed[1], (first, *order)
        for end in (one, other):
            assert end.rare is None or not end.rare.unlinking
        links.link(one, other.pid)
        let_all_through(one, other)
        assert small_set.contains(one.links, other.pid)
        assert small_set.contains(other.links, one.pid)


def test_nothing_is_sent_if_the_link_does_not_change() -> None:
    one, other = held_process(1), held_process(2)
    loop: Any = other.node.loop
    links.unlink(one, other.pid)
    assert not loop.sent
    links.link(one, other.pid)
    links.link(one, other.pid)
    assert len(loop.sent) == 1


def test_a_dead_process_acknowledges_an_unlink_too() -> None:
    one, other = held_process(1), held_process(2)
    links.link(one, other.pid)
    let_all_through(one, other)
    other.pid.process = None
    links.unlink(one, other.pid)
    let_all_through(one, other)
    assert one.rare is not None
    assert not one.rare.unlinking
    assert one.mailbox is None
