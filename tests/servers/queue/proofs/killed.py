"""Children that are killed with SIGKILL, and what their ledger says."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Final

from tests.servers.queue.proofs.ledger import Ledger
from tests.servers.queue.proofs.workload import Clock

ROOT: Final = Path(__file__).parents[4]
ENDLESS: Final = 1_000_000


@dataclass(slots=True)
class Nursery:
    """The process that forks the children."""

    orders: IO[str]
    lines: IO[str]

    def run(
        self,
        path: Path,
        ledger: Ledger,
        clock: Clock,
        *,
        seed: int,
        steps: int = ENDLESS,
        size: int = 1,
        kill_at: int | None = None,
        kill_after: int | None = None,
        broken: str = "",
        suffix: str = "",
        stop: threading.Event | None = None,
    ) -> bool:
        """Run a child to its end; return whether it was killed. Its entries go to the ledger.

        Args:
            path: the file of its store.
            ledger: takes the entries.
            clock: the time at which it begins, and then the time at which it ended.
            seed: decides what it asks.
            steps: the number of its batches.
            size: the requests of each.
            kill_at: the event of its disk before which it kills itself; None for no such disk.
            kill_after: the number of entries after which this process kills it.
            broken: the name of the mechanism that its store lacks.
            stop: set when this process is to kill it; instead of `kill_after`.
            suffix: ends the names of its queues; with one, its clocks are those of the machine.
        """
        order = {
            "path": str(path),
            "seed": seed,
            "steps": steps,
            "size": size,
            "kill_at": kill_at,
            "broken": broken,
            "suffix": suffix,
        }
        self.orders.write(json.dumps(order | {"wall": clock.wall, "monotonic": clock.monotonic}) + "\n")
        self.orders.flush()
        pid, entries = None, 0
        for value in self.values():
            if "ended" in value:
                return bool(os.WIFSIGNALED(value["ended"]))
            if "pid" in value:
                pid = value["pid"]
            else:
                ledger.add(value)
                clock.wall, clock.monotonic = value["wall"], value["at"]
                entries += 1
            wanted = (kill_after is not None and entries >= kill_after) or (stop is not None and stop.is_set())
            if pid is not None and wanted:
                os.kill(pid, signal.SIGKILL)
                kill_after = stop = None
        raise AssertionError("the process that forks the children has ended")

    def values(self) -> Iterator[Any]:
        for line in self.lines:
            try:
                value = json.loads(line)
            except ValueError:  # an empty line, or the rest of one that a kill has cut
                continue
            yield value


@contextmanager
def nursery() -> Generator[Nursery]:
    """Start the process that forks the children, and end it."""
    command = [sys.executable, "-m", "tests.servers.queue.proofs.nursery"]
    with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        yield Nursery(process.stdin, process.stdout)
        process.stdin.close()
        process.wait(30)
