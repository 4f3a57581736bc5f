"""`regrow test`: pytest, with the project's modules on the path."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.cli.terminal import WITHOUT_PYTEST, regrow


@pytest.fixture
def tested(project: Callable[..., Path]) -> Path:
    """Return a project with a test that passes and one that fails."""
    folder = project(None)
    (folder / "tests").mkdir()
    (folder / "tests" / "test_good.py").write_text("import stages\ndef test_good(): ...\n", encoding="utf-8")
    (folder / "tests" / "test_bad.py").write_text("def test_bad(): assert 0\n", encoding="utf-8")
    (folder / "pyproject.toml").write_text('[tool.pytest.ini_options]\ntestpaths = ["tests"]\n', encoding="utf-8")
    return folder


@pytest.mark.parametrize(
    ("where", "arguments", "code", "said"),
    [
        (".", [], 1, "1 failed, 1 passed"),
        ("src/stages", [], 1, "1 failed, 1 passed"),
        (".", ["tests/test_good.py"], 0, "1 passed"),
        ("tests", ["test_good.py::test_good"], 0, "1 passed"),
        (".", ["-k", "good", "-q"], 0, "1 passed"),
        (".", ["-k", "nothing"], 5, "2 deselected"),
        (".", ["--no-such-option"], 4, "unrecognized arguments"),
    ],
)
def test_arguments_go_to_pytest_and_its_code_is_the_exit_code(
    tested: Path, where: str, arguments: list[str], code: int, said: str
) -> None:
    done = regrow("test", *arguments, cwd=tested / where)
    assert done.returncode == code, done.stdout + done.stderr
    assert said in done.stdout + done.stderr


def test_the_project_can_be_named(tested: Path, tmp_path: Path) -> None:
    done = regrow("test", "--project", str(tested), "-k", "good", cwd=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "1 passed" in done.stdout


def test_without_pytest_one_line_says_how_to_install_it(tested: Path) -> None:
    done = regrow("test", cwd=tested, command=WITHOUT_PYTEST)
    assert (done.returncode, done.stdout) == (3, "")
    assert done.stderr.startswith("regrow: pytest is not installed.")
    assert 'pip install ".[pytest]"' in done.stderr
    assert done.stderr.count("\n") == 1


def test_a_missing_project_is_reported_and_no_application_is_needed(tmp_path: Path) -> None:
    done = regrow("test", cwd=tmp_path)
    assert done.returncode == 3
    assert "no project found: there is no pyproject.toml" in done.stderr
