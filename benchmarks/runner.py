"""Every case in every contestant, in turn, each in a program of its own, for several rounds.

All of one case follow each other at once, and the next round begins with another of them: what the machine does
meanwhile hits all of them alike, and a ratio compares what was measured within seconds.
"""

from __future__ import annotations

import os
import platform
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import NamedTuple

from benchmarks.cases import GROWTH, LIBRARY_CASES, LIBRARY_SHARE, OTHERS, Case
from benchmarks.contestants import FLOORS, LIBRARIES, Contestant, beam, pythons, regrows
from benchmarks.results import Results, key_of
from benchmarks.startup import PROGRAMS, start_up

LIMIT = 300.0  # seconds for one measurement


class Plan(NamedTuple):
    """What is to be measured."""

    cases: Sequence[Case]
    contestants: list[Contestant]
    rounds: int


def contestants(cases: Iterable[Case], *, libraries: bool) -> list[Contestant]:
    """Those that are there."""
    names = {case.name for case in cases}
    return [*regrows(), *beam(names), *pythons(FLOORS), *(pythons(LIBRARIES) if libraries else [])]


def run(plan: Plan, keep: Callable[[Results], None]) -> Results:
    """Measure, tell on standard error how far it has come, and keep what each round gave."""
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
    """One measurement."""
    if case in PROGRAMS:
        if contestant.name.startswith("regrow"):
            results.add(key_of(case, size), contestant.name, start_up(case, contestant.name))
    elif case in contestant.cases and (case in LIBRARY_CASES or contestant.name not in LIBRARIES):
        fitting = size // LIBRARY_SHARE if contestant.name in LIBRARIES else size
        results.add(key_of(case, size), contestant.name, contestant.measure(case, fitting, LIMIT))


def programs(cases: Iterable[Case]) -> Iterator[tuple[str, int]]:
    """Each case and size once: some rows show several figures of one measurement."""
    seen: set[tuple[str, int]] = set()
    for case in cases:
        for size in OTHERS if case in GROWTH else (case.size,):
            if (case.name, size) not in seen:
                seen.add((case.name, size))
                yield case.name, size


def turned(contestants: list[Contestant], number: int) -> list[Contestant]:
    """The same, beginning with another one each round."""
    first = number % len(contestants)
    return contestants[first:] + contestants[:first]
