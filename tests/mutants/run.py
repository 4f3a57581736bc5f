"""Break the source in one place after the other, and check that some test fails: `make mutants`.

    python -m tests.mutants.run              all of the catalogue
    python -m tests.mutants.run mailbox.py   those of a file
    python -m tests.mutants.run "a name is"  those with this text in their name

Each mutant is made in a copy of the tree, in a temporary directory. The tests that are nearest to the file run
first, then all tests of the kernel and the behaviours, until one fails. A mutant with which no test fails has
survived, and the run fails: a test is missing.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from queue import SimpleQueue
from typing import NamedTuple

from tests.mutants.catalogue import MUTANTS, NEAREST
from tests.mutants.mutant import ROOT, Mutant, problems

WIDE = ["tests/kernel", "tests/behaviours", "tests/oracle"]
COPIED = ["src", "tests", "pyproject.toml"]
NOT_COPIED = shutil.ignore_patterns("__pycache__", "*.so", ".*_cache")
ONE_TEST_SECONDS = 30
ONE_RUN_SECONDS = 240
FAILED = 1  # pytest's exit codes:
PASSED = 0
FAILURES = re.compile(r"^(?:FAILED|ERROR) (.+?)(?: - .*)?$", re.MULTILINE)


class Outcome(NamedTuple):
    """The outcome of a mutant: the test that failed, or a problem."""

    mutant: Mutant
    seconds: float
    noticed: str | None
    problem: str | None

    def __str__(self) -> str:
        result = self.noticed if self.problem is None else f"!! {self.problem}"
        return f"{self.seconds:5.1f} s  {self.mutant.path:28} {self.mutant.name:64} {result}"


def main(wanted: Sequence[str]) -> int:
    """Run the selected mutants; return 0 if a test failed with each of them."""
    mutants = [one for one in MUTANTS if not wanted or any(word in one.path or word in one.name for word in wanted)]
    wrong = problems(MUTANTS)
    if wrong or not mutants:
        print("\n".join(wrong) or f"no mutant is called like {', '.join(wanted)}")
        return 2
    begun = time.monotonic()
    failing = failing_anyway()
    survivors = 0
    for outcome in outcomes(mutants, min(2, os.cpu_count() or 1), failing):
        print(outcome, flush=True)
        survivors += outcome.problem is not None
    print(f"{len(mutants) - survivors} of {len(mutants)} were noticed, in {time.monotonic() - begun:.0f} s")
    if failing:
        print("These fail without any mutant, and were left out:", *failing, sep="\n    ")
    return 1 if survivors or failing else 0


def failing_anyway() -> list[str]:
    """Return the tests that fail without any mutant."""
    with tempfile.TemporaryDirectory(prefix="regrow-mutants-") as folder:
        copy = copy_of_the_tree(Path(folder) / "unbroken")
        _, output = pytest_in(copy, ["--numprocesses=2", *WIDE])
        return FAILURES.findall(output)


def outcomes(mutants: Sequence[Mutant], workers: int, failing: Sequence[str]) -> Iterator[Outcome]:
    """Yield the outcome of each mutant in order; several run at the same time, each in a copy of the tree."""
    left_out = [f"--deselect={test}" for test in failing]
    with tempfile.TemporaryDirectory(prefix="regrow-mutants-") as folder, ThreadPoolExecutor(workers) as pool:
        copies: SimpleQueue[Path] = SimpleQueue()
        for number in range(workers):
            copies.put(copy_of_the_tree(Path(folder) / str(number)))

        def try_one(mutant: Mutant) -> Outcome:
            copy = copies.get()
            try:
                return tried(mutant, copy, left_out)
            finally:
                copies.put(copy)

        yield from pool.map(try_one, mutants)


def copy_of_the_tree(target: Path) -> Path:
    """Copy the files that the tests need."""
    target.mkdir()
    for name in COPIED:
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, target / name, ignore=NOT_COPIED)
        else:
            shutil.copy(source, target / name)
    return target


def tried(mutant: Mutant, root: Path, options: Sequence[str]) -> Outcome:
    """Make the mutant in a copy, run tests until one fails, and restore the file."""
    file = mutant.file(root)
    text = file.read_text(encoding="utf-8")
    begun = time.monotonic()
    file.write_text(text.replace(mutant.old, mutant.new), encoding="utf-8")
    try:
        noticed: str | None = None
        problem: str | None = "survived: no test noticed"
        for tests in (NEAREST.get(mutant.path, []), WIDE):
            code, output = pytest_in(root, ["-x", "--numprocesses=0", *options, *tests]) if tests else (PASSED, "")
            if code == FAILED:
                noticed, problem = first_failure(output), None
                break
            if code != PASSED:
                problem = f"the tests did not run: {output.strip().splitlines()[-1:]}"
                break
    finally:
        file.write_text(text, encoding="utf-8")
    return Outcome(mutant, time.monotonic() - begun, noticed, problem)


def pytest_in(root: Path, arguments: Sequence[str]) -> tuple[int, str]:
    """Run tests in a copy; return pytest's exit code and its output."""
    options = ["-q", "-p", "no:randomly", "-p", "no:cacheprovider", "--tb=no"]
    # The timeout uses a thread, which ends the whole run: the event loop swallows what a signal raises in a callback.
    options += [f"--timeout={ONE_TEST_SECONDS}", "--timeout-method=thread"]
    options += ["-k", "not postgres"]  # a copy of the tree has no script that starts the server: each would fail
    # A bytecode file has its source's time in seconds, and a mutant may exist for less than a second.
    environment = {**os.environ, "PYTHONPATH": str(root / "src"), "PYTHONDONTWRITEBYTECODE": "1"}
    try:
        ended = subprocess.run(
            [sys.executable, "-m", "pytest", *options, *arguments],
            cwd=root,
            env=environment,
            capture_output=True,
            text=True,
            timeout=ONE_RUN_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return FAILED, "Timeout"
    return ended.returncode, ended.stdout + ended.stderr


def first_failure(output: str) -> str:
    """Return the name of the first failed test, from pytest's output."""
    found = FAILURES.search(output)
    if found is not None:
        return found[1].removeprefix("tests/")
    return "a test that timed out" if "Timeout" in output else "a test whose name was not printed"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
