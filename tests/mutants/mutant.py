"""A mutant: the source with one thing wrong in it, which some test has to notice.

A line that can be broken without any test failing is a line that nobody has asked anything of. `catalogue.py` has the
mutants, `run.py` makes them and looks who notices, and a test of the normal suite sees to it that each still applies.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[2]


class Mutant(NamedTuple):
    """One thing that is wrong.

    Attributes:
        name: what does not hold any more, as a sentence without its subject.
        path: of the file, below `src/regrow`.
        old: a text that stands there exactly once.
        new: what stands there instead.
    """

    name: str
    path: str
    old: str
    new: str

    def file(self, root: Path = ROOT) -> Path:
        """The file, in the checkout or in a copy of it."""
        return root / "src" / "regrow" / self.path

    def problem(self, text: str) -> str | None:
        """Why it cannot be made of this source; None if it can."""
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
    """What is wrong with the mutants themselves."""
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
