"""A program of `application.py`, and what it has reported."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from tests.servers.queue.proofs.killed import ROOT

PATIENCE: Final = 40.0  # seconds


class Program:
    """A running program. A thread always reads its output: a full pipe would hold it up."""

    def __init__(self, role: str, path: Path) -> None:
        self.reports: list[Any] = []
        command = [sys.executable, "-m", "tests.servers.queue.proofs.application", role, str(path)]
        self.process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE)
        self.reader = threading.Thread(target=self.read)
        self.reader.start()

    def read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.reports.append(json.loads(line))

    def ready(self) -> Any:
        """Wait until the program works; return its report of that."""
        eventually(lambda: any(report[0] == "ready" for report in self.reports) or self.process.poll() is not None)
        return next(report for report in self.reports if report[0] == "ready")

    def kill(self) -> None:
        """Kill the program with SIGKILL, unless it has ended, and read the rest of its reports."""
        self.process.kill()
        self.ended()

    def ended(self) -> int:
        """Wait for the end; return the exit code."""
        code = self.process.wait(PATIENCE)
        self.reader.join(PATIENCE)
        assert self.process.stdout is not None
        self.process.stdout.close()
        return code


@contextmanager
def program(role: str, path: Path) -> Generator[Program]:
    """Run a program, and kill it at the end."""
    running = Program(role, path)
    try:
        yield running
    finally:
        if running.reader.is_alive() or running.process.poll() is None:
            running.kill()


def eventually(condition: Callable[[], object]) -> None:
    """Wait until a condition holds, which other processes make true."""
    end = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.005)
