"""Fixtures for separate runs of pytest."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.testing.pytest_runs import Play

TOP = Path(__file__).parents[2]


@pytest.fixture
def play(tmp_path: Path) -> Play:
    """Return `play(source, option, …)`, which runs the tests of one file in a separate pytest and returns its output."""

    def run(source: str, *options: str, typed: str = "", beside: Sequence[str] = ()) -> str:
        (tmp_path / "test_it.py").write_text(source, encoding="utf-8")
        (tmp_path / "pytest.ini").write_text("[pytest]\n", encoding="utf-8")
        # pytest does not shorten a failed assertion if it finds the environment of a CI.
        surroundings = {name: value for name, value in os.environ.items() if name not in ("CI", "BUILD_NUMBER")}
        without = [f"-pno:{name}" for name in ("randomly", "xdist", "cacheprovider", "anyio") if name not in beside]
        done = subprocess.run(
            [sys.executable, "-m", "pytest", "-rA", "--strict-markers", "-Werror", *without, *options, str(tmp_path)],
            cwd=tmp_path,
            env={**surroundings, "PYTEST_ADDOPTS": "", "PYTHONPATH": str(TOP / "src")},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            input=typed,
            text=True,
            timeout=50,
            check=False,
        )
        return done.stdout

    return run
