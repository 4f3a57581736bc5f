"""A mutant: the source with one mistake in it, which some test has to find.

A line that can be broken without a failing test is not tested. `catalogue.py` has the mutants, `run.py` makes them and
runs the tests, and a test of the normal suite checks that each mutant can still be made.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[2]


class Mutant(NamedTuple):
    """One mistake in the source.

    Attributes:
        name: the mistake, as a sentence.
        path: the path of the file, below `src/regrow`.
        old: a text that is in the file exactly once.
        new: the text that replaces it.
    """

    name: str
    path: str
    old: str
    new: str

    def file(self, root: Path = ROOT) -> Path:
        """Return the path of the file, in the checkout or in a copy of it."""
        return root / "src" / "regrow" / self.path

    def problem(self, text: str) -> str | None:
        """Return the reason why the mutant cannot be made of this source; None if it can."""
        if self.old == self.new:
            return "changes nothing"
        count = text.count(self.old)
        if count == 0:
            return f"its text is not in {self.path} any more: {self.old!r}"
        if count > 1:
            return f"its text is in {self.path} {count} times, and says not which it means: {self.old!r}"
        try:
            compile(text.replace(self.old, self.new), self.path, "exec")
        except SyntaxError as error:
            return f"is no Python: {error}"
        return None


def problems(mutants: Sequence[Mutant]) -> list[str]:
    """Return the problems of the mutants."""
    found: list[str] = []
    names: set[str] = set()
    changes: set[tuple[str, str, str]] = set()
    for mutant in mutants:
        problem = mutant.problem(mutant.file().read_text(encoding="utf-8"))
        if mutant.name in names:
            problem = "its name stands twice"
        if mutant[1:] in changes:
            problem = "another one does the same"
        names.add(mutant.name)
        changes.add(mutant[1:])
        if problem is not None:
            found.append(f"{mutant.name}: {problem}")
    return found
