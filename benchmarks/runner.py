"""Run every case in every contestant, each in a separate program, for several rounds.

The contestants of one case run directly after each other, and each round begins with another contestant. So other load on
the machine affects all of them alike, and a ratio compares measurements that are seconds apart.
"""

from __future__ import annotations

import os
import platform
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import NamedTuple

from benchmarks.cases import GROWTH, LIBRARY_CASES, LIBRARY_SHARE, OTHERS, Case
from benchmarks.contestants import BASELINES, LIBRARIES, Contestant, beam, pythons, regrows
from benchmarks.results import Results, key_of
from benchmarks.startup import PROGRAMS, start_up

LIMIT = 300.0  # seconds for one measurement


class Plan(NamedTuple):
    """The cases, the contestants and the number of rounds."""

    cases: Sequence[Case]
    contestants: list[Contestant]
    rounds: int


def contestants(cases: Iterable[Case], *, libraries: bool) -> list[Contestant]:
    """Return the installed contestants."""
    names = {case.name for case in cases}
    return [*regrows(), *beam(names), *pythons(BASELINES), *(pythons(LIBRARIES) if libraries else [])]


def run(plan: Plan, keep: Callable[[Results], None]) -> Results:
    """Measure all rounds, print the progress on standard error, and keep the results of each round."""
    results = Results(
        {
            "python": f"{platform.python_implementation()} {platform.python_version()}",
            "cores": str(os.cpu_count()),
        }
    )
    for number in range(plan.rounds):
        for case, size in programs(plan.cases):
            print(f"round {number + 1} of {plan.rounds}: {key_of(case, size)}", file=sys.stderr)
            for contestant in turned(plan.contestants, number):
                measure(results, contestant, case, size)
        results.about["rounds"] = str(number + 1)
        keep(results)
    return results


def measure(results: Results, contestant: Contestant, case: str, size: int) -> None:
    """Make one measurement."""
    if case in PROGRAMS:
        if contestant.name.startswith("regrow"):
            results.add(key_of(case, size), contestant.name, start_up(case, contestant.name))
    elif case in contestant.cases and (case in LIBRARY_CASES or contestant.name not in LIBRARIES):
        fitting = size // LIBRARY_SHARE if contestant.name in LIBRARIES else size
        results.add(key_of(case, size), contestant.name, contestant.measure(case, fitting, LIMIT))


def programs(cases: Iterable[Case]) -> Iterator[tuple[str, int]]:
    """Yield each case and size once, because several rows may show figures of one measurement."""
    seen: set[tuple[str, int]] = set()
    for case in cases:
        for size in OTHERS if case in GROWTH else (case.size,):
            if (case.name, size) not in seen:
                seen.add((case.name, size))
                yield case.name, size


def turned(contestants: list[Contestant], number: int) -> list[Contestant]:
    """Return the contestants, beginning with another one in each round."""
    first = number % len(contestants)
    return contestants[first:] + contestants[:first]
