"""The cost of starting a process or a server, and its memory."""

from __future__ import annotations

from benchmarks.measure import Figures, Growth, Stopwatch, measures
from benchmarks.ours.servers import Counter
from regrow import Down, process


async def nothing() -> None:
    """A process that ends at once."""


@measures("spawn")
async def spawn_and_await_the_end(count: int) -> Figures:
    with Stopwatch() as watch:
        for _ in range(count):
            process.spawn_monitor(nothing)
            await process.receive(Down)
    return watch.rate(count)


@measures("start_link")
async def start_link(count: int) -> Figures:
    with Stopwatch() as watch:
        for _ in range(count):
            await Counter.start_link(0)
    return watch.rate(count)


@measures("memory idle")
async def idle(count: int) -> Figures:
    await warm()
    with Growth() as growth:
        for _ in range(count):
            await Counter.start(0)
    return growth.of_each(count)


@measures("memory named")
async def named(count: int) -> Figures:
    await warm()
    with Growth() as growth:
        for number in range(count):
            await Counter.start(0, name=f"counter {number}")
    return growth.of_each(count)


@measures("memory linked")
async def linked(count: int) -> Figures:
    await warm()
    with Growth() as growth:
        for _ in range(count):
            await Counter.start_link(0)
    return growth.of_each(count)


@measures("memory monitored")
async def monitored(count: int) -> Figures:
    await warm()
    with Growth() as growth:
        for _ in range(count):
            process.monitor(await Counter.start(0))
    return growth.of_each(count)


@measures("memory all")
async def all_of_it(count: int) -> Figures:
    """Return a server as in a tree: with a name, a link to its starter, and a monitor."""
    await warm()
    with Growth() as growth:
        for number in range(count):
            process.monitor(await Counter.start_link(0, name=f"counter {number}"))
    return growth.of_each(count)


async def warm() -> None:
    """Create what is made only once, so that it does not count for the first server."""
    for _ in range(1000):
        await Counter.start(0)
