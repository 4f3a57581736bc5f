"""The measured cases, with their targets and limits.

A target is a ratio to the BEAM in the same run: the first for the pure Python files, the second for the same files
compiled. A limit is a size or a time that must not be exceeded.
"""

from __future__ import annotations

from dataclasses import dataclass

Pair = tuple[float, float]


@dataclass(frozen=True)
class Case:
    """One row of the table.

    Attributes:
        name: the name that the contestants use.
        title: the name that the table shows.
        size: the number of calls, servers, timers, …
        figure: the figure of a measurement that the row shows.
        target: the wanted ratio to the BEAM, pure and compiled.
        limit: the largest allowed figure, pure and compiled.
        quick: whether `--quick` measures the case.
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
    Case("call no more traced", "call, after the trace has stopped", 100_000),
    Case("cast", "cast, then one call", 200_000, target=(0.13, 0.29), quick=True),
    Case("send", "send to a process that receives", 100_000),
    Case("clients", "100 clients of one server", 100_000, quick=True),
    Case("ring", "ring of 100 servers", 200_000),
    Case("ring of processes", "ring of 100 processes", 200_000, target=(0.34, 0.69)),
    Case("spawn", "spawn, and receive the end", 20_000),
    Case("start_link", "start_link", 10_000, target=(0.51, 1.02), quick=True),
    Case("start_child", "start_child", 10_000),
    Case("restarts 100", "restarts of 100 children", 100),
    Case("restarts 1000", "restarts of 1,000 children", 1_000, target=(0.6, 1.0)),
    Case("restarts 10000", "restarts of 10,000 children", 10_000, target=(4.0, 8.0)),
    Case("task", "Task.async_ and await_", 20_000, target=(0.6, 1.0)),
    Case("agent", "Agent.update", 50_000, target=(0.6, 1.0)),
    Case("dispatch", "dispatch to 1,000 subscribers", 100),
    Case("timers", "timers, set and cancelled", 100_000, target=(0.68, 1.03)),
    Case("timers one delay", "timers of one delay, set and cancelled", 100_000),
    Case("lateness", "20,000 timers in a second: lateness, p50", 20_000, "p50"),
    Case("lateness", "20,000 timers in a second: lateness, p99", 20_000, "p99"),
    Case("lateness", "20,000 timers in a second: lateness, max", 20_000, "max"),
    Case("tail", "a call under load, with sockets: p50", 500, "p50"),
    Case("tail", "a call under load, with sockets: p99", 500, "p99"),
    Case("tail", "a call under load, with sockets: max", 500, "max"),
    Case("tail", "a socket's echo meanwhile: p99", 500, "socket p99"),
]

# Bytes of resident memory for each of 100,000 servers.
WEIGHTS = [
    Case("memory idle", "an idle server", 100_000, "bytes"),
    Case("memory named", "a server with a name", 100_000, "bytes"),
    Case("memory linked", "a server with a link", 100_000, "bytes"),
    Case("memory monitored", "a server with a monitor", 100_000, "bytes"),
    Case("memory all", "a server with all three", 100_000, "bytes", limit=(1250, 1100), quick=True),
]

# Milliseconds until the program is ready.
STARTS = [
    Case("pass", "Python itself", 1, "ms"),
    Case("asyncio", "`import asyncio`", 1, "ms"),
    Case("import", "`import regrow`", 1, "ms", limit=(60, 60), quick=True),
    Case("names", "`from regrow import GenServer, Supervisor, run`", 1, "ms"),
    Case("help", "`regrow --help`", 1, "ms", limit=(200, 200), quick=True),
]

# Costs that must not depend on the number of others.
OTHERS = (1, 1_000, 100_000)
GROWTH = [
    Case("growth call", "call, beside other idle servers", 0),
    Case("growth start", "start and kill, beside other servers", 0),
    Case("growth names", "register, whereis, unregister, beside other names", 0),
    Case("growth registry", "register, lookup, unregister, beside other keys", 0),
    Case("growth timers", "set and cancel, beside other timers", 0),
    Case("growth links", "link and unlink, beside other links", 0),
    Case("growth monitors", "monitor and demonitor, beside other monitors", 0),
    Case("growth generations", "spawn a successor and end, after earlier generations", 0),
    Case("growth chain", "spawn and end, at the end of a chain of processes that spawned each other", 0),
    Case("growth supervisor", "start, restart, terminate, beside other children", 0),
]
FLAT = 2.0  # a dict that exceeds the processor's cache is slower, too

MILLION = [
    Case("million", "1,000,000 idle servers: gigabytes", 1_000_000, "gigabytes", limit=(1.5, 1.5)),
    Case("million", "a full collection of them: seconds", 1_000_000, "pause"),
    Case("million", "a full collection after gc.freeze(): seconds", 1_000_000, "pause frozen"),
]

# The libraries are slower: their rates are measured with this fraction of the size.
LIBRARY_SHARE = 10

# The cases that compare the libraries; the library for the target of a call, and that target.
LIBRARY_CASES = ("call", "cast", "clients", "ring", "start_link", "memory idle")
LIBRARY_TARGET = ("async-pykka", (10.0, 20.0))
