"""`python -m benchmarks.queues`: measure the queues, print the tables, and with --write put them into docs/."""

from __future__ import annotations

import argparse
import os
import platform
import sqlite3
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from benchmarks.contestants import COMPILED, regrows
from benchmarks.queues.driving import FOLDER
from benchmarks.queues.peers import Peer, installed
from benchmarks.queues.postgres import Server, server
from benchmarks.queues.settings import COLUMNS, STEADILY, STEADY, Column
from benchmarks.queues.slow_disk import slow_disk
from benchmarks.queues.syncs import disk, syncs
from benchmarks.queues.table import SYNCS, tables
from benchmarks.results import Results

PROJECT = Path(__file__).parents[2]
RESULTS = PROJECT / "benchmarks" / "queues" / "results.json"
PAGE = PROJECT / "docs" / "benchmarks.md"
BEGIN, END = "<!-- queues: begin -->", "<!-- queues: end -->"
LIMIT = 120.0  # seconds for one measurement


def main() -> None:
    """Run the command."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.queues", description="Compare durable queues.")
    parser.add_argument("--rounds", type=int, default=3, help="the number of rounds (3)")
    parser.add_argument("--seconds", type=float, default=1.0, help="the seconds of one measurement (1.0)")
    parser.add_argument("--only", metavar="WORD", help="measure only queues whose name contains WORD")
    parser.add_argument("--column", metavar="WORD", help="measure only columns whose title contains WORD")
    parser.add_argument("--write", action="store_true", help="save the figures, and write them into the page")
    parser.add_argument("--redraw", action="store_true", help="measure nothing; write the saved figures")
    options = parser.parse_args()
    if options.redraw:
        write(Results.read(RESULTS))
        return
    results = measure(options)
    if options.write:
        results.write(RESULTS)
        write(results)
    print(tables(results))


def measure(options: argparse.Namespace) -> Results:
    """Measure on this disk, then on one with a steady sync."""
    compiled = any(contestant.name == COMPILED for contestant in regrows())
    with server({}) as postgres:
        results = Results(about(postgres, compiled=compiled))
        peers = [
            peer
            for peer in installed(server=postgres is not None, compiled=compiled)
            if options.only is None or options.only in peer.name
        ]
        run(results, peers, COLUMNS, options, Place(postgres, {}))
        if options.column is None:
            for peer in peers:
                print(f"syncs of {peer.name}", file=sys.stderr)
                results.add(SYNCS, peer.name, syncs(peer, postgres))
    environment = slow_disk()
    if environment is not None:
        with server(environment) as postgres:
            run(results, peers, STEADY, options, Place(postgres, environment, STEADILY))
    return results


class Place(NamedTuple):
    """Where a run happens: the server, the environment of the programs, and the beginning of the keys."""

    postgres: Server | None
    environment: dict[str, str]
    prefix: str = ""

    def found(self, peer: Peer) -> dict[str, str]:
        """Return the environment of a queue's program, with an empty database if it needs one."""
        if self.postgres is None or peer.store != "PostgreSQL":
            return self.environment
        return {**self.environment, **self.postgres.fresh()}


def run(
    results: Results, peers: list[Peer], columns: Sequence[Column], options: argparse.Namespace, place: Place
) -> None:
    """Measure all rounds; each begins with another queue, and the queues of one column run directly after each other."""
    for number in range(options.rounds):
        for column in columns:
            if options.column is not None and options.column not in column.title:
                continue
            print(f"round {number + 1} of {options.rounds}: {place.prefix}{column.title}", file=sys.stderr)
            for peer in turned(peers, number):
                if peer.takes(column.setting):
                    contestant = peer.contestant(place.found(peer))
                    setting = str(column.setting._replace(seconds=options.seconds))
                    results.add(place.prefix + column.title, peer.name, contestant.measure(setting, 0, LIMIT))
        results.about["rounds"] = str(number + 1)


def turned(peers: list[Peer], number: int) -> list[Peer]:
    """Return the queues, beginning with another one in each round."""
    first = number * len(peers) // 3 % len(peers)
    return peers[first:] + peers[:first]


def about(postgres: Server | None, *, compiled: bool) -> dict[str, str]:
    """Describe the machine."""
    return {
        "python": f"{platform.python_implementation()} {platform.python_version()}",
        "kernel": "compiled" if compiled else "in pure Python",
        "cores": str(os.cpu_count()),
        "sqlite": sqlite3.sqlite_version,
        "postgres": postgres.version() if postgres is not None else "",
        "sync": f"{disk(os.environ.get(FOLDER)):.2f}",
        "rounds": "0",
    }


def write(results: Results) -> None:
    """Write the tables between the page's two marks."""
    before, _, rest = PAGE.read_text(encoding="utf-8").partition(BEGIN)
    _, _, after = rest.partition(END)
    text = (
        "{python}, regrow's kernel {kernel}, {cores} cores, SQLite {sqlite}{postgres}, medians of {rounds} rounds. "
        "A sync of this disk takes {sync} ms."
    )
    known = {**results.about, "postgres": results.about["postgres"] and f", PostgreSQL {results.about['postgres']}"}
    PAGE.write_text(f"{before}{BEGIN}\n\n{text.format(**known)}\n\n{tables(results)}\n{END}{after}", encoding="utf-8")


if __name__ == "__main__":
    main()
