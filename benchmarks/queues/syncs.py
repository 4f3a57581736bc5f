"""The syncs of a cycle, counted: what a queue promises costs at least that many."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tempfile
import time
from pathlib import Path

from benchmarks.measure import Figures
from benchmarks.queues.peers import Peer
from benchmarks.queues.postgres import Server
from benchmarks.queues.settings import CLIENTS, Setting

CALLS = re.compile(r"^\s*[\d.]+\s+[\d.]+\s+\d+\s+(\d+)\s.*\b(?:fsync|fdatasync)$", re.MULTILINE)
FEW, MANY = 20, 120  # cycles of each client: the difference leaves out the start
LIMIT = 120.0


def syncs(peer: Peer, server: Server | None) -> Figures | None:
    """Return the syncs of each cycle, with 1 client and with 100, or None if they cannot be counted."""
    found: Figures = {}
    for clients, few, many in ((1, FEW, MANY), (CLIENTS, 2, 12)):
        counts = [count(peer, server, Setting(clients, cycles=cycles)) for cycles in (few, many)]
        less, more = counts
        if less is None or more is None:
            return None
        found[f"syncs {clients}"] = (more - less) / (clients * (many - few))
    return found


def count(peer: Peer, server: Server | None, setting: Setting) -> int | None:
    """Return the syncs of one run."""
    command = [*peer.command, str(setting), "0"]
    environment = {**os.environ, **peer.environment}
    if peer.store == "PostgreSQL":
        assert server is not None
        environment |= server.fresh()
        before = server.syncs()
        subprocess.run(command, capture_output=True, check=True, timeout=LIMIT, env=environment)
        time.sleep(1.0)  # until the server has reported its statistics
        return server.syncs() - before
    tracer = shutil.which("strace")
    if tracer is None:
        return None
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "syncs"
        tracing = [tracer, "-f", "-c", "-e", "trace=fsync,fdatasync", "-o", str(report)]
        subprocess.run([*tracing, *command], capture_output=True, check=True, timeout=LIMIT, env=environment)
        return sum(int(found) for found in CALLS.findall(report.read_text()))


def disk(folder: str | None, count: int = 200) -> float:
    """Return the median milliseconds of a sync after a write of 4 KiB."""
    page = b"x" * 4096
    times: list[float] = []
    with tempfile.TemporaryFile(dir=folder, buffering=0) as file:
        for _ in range(count):
            file.write(page)
            begin = time.perf_counter()
            os.fdatasync(file.fileno())
            times.append(time.perf_counter() - begin)
    return sorted(times)[count // 2] * 1e3
