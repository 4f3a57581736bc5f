"""Shared parts of all contestants: a registry of measurements, a stopwatch, the memory in use, one line of JSON."""

from __future__ import annotations

import gc
import json
import os
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Self

Figures = dict[str, float]
MEASUREMENTS: dict[str, Callable[[int], Any]] = {}

STATM = Path("/proc/self/statm")


def measures(*names: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Register a contestant's function for these cases. It takes the size of the case, and returns its figures."""

    def register(function: Callable[..., Any]) -> Callable[..., Any]:
        for name in names:
            MEASUREMENTS[name] = function
        return function

    return register


def main(run: Callable[[Callable[[int], Any], int], Figures]) -> None:
    """Run a contestant's program: `python -m benchmarks.others.pykka call 10000`; without arguments, print its cases."""
    if len(sys.argv) < 3:
        print(json.dumps(sorted(MEASUREMENTS)))
        return
    print(json.dumps(run(MEASUREMENTS[sys.argv[1]], int(sys.argv[2]))), flush=True)
    os._exit(0)  # running threads and loops are not measured


class Stopwatch:
    """A stopwatch: `with Stopwatch() as watch: …`, then `watch.rate(n)`."""

    def __enter__(self) -> Self:
        self.begin = time.perf_counter()
        return self

    def __exit__(self, *_: object) -> None:
        self.seconds = time.perf_counter() - self.begin

    def rate(self, count: int) -> Figures:
        """Return the rate for each second."""
        return {"rate": count / self.seconds}


class Growth:
    """The growth of resident memory after a collection: `with Growth() as growth: …`, then `growth.of_each(n)`."""

    def __enter__(self) -> Self:
        gc.collect()
        self.before = resident()
        self.begin = time.perf_counter()
        return self

    def __exit__(self, *_: object) -> None:
        self.seconds = time.perf_counter() - self.begin
        gc.collect()
        self.grown = resident() - self.before

    def of_each(self, count: int) -> Figures:
        """Return the rate for each second, and the bytes of each object if the system reports them."""
        figures = {"rate": count / self.seconds}
        return {**figures, "bytes": self.grown / count} if self.before else figures


def resident() -> int:
    """Return the bytes of memory in use, or 0 if the system does not report them."""
    if not STATM.exists():
        return 0
    return int(STATM.read_text(encoding="ascii").split()[1]) * os.sysconf("SC_PAGE_SIZE")


def quantiles(seconds: Sequence[float]) -> Figures:
    """Return the median, the 99th percentile and the maximum, in milliseconds."""
    ordered = sorted(seconds)
    return {
        "p50": ordered[len(ordered) // 2] * 1e3,
        "p99": ordered[min(len(ordered) - 1, len(ordered) * 99 // 100)] * 1e3,
        "max": ordered[-1] * 1e3,
    }
