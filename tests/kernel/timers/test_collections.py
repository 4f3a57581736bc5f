"""Timers and the garbage collector."""

from __future__ import annotations

import gc

from regrow import Node, process, timer


async def test_a_young_collection_keeps_the_timers(node: Node) -> None:
    """The table of buckets is old, its buckets and timers are young: only the table keeps them alive."""
    timers = node.scheduler.timers
    me = process.current()
    timer.apply_after(100.0, process.send, me, "first")
    gc.collect()
    gc.disable()  # else this may come in the middle
    try:
        for number in range(20):
            timer.apply_after(1.0 + number, process.send, me, "x")
            process.send_after(me, "y", 30.0 + number)
            timer.apply_interval(60.0 + number, process.send, me, "z")
        gc.collect(0)
    finally:
        gc.enable()
    assert sum(map(len, timers.buckets.values())) + len(timers.heap) == 61
