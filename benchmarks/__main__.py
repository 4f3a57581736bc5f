"""`python -m benchmarks`: measure, print the tables, and with --write put them and the picture into docs/."""

from __future__ import annotations

import argparse
from pathlib import Path

from benchmarks.cases import CASES, GROWTH, MILLION, STARTS, WEIGHTS
from benchmarks.picture import picture
from benchmarks.results import Results
from benchmarks.runner import Plan, contestants, run
from benchmarks.table import tables

PROJECT = Path(__file__).parents[1]
RESULTS = PROJECT / "benchmarks" / "results.json"
PAGE = PROJECT / "docs" / "benchmarks.md"
PICTURE = PROJECT / "docs" / "benchmarks.svg"
BEGIN, END = "<!-- measured: begin -->", "<!-- measured: end -->"

QUICK_ROUNDS = 3


def main() -> None:
    """Run the command."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks", description="Measure what regrow costs, compared with others."
    )
    parser.add_argument("--quick", action="store_true", help="measure only the main rows, in about a minute")
    parser.add_argument("--rounds", type=int, default=5, help="the number of rounds (5)")
    parser.add_argument("--only", metavar="WORD", help="measure only cases whose name contains WORD")
    parser.add_argument("--million", action="store_true", help="also measure a million servers; needs 3 GB of memory")
    parser.add_argument("--write", action="store_true", help="save the figures, and draw the page and the picture")
    parser.add_argument("--redraw", action="store_true", help="measure nothing; draw the saved figures")
    options = parser.parse_args()
    if options.redraw:
        write(Results.read(RESULTS))
        return

    def keep(results: Results) -> None:
        if options.write:
            results.write(RESULTS)
            write(results)

    print(tables(run(plan(options), keep)))


def plan(options: argparse.Namespace) -> Plan:
    """Return the plan for the command's options."""
    cases = [*CASES, *WEIGHTS, *STARTS, *GROWTH, *(MILLION if options.million else [])]
    if options.quick:
        cases = [case for case in cases if case.quick]
    if options.only:
        cases = [case for case in cases if options.only in case.name]
    rounds = QUICK_ROUNDS if options.quick else options.rounds
    return Plan(cases, contestants(cases, libraries=not options.quick), rounds)


def write(results: Results) -> None:
    """Write the tables, between the page's two marks, and the picture."""
    before, _, rest = PAGE.read_text(encoding="utf-8").partition(BEGIN)
    _, _, after = rest.partition(END)
    about = "{python}, {cores} cores, medians of {rounds} rounds.".format(**results.about)
    PAGE.write_text(f"{before}{BEGIN}\n\n{about}\n\n{tables(results)}\n{END}{after}", encoding="utf-8")
    PICTURE.write_text(picture(results), encoding="utf-8")


if __name__ == "__main__":
    main()
