"""`regrow new` makes a project that runs, or prints a clear error and writes nothing."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from regrow.cli import new
from regrow.cli.new import make_project, render, title_of
from regrow.cli.project import Problem
from tests.cli.terminal import regrow


def check(folder: Path, *command: str) -> None:
    """Check that a tool finds no fault in a project."""
    done = subprocess.run([sys.executable, "-m", *command], cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_new_prints_the_files_and_the_next_three_commands(tmp_path: Path) -> None:
    done = regrow("new", "silly_worker", "--sup", cwd=tmp_path)
    assert done.returncode == 0
    made = re.findall(r"^\* creating (.+)$", done.stdout, re.MULTILINE)
    assert sorted(made) == sorted(
        str(path.relative_to(tmp_path / "silly_worker"))
        for path in (tmp_path / "silly_worker").rglob("*")
        if path.is_file()
    )
    assert done.stdout.endswith("    cd silly_worker\n    regrow test\n    regrow run\n\n")


@pytest.mark.parametrize("supervised", [True, False])
def test_the_project_satisfies_the_checkers(tmp_path: Path, supervised: bool) -> None:
    make_project("silly_worker", supervised=supervised, beside=tmp_path)
    folder = tmp_path / "silly_worker"
    check(folder, "ruff", "check")
    check(folder, "ruff", "format", "--check")
    check(folder, "mypy")


@pytest.mark.parametrize(("supervised", "passed"), [(True, 3), (False, 2)])
def test_the_project_passes_its_own_tests(tmp_path: Path, supervised: bool, passed: int) -> None:
    make_project("silly_worker", supervised=supervised, beside=tmp_path)
    done = regrow("test", "-q", cwd=tmp_path / "silly_worker")
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"{passed} passed" in done.stdout


def test_the_project_runs(tmp_path: Path) -> None:
    make_project("silly_worker", supervised=True, beside=tmp_path)
    done = regrow("run", "--seconds", "0.1", cwd=tmp_path / "silly_worker")
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("silly_worker started: 1 process, 1 supervisor\n")


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("Silly-Worker", "regrow new silly_worker"),
        ("SillyWorker", "regrow new silly_worker"),
        ("9lives", "regrow new lives"),
        ("_private", "regrow new private"),
        ("a/b", "regrow new a_b"),
        ("..", "Use small letters"),
        ("", "Use small letters"),
        ("würfel", "Use small letters"),
        ("class", "a keyword of Python"),
        ("json", "a module has that name"),
        ("regrow", "a module has that name"),
        ("pytest", "a module has that name"),
        ("tests", "a module has that name"),
    ],
)
def test_an_invalid_name_is_refused_and_nothing_is_written(tmp_path: Path, name: str, said: str) -> None:
    with pytest.raises(Problem, match=re.escape(said)) as refused:
        make_project(name, supervised=True, beside=tmp_path)
    assert refused.value.code == 2
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("kind", ["folder", "file", "dangling link"])
def test_an_existing_folder_is_left_alone(tmp_path: Path, kind: str) -> None:
    there = tmp_path / "silly_worker"
    match kind:
        case "folder":
            there.mkdir()
        case "file":
            there.write_text("mine", encoding="utf-8")
        case _:
            there.symlink_to(tmp_path / "nowhere")
    with pytest.raises(Problem, match="exists already"):
        make_project("silly_worker", supervised=True, beside=tmp_path)
    assert list(tmp_path.iterdir()) == [there]
    assert not there.is_dir() or list(there.iterdir()) == []


@pytest.mark.parametrize("write", range(len(render("silly_worker", supervised=True))))
def test_a_full_disk_leaves_no_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, write: int) -> None:
    left = write
    write_text = Path.write_text

    def failing(path: Path, *args: str, **options: str) -> int:
        nonlocal left
        if left == 0:
            raise OSError(28, "No space left on device")
        left -= 1
        return write_text(path, *args, **options)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "write_text", failing)
        with pytest.raises(Problem, match="No space left on device"):
            make_project("silly_worker", supervised=True, beside=tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_is_not_writable_is_reported(tmp_path: Path) -> None:
    with pytest.raises(Problem, match="No such file or directory"):
        make_project("silly_worker", supervised=True, beside=tmp_path / "nowhere")


def test_the_command_exits_with_the_code_for_wrong_use(tmp_path: Path) -> None:
    done = regrow("new", "json", cwd=tmp_path)
    assert done.returncode == 2
    assert done.stderr.startswith("regrow: 'json' cannot be the name of a project")


@pytest.mark.parametrize(
    ("name", "title"), [("silly_worker", "SillyWorker"), ("shop", "Shop"), ("application", "ApplicationApp")]
)
def test_the_application_is_named_after_the_project(name: str, title: str) -> None:
    assert title_of(name) == title


def test_the_project_names_its_application(tmp_path: Path) -> None:
    make_project("silly_worker", supervised=True, beside=tmp_path)
    settings = tomllib.loads((tmp_path / "silly_worker" / "pyproject.toml").read_text(encoding="utf-8"))
    assert settings["tool"]["regrow"] == {"application": "silly_worker.application:SillyWorker"}


def test_every_template_is_used() -> None:
    folder = Path(new.__file__).with_name("templates")
    here = {path.name for path in folder.rglob("*") if path.is_file()}
    assert all(name.endswith(".template") for name in here)
