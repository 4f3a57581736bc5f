"""`python -m benchmarks.crons`: measure how late 10,000 jobs are, print the table, and with --write put it into docs/."""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
from pathlib import Path
from statistics import median

from benchmarks.crons.due import CASES
from benchmarks.table import markdown

PROJECT = Path(__file__).parents[2]
PAGE = PROJECT / "docs" / "benchmarks.md"
BEGIN, END = "<!-- crons: begin -->", "<!-- crons: end -->"
COUNT = 10_000
LIMIT = 300.0  # seconds for one measurement

CONTESTANTS = {
    "regrow.cron, in memory": ("benchmarks.ours.crons", "memory"),
    "APScheduler 3, in memory, event loop": ("benchmarks.others.crons.apscheduler_", "loop"),
    "regrow.cron, in memory, threads": ("benchmarks.ours.crons", "threads"),
    "APScheduler 3, in memory, threads": ("benchmarks.others.crons.apscheduler_", "threads"),
    "regrow.cron, SQLite": ("benchmarks.ours.crons", "sqlite"),
    "APScheduler 3, SQLAlchemy on SQLite": ("benchmarks.others.crons.apscheduler_", "sqlalchemy"),
}
ONCE = {"APScheduler 3, SQLAlchemy on SQLite"}  # one round: a sync for each of its jobs takes minutes


def main() -> None:
    """Run the command."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.crons", description="Compare schedulers.")
    parser.add_argument("--rounds", type=int, default=3, help="the number of rounds (3)")
    parser.add_argument("--only", metavar="WORD", default="", help="measure only schedulers whose name contains WORD")
    parser.add_argument("--write", action="store_true", help="write the figures into the page")
    options = parser.parse_args()
    found: dict[str, dict[str, list[list[float]]]] = {}
    load = os.getloadavg()[0]
    for number in range(options.rounds):
        for case in CASES:
            for name, (module, kind) in CONTESTANTS.items():
                if options.only in name and not (number and name in ONCE):
                    print(f"round {number + 1} of {options.rounds}: {case}, {name}", file=sys.stderr)
                    found.setdefault(name, {}).setdefault(case, []).append(measure(module, kind, case))
    text = table(found, options.rounds, load)
    print(text)
    if options.write:
        page = PAGE.read_text(encoding="utf-8")
        before, _, rest = page.partition(BEGIN)
        _, _, after = rest.partition(END)
        PAGE.write_text(f"{before}{BEGIN}\n\n{text}\n\n{END}{after}", encoding="utf-8")


def measure(module: str, kind: str, case: str) -> list[float]:
    """Return the median, the 99th percentile and the maximum of the lateness, in milliseconds."""
    command = [sys.executable, "-m", module, kind, case, str(COUNT)]
    done = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, timeout=LIMIT, check=False)
    if done.returncode:
        sys.exit(f"{' '.join(command)}: {done.stdout}{done.stderr}")
    numbers: list[float] = json.loads(done.stdout.splitlines()[-1])
    return numbers


def table(found: dict[str, dict[str, list[list[float]]]], rounds: int, load: float) -> str:
    """Return the figures as a table of medians over the rounds; `load` is that of the machine before the first."""
    import regrow

    kernel = "compiled" if regrow.compiled else "in pure Python"
    python = f"{platform.python_implementation()} {platform.python_version()}"
    head = (
        f"{python}, regrow's kernel {kernel}, {os.cpu_count()} cores, medians of {rounds} rounds (SQLAlchemy: "
        f"one round); before it the load of the machine was {load:.1f}. Milliseconds from the "
        f"moment to the start of the job: half of the {COUNT:,} jobs, and 99 of 100, have begun by then."
    )
    rows = [["", *CASES]]
    for name, cases in found.items():
        cells: list[str] = []
        for case in CASES:
            middle, most = (median(run[place] for run in cases[case]) for place in (0, 1))
            cells.append(f"{middle:,.0f}, {most:,.0f}")
        rows.append([name, *cells])
    return f"{head}\n\n{markdown(rows[0], rows[1:]).rstrip()}"


if __name__ == "__main__":
    main()
