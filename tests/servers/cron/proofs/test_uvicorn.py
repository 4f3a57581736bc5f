"""Two workers of uvicorn on one SQLite file: one run a tick, also when one of them is killed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

from regrow.servers.queue.sqlite.store import SQLite
from tests.servers.cron.proofs.ledger import ticks

ROOT = Path(__file__).parents[4]
PATIENCE = 60.0  # seconds


def lines(folder: Path) -> list[tuple[str, int]]:
    """Return the tick and the worker of each run."""
    log = folder / "log"
    if not log.exists():
        return []
    return [(key, int(pid)) for _, key, _, pid in (line.split() for line in log.read_text().splitlines())]


def until(condition: Callable[[], object]) -> None:
    """Wait until a condition holds, which other processes make true."""
    end = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.05)


def test_two_workers_run_each_tick_once(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "uvicorn", "--workers", "2", "--host", "127.0.0.1", "--port", "0"]
    server = subprocess.Popen(
        [*command, "--log-level", "warning", "tests.servers.cron.proofs.web:app"],
        cwd=ROOT,
        env={**os.environ, "CRON_FOLDER": str(tmp_path)},
    )
    try:
        until(lambda: len({pid for _, pid in lines(tmp_path)}) == 2)
        victim = lines(tmp_path)[-1][1]
        os.kill(victim, signal.SIGKILL)
        before = len(lines(tmp_path))
        until(lambda: len(lines(tmp_path)) > before + 30)
    finally:
        server.send_signal(signal.SIGTERM)
        server.wait(PATIENCE)
    runs = lines(tmp_path)
    assert max(Counter(key for key, _ in runs).values()) == 1
    assert all(pid != victim for _, pid in runs[before + 4 :])
    rows = ticks(SQLite(tmp_path / "app.db"))
    for name in {row.job for row in rows}:
        moments = sorted(row.scheduled_for for row in rows if row.job == name)
        assert {after - one for one, after in pairwise(moments)} == {200_000}
