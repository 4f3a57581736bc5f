"""The measured figures, and their ratios."""

from __future__ import annotations

import json
import statistics
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from benchmarks.measure import Figures

# Figures where more is better; for all others, less is better.
MORE_IS_BETTER = {"rate"}


class Spread(NamedTuple):
    """The median, the minimum and the maximum of several rounds."""

    median: float
    least: float
    most: float


def spread(values: Sequence[float]) -> Spread | None:
    """Return the spread of the values, or None if there are none."""
    return Spread(statistics.median(values), min(values), max(values)) if values else None


@dataclass
class Results:
    """The figures of every case, contestant and round.

    Attributes:
        about: the Python and the machine of the measurement.
        figures: by `case size`, then by contestant, one for each round; None if a measurement failed.
    """

    about: dict[str, str]
    figures: dict[str, dict[str, list[Figures | None]]] = field(
        default_factory=dict[str, dict[str, list[Figures | None]]]
    )

    def add(self, key: str, contestant: str, found: Figures | None) -> None:
        """Add one measurement."""
        self.figures.setdefault(key, {}).setdefault(contestant, []).append(found)

    def contestants(self) -> list[str]:
        """Return all names, in the order of their first measurements."""
        return list({name: None for by_name in self.figures.values() for name in by_name})

    def values(self, key: str, figure: str, contestant: str) -> Spread | None:
        """Return the spread of one contestant's figures."""
        rounds = self.figures.get(key, {}).get(contestant, [])
        return spread([found[figure] for found in rounds if found is not None and figure in found])

    def ratio(self, key: str, figure: str, one: str, other: str, *, other_key: str | None = None) -> Spread | None:
        """Return how many times as good one is as the other; each round is compared separately."""
        ours = self.figures.get(key, {}).get(one, [])
        theirs = self.figures.get(other_key or key, {}).get(other, [])
        found = [
            mine[figure] / its[figure] if figure in MORE_IS_BETTER else its[figure] / mine[figure]
            for mine, its in zip(ours, theirs, strict=False)
            if mine is not None and its is not None and figure in mine and figure in its
        ]
        return spread(found)

    def write(self, path: Path) -> None:
        """Save the results."""
        path.write_text(json.dumps({"about": self.about, "figures": self.figures}, indent=1) + "\n", encoding="utf-8")

    @classmethod
    def read(cls, path: Path) -> Results:
        """Return the saved results."""
        found = json.loads(path.read_text(encoding="utf-8"))
        return cls(found["about"], found["figures"])


def key_of(case: str, size: int) -> str:
    """Return the key of a case's figures."""
    return f"{case} {size}"
