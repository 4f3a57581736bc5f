"""What is measured, and what it is to reach.

A target is a ratio to the BEAM in the same run: the first of Python's files as they stand, the second of the same
files compiled. A limit is a size or a time that must not be passed.
"""

from __future__ import annotations

from dataclasses import dataclass

Pair = tuple[float, float]


@dataclass(frozen=True)
class Case:
    """One row of the table.

    Attributes:
        name: as the contestants know it.
        title: as the table shows it.
        size: how many calls, servers, timers, …
        figure: which of the figures that a measurement gives.
        target: so many times as good as the BEAM, pure and compiled.
        limit: not more than this, pure and compiled.
        quick: whether it is measured when there is only a minute.
    """

    name: str
    title: str
    size: int
    figure: str = "rate"
    target: Pair | None = None
    limit: Pair | None = None
    quick: bool = False


CASES = [
    Case("call", "call, `def` callback", 200_000, target=(0.9, 1.8), quick=True),
    Case("call async", "call, `async def` callback", 100_000, quick=True),
    Case("call name", "call by name", 100_000, quick=True),
    Case("call service", "call of a Service's method", 100_000, quick=True),
    Case("call registry", "call through a Registry", 100_000, target=(0.6, 1.0)),
    Case("call task", "call from a plain asyncio task", 100_000),
    Case("call thread", "call from another thread", 2_000),
    Case("call traced", "call, while a trace is recorded", 20_000),
    Case("call no more traced", "call, when it is stopped", 100_000),
    Case("cast", "cast, then one call", 200_000, target=(0.13, 0.29), quick=True),
    Case("send", "send to a process that receives", 100_000),
    Case("clients", "100 clients of one server", 100_000, quick=True),
    Case("ring", "ring of 100 servers", 200_000),
    Case("ring of processes", "ring of 100 processes", 200_000, target=(0.34, 0.69)),
    Case("spawn", "spawn, and hear of the end", 20_000),
    Case("start_link", "start_link", 10_000, target=(0.51, 1.02), quick=True),
    Case("start_child", "start_child", 10_000),
    Case("restarts 100", "restarts of 100 children", 100),
    Case("restarts 1000", "restarts of 1,000 children", 1_000, target=(0.6, 1.0)),
    Case("restarts 10000", "restarts of 10,000 children", 10_000, target=(4.0, 8.0)),
    Case("task", "Task.async_ and await_", 20_000, target=(0.6, 1.0)),
    Case("agent", "Agent.update", 50_000, target=(0.6, 1.0)),
    Case("dispatch", "dispatch to 1,000 subscribers", 100),
    Case("timers", "timers, set and cancelled", 100_000, target=(0.68, 1.03)),
    Case("timers one delay", "the same, all of one delay", 100_000),
    Case("lateness", "20,000 timers in a second: late, p50", 20_000, "p50"),
    Case("lateness", "p99", 20_000, "p99"),
    Case("lateness", "max", 20_000, "max"),
    Case("tail", "a call under load, with sockets: p50", 500, "p50"),
    Case("tail", "p99", 500, "p99"),
    Case("tail", "max", 500, "max"),
    Case("tail", "a socket's echo meanwhile: p99", 500, "socket p99"),
]

# Bytes of resident memory, each of 100,000.
WEIGHTS = [
    Case("memory idle", "an idle server", 100_000, "bytes"),
    Case("memory named", "with a name", 100_000, "bytes"),
    Case("memory linked", "with a link", 100_000, "bytes"),
    Case("memory monitored", "with a monitor", 100_000, "bytes"),
    Case("memory all", "with all three", 100_000, "bytes", limit=(1250, 1100), quick=True),
]

# Milliseconds until it is there.
STARTS = [
    Case("pass", "Python itself", 1, "ms"),
    Case("asyncio", "`import asyncio`", 1, "ms"),
    Case("import", "`import regrow`", 1, "ms", limit=(60, 60), quick=True),
    Case("names", "`from regrow import GenServer, Supervisor, run`", 1, "ms"),
    Case("help", "`regrow --help`", 1, "ms", limit=(200, 200), quick=True),
]

# What must cost the same whatever the number of others is.
OTHERS = (1, 1_000, 100_000)
GROWTH = [
    Case("growth call", "call, beside so many idle servers", 0),
    Case("growth start", "start and kill, beside so many", 0),
    Case("growth names", "register, whereis, unregister, among so many names", 0),
    Case("growth registry", "register, lookup, unregister, among so many keys", 0),
    Case("growth timers", "set and cancel, among so many timers", 0),
    Case("growth links", "link and unlink, beside so many links", 0),
    Case("growth monitors", "monitor and demonitor, beside so many", 0),
    Case("growth generations", "spawn one's successor and end, after so many generations", 0),
    Case("growth chain", "spawn and end, at the end of a chain of so many that spawned each other", 0),
    Case("growth supervisor", "start, restart, terminate, beside so many children", 0),
]
FLAT = 2.0  # a dict that no longer fits into the processor's cache is slower, too

MILLION = [
    Case("million", "1,000,000 idle servers: gigabytes", 1_000_000, "gigabytes", limit=(1.5, 1.5)),
    Case("million", "a full collection among them, seconds", 1_000_000, "pause"),
    Case("million", "the same after gc.freeze()", 1_000_000, "pause frozen"),
]

# The libraries take longer: their rates are those of fewer.
LIBRARY_SHARE = 10

# What the libraries are compared in, and with which of them a call is to be so many times as quick.
LIBRARY_CASES = ("call", "cast", "clients", "ring", "start_link", "memory idle")
LIBRARY_TARGET = ("async-pykka", (10.0, 20.0))
