"""Timers: setting, cancelling, and their lateness."""

from __future__ import annotations

from benchmarks.measure import Figures, Stopwatch, measures, quantiles
from regrow import process

FIRST = 0.3  # seconds until the first of many is due, so that setting them does not count as lateness
SPREAD = 1.0  # seconds over which they fall due


@measures("timers")
async def set_and_cancel(count: int) -> Figures:
    me = process.current()
    with Stopwatch() as watch:
        timers = [process.send_after(me, "never", 60 + number % 1000 / 1000) for number in range(count)]
        for timer in timers:
            process.cancel_timer(timer)
    return watch.rate(count)


@measures("timers one delay")
async def set_and_cancel_of_one_delay(count: int) -> Figures:
    """Measure timers of a few delays, as in most programs."""
    me = process.current()
    with Stopwatch() as watch:
        timers = [process.send_after(me, "never", 60.0) for _ in range(count)]
        for timer in timers:
            process.cancel_timer(timer)
    return watch.rate(count)


@measures("lateness")
async def lateness(count: int) -> Figures:
    me, begin = process.current(), process.monotonic()
    for number in range(count):
        due = begin + FIRST + number * 7919 % count / count * SPREAD
        process.send_after(me, due, due, abs=True)
    late: list[float] = []
    for _ in range(count):
        due = await process.receive()
        late.append(process.monotonic() - due)
    return quantiles(late)
