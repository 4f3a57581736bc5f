"""`python -m benchmarks.ours call 100000`: one measurement, in a process of regrow's."""

from collections.abc import Callable
from typing import Any

import regrow
from benchmarks.measure import Figures, main
from benchmarks.ours import growth, latency, messages, starts, supervisors, timers, tracing

MODULES = (messages, starts, timers, tracing, supervisors, latency, growth)


def measure(function: Callable[[int], Any], size: int) -> Figures:
    """Run one measurement as the main process of a program."""
    figures: Figures = regrow.run(function, size)
    return figures


if __name__ == "__main__":
    main(measure)
