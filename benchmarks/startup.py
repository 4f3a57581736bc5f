"""The time that a program needs for its imports."""

from __future__ import annotations

import os
import subprocess
import sys

from benchmarks.contestants import COMPILED, PURE
from benchmarks.measure import Figures, Stopwatch

PROGRAMS = {
    "pass": ["-c", "pass"],
    "asyncio": ["-c", "import asyncio"],
    "import": ["-c", "import regrow"],
    "names": ["-c", "from regrow import GenServer, Supervisor, run"],
    "help": ["-c", "from regrow.cli import main; main()", "--help"],
}
TIMES = 5


def start_up(case: str, contestant: str) -> Figures:
    """Return the fastest of a few starts, in milliseconds: slower ones were delayed by other programs."""
    environment = {**os.environ, "REGROW_PURE": {PURE: "1", COMPILED: ""}[contestant]}
    spent: list[float] = []
    for _ in range(TIMES):
        with Stopwatch() as watch:
            subprocess.run([sys.executable, *PROGRAMS[case]], stdout=subprocess.DEVNULL, check=True, env=environment)
        spent.append(watch.seconds)
    return {"ms": min(spent) * 1e3}
