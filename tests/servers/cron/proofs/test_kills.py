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
from regrow.servers.cron.when.moments import iso_of
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
        self.killed: set[int] = set()  # their numbers
        self.began = self.ended = 0.0  # when all were ready, and when the stop began

    def start(self, count: int = 1) -> None:
        """Start programs, and wait until they are ready."""
        started: list[subprocess.Popen[str]] = []
        for _ in range(count):
            program = subprocess.Popen([sys.executable, str(PROGRAM), *self.args], stdout=subprocess.PIPE, text=True)
            self.stack.callback(self.reap, program)
            started.append(program)
        for program in started:
            assert program.stdout is not None
            assert program.stdout.readline() == "ready\n"
        self.running += started
        self.began = self.began or time.time()

    @staticmethod
    def reap(program: subprocess.Popen[str]) -> None:
        """End a program, whatever has happened."""
        program.kill()
        program.communicate(timeout=PATIENCE)

    def kill(self, place: int) -> None:
        """Kill a program at once."""
        program = self.running.pop(place)
        self.killed.add(program.pid)
        program.send_signal(signal.SIGKILL)
        program.wait(PATIENCE)

    def stop(self) -> None:
        """Stop all programs in order."""
        self.ended = time.time()
        for program in self.running:
            program.send_signal(signal.SIGTERM)
        for program in self.running:
            program.wait(PATIENCE)


def run_and_kill(count: int, args: list[str], seed: int) -> Programs:
    """Run programs, kill some of them, and stop the others."""
    random = Random(seed)
    with ExitStack() as stack:
        programs = Programs(stack, *args)
        programs.start(count)
        for _ in range(KILLS):
            time.sleep(random.uniform(0.4, 0.9))
            programs.kill(random.randrange(len(programs.running)))
            programs.start()
        time.sleep(0.6)
        programs.stop()
    return programs


def examine(rows: list[TickRow], log: Path, programs: Programs) -> None:
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
        assert moments[0] <= programs.began * 1_000_000 + STEP, f"{name}: the first tick has no row"
        assert moments[-1] >= programs.ended * 1_000_000 - 2 * STEP, f"{name}: the last tick has no row"
        assert {row.reason for row in found} <= {"ran", "caught_up"}, name
    claimed = {key_of(row) for row in rows if row.attempt}
    assert begun.keys() <= claimed, "a run has no claim"
    assert {key_of(row) for row in rows if row.outcome == "succeeded"} <= ended
    # What has not succeeded was running when its program was killed or stopped.
    assert {row.outcome for row in rows} <= {"succeeded", "lost", "running", "cancelled", "waiting"}
    for row in rows:
        if row.outcome in {"lost", "running"}:
            assert program_of(row) in programs.killed, f"{row} was lost though its program lived"


def key_of(row: TickRow) -> str:
    """Return the key of a tick, as its run sees it."""
    return f"{row.job}@{iso_of(row.scheduled_for)}"


def program_of(row: TickRow) -> int:
    """Return the number of the program that has claimed a tick: of 977 in web-2/977-5f3a90.1."""
    assert row.owner is not None
    return int(row.owner.rpartition("/")[2].partition("-")[0])


def test_two_programs_on_one_file(tmp_path: Path) -> None:
    log, path = tmp_path / "log", tmp_path / "app.db"
    programs = run_and_kill(2, [str(path), str(log)], seed=1)
    examine(ticks(SQLite(path)), log, programs)


def test_three_programs_on_one_database(tmp_path: Path) -> None:
    log, schema = tmp_path / "log", schema_of(tmp_path)
    programs = run_and_kill(3, [url(), str(log), schema], seed=2)
    examine(ticks(Postgres(url(), schema=schema)), log, programs)
