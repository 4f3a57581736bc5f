"""Two processes on one file: one order of commits, one bound, one rate, one pause, and one holder of a job."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Generator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest

from regrow.servers.queue.ops import Count, Pause, Resume
from regrow.servers.queue.sqlite.store import SQLite
from tests.once import once
from tests.servers.queue.proofs.broken import TWO_PROCESSES
from tests.servers.queue.proofs.killed import ROOT
from tests.servers.queue.proofs.sharing import BOUND, FILLED, QUEUES, clocks, faults_of, reports_of
from tests.servers.queue.proofs.workload import results_of

pytestmark = once

PAUSED = 0.15  # seconds
JOBS = 120  # of each process
NAMES = ("one", "two")


@contextmanager
def sharers(path: Path, jobs: int, seconds: float, broken: str) -> Generator[list[subprocess.Popen[str]]]:
    """Start two processes; end them if they have not ended."""
    command = [sys.executable, "-m", "tests.servers.queue.proofs.sharing", str(path)]
    with ExitStack() as stack:
        processes: list[subprocess.Popen[str]] = []
        for name in NAMES:
            process = subprocess.Popen(
                [*command, name, str(jobs), str(seconds), broken],
                cwd=ROOT,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
            )
            processes.append(stack.enter_context(process))
            stack.callback(process.kill)
        yield processes


def shared(path: Path, *, jobs: int = JOBS, seconds: float = 40.0, broken: str = "") -> list[str]:
    """Let two processes share a file; return what is wrong."""
    store = SQLite(path)
    store.open(clocks)
    with sharers(path, jobs, seconds, broken) as processes:
        for process in processes:
            assert process.stdout is not None
            assert process.stdout.readline() == "open\n"
        for process in processes:
            assert process.stdin is not None
            process.stdin.write("\n")
            process.stdin.flush()
        faults, pause = watched(store, processes)
        reports: list[Any] = []
        for name, process in zip(NAMES, processes, strict=True):
            assert process.wait(timeout=50) == 0
            reports += json.loads(reports_of(path, name).read_text(encoding="utf-8"))
    store.close()
    return faults + faults_of(reports, pause=pause)


def watched(store: SQLite, processes: Sequence[subprocess.Popen[str]]) -> tuple[list[str], tuple[float, float]]:
    """Look at the bound while the processes work, and pause a queue for a moment."""
    faults: list[str] = []
    begin = time.monotonic()
    paused = resumed = 0.0
    while resumed == 0.0 or all(process.poll() is None for process in processes):
        counts = results_of(store, clocks, *[Count(queue) for queue in (*QUEUES, FILLED)])
        if max(counts) > BOUND:
            faults.append(f"{max(counts)} live jobs in a queue whose bound is {BOUND}")
        now = time.monotonic()
        if paused == 0.0 and now > begin + 0.05:
            results_of(store, clocks, Pause("plain"))
            paused = time.monotonic()
        elif paused and not resumed and now > paused + PAUSED:
            resumed = time.monotonic()
            results_of(store, clocks, Resume("plain"))
        if processes[0].poll() is None:
            time.sleep(0.002)
        elif resumed:
            break
    return faults, (paused, resumed)


def test_two_processes_share_one_order_one_bound_one_rate_and_one_pause(folder: Path) -> None:
    assert shared(folder / "app.db") == []


@pytest.mark.parametrize(("name", "fault"), TWO_PROCESSES.items(), ids=TWO_PROCESSES)
def test_two_processes_show_that_a_mechanism_is_missing(folder: Path, name: str, fault: str) -> None:
    found: list[str] = []
    for seconds in (0.6, 2.0, 6.0):  # on a busy machine, little happens in a short time
        found = shared(folder / f"{seconds}.db", jobs=60, seconds=seconds, broken=name)
        if any(fault in line for line in found):
            return
    pytest.fail(f"no fault {fault!r}, but {found[:10]}")
