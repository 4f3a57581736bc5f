"""The example is a project of `regrow new` with the lesson's code, and passes the checks of a project."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from regrow.cli import new
from regrow.cli.new import render
from tests.cli.terminal import EXAMPLES, environment, regrow

SILLY_WORKER = EXAMPLES / "silly_worker"
CHANGED = {"src/silly_worker/__init__.py", "src/silly_worker/application.py"}
ADDED = {
    "src/silly_worker/cron_job.py",
    "src/silly_worker/simple_queue.py",
    "tests/test_cron_job.py",
    "tests/test_simple_queue.py",
    "tests/test_whole.py",
}
MADE_BY_TOOLS = {"__pycache__", ".pytest_cache", ".mypy_cache", ".ruff_cache"}


def files_of(folder: Path) -> dict[str, str]:
    """Return the files of a project with their text."""
    return {
        path.relative_to(folder).as_posix(): path.read_text(encoding="utf-8")
        for path in folder.rglob("*")
        if path.is_file() and not MADE_BY_TOOLS & set(path.relative_to(folder).parts)
    }


def test_the_example_is_a_new_project_with_the_code_of_the_lesson(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(new, "requirement", lambda: "regrow")  # not the folder of this checkout
    made, there = render("silly_worker", supervised=True), files_of(SILLY_WORKER)
    assert set(there) == set(made) | ADDED
    assert {path for path, text in made.items() if there[path] != text} == CHANGED


def test_changed_files_still_contain_the_template() -> None:
    made = render("silly_worker", supervised=True)
    for path in CHANGED:
        kept = [line for line in made[path].splitlines() if line.strip() and not line.strip().startswith("#")]
        text = (SILLY_WORKER / path).read_text(encoding="utf-8")
        assert [line for line in kept if line not in text] == []


def test_the_example_passes_its_tests(tmp_path: Path) -> None:
    done = regrow("test", "-q", "-p", "no:cacheprovider", "--project", str(SILLY_WORKER), cwd=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "12 passed" in done.stdout


@pytest.mark.parametrize(
    "command",
    [["ruff", "check", "--no-cache"], ["ruff", "format", "--check", "--no-cache"], ["mypy", "--cache-dir=/dev/null"]],
    ids=["ruff check", "ruff format", "mypy"],
)
def test_the_example_satisfies_the_checkers(tmp_path: Path, command: list[str]) -> None:
    done = subprocess.run(
        [sys.executable, "-m", *command],
        cwd=SILLY_WORKER,
        env=environment(tmp_path),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
