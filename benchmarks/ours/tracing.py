"""The cost of a trace: a call while a trace runs, and again after it has stopped."""

from __future__ import annotations

from benchmarks.measure import Figures, measures
from benchmarks.ours.messages import calls
from benchmarks.ours.servers import Counter
from regrow import trace


@measures("call traced")
async def while_it_is_recorded(count: int) -> Figures:
    server = await Counter.start(0)
    with trace(size=1000):
        return await calls(server, count)


@measures("call no more traced")
async def afterwards(count: int) -> Figures:
    server = await Counter.start(0)
    with trace(size=1000):
        await calls(server, 1)
    return await calls(server, count)
