"""Programs on one store are killed at random: no tick runs twice, and none that was due is without its row.

REGROW_KILLS sets the number of kills: `make proofs` kills ten times.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections import Counter
from contextlib import ExitStack
from itertools import pairwise
from pathlib import Path
from random import Random

from regrow.servers.cron.rows import TickRow
from regrow.servers.queue.postgres.store import Postgres
from regrow.servers.queue.sqlite.store import SQLite
from tests.contracts.postgres_server import schema_of, url
from tests.servers.cron.proofs.ledger import ticks
from tests.servers.cron.proofs.program import INTERVAL, JOBS

KILLS = int(os.environ.get("REGROW_KILLS", "2"))
PROGRAM = Path(__file__).with_name("program.py")
STEP = round(INTERVAL * 1_000_000)
PATIENCE = 30.0  # seconds


class Programs:
    """Programs on one store; a killed one is started again."""

    def __init__(self, stack: ExitStack, *args: str) -> None:
        self.stack = stack
        self.args = args
        self.running: list[subprocess.Popen[str]] = []

    def start(self) -> None:
        """Start a program, and wait until it is ready."""
        program = subprocess.Popen([sys.executable, str(PROGRAM), *self.args], stdout=subprocess.PIPE, text=True)
        self.stack.callback(self.reap, program)
        assert program.stdout is not None
        assert program.stdout.readline() == "ready\n"
        self.running.append(program)

    @staticmethod
    def reap(program: subprocess.Popen[str]) -> None:
        """End a program, whatever has happened."""
        program.kill()
        program.communicate(timeout=PATIENCE)

    def kill(self, place: int) -> None:
        """Kill a program at once."""
        program = self.running.pop(place)
        program.send_signal(signal.SIGKILL)
        program.wait(PATIENCE)

    def stop(self) -> None:
        """Stop all programs in order."""
        for program in self.running:
            program.send_signal(signal.SIGTERM)
        for program in self.running:
            program.wait(PATIENCE)


def run_and_kill(count: int, args: list[str], seed: int) -> None:
    """Run programs, kill some of them, and stop the others."""
    random = Random(seed)
    with ExitStack() as stack:
        programs = Programs(stack, *args)
        for _ in range(count):
            programs.start()
        for _ in range(KILLS):
            time.sleep(random.uniform(0.4, 0.9))
            programs.kill(random.randrange(len(programs.running)))
            programs.start()
        time.sleep(0.6)
        programs.stop()


def examine(rows: list[TickRow], log: Path) -> None:
    """Compare the rows of the ledger with what the runs have noted."""
    lines = [line.split() for line in log.read_text().splitlines()]
    begun = Counter(key for what, key, *_ in lines if what == "begin")
    ended = {key for what, key, *_ in lines if what == "end"}
    assert max(begun.values()) == 1, "a tick was run twice"
    assert len(begun) > JOBS * 5
    by_job: dict[str, list[TickRow]] = {}
    for row in rows:
        by_job.setdefault(row.job, []).append(row)
    assert len(by_job) == JOBS
    for name, found in by_job.items():
        moments = sorted(row.scheduled_for for row in found)
        steps = {after - before for before, after in pairwise(moments)}
        assert steps == {STEP}, f"{name}: a tick that was due has no row"
        assert {row.reason for row in found} <= {"ran", "caught_up"}, name
    outcomes = Counter(row.outcome for row in rows)
    done = outcomes["succeeded"]
    assert done > 0
    assert done <= len(ended)
    # What has neither succeeded nor waits was running when its program was killed or stopped.
    assert outcomes.keys() <= {"succeeded", "lost", "running", "cancelled", "waiting"}
    assert len(rows) - done <= JOBS * 3 * (KILLS + 3)


def test_two_programs_on_one_file(tmp_path: Path) -> None:
    log, path = tmp_path / "log", tmp_path / "app.db"
    run_and_kill(2, [str(path), str(log)], seed=1)
    examine(ticks(SQLite(path)), log)


def test_three_programs_on_one_database(tmp_path: Path) -> None:
    log, schema = tmp_path / "log", schema_of(tmp_path)
    run_and_kill(3, [url(), str(log), schema], seed=2)
    examine(ticks(Postgres(url(), schema=schema)), log)
