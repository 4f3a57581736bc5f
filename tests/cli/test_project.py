"""The command finds its project, or prints a clear error."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from regrow.cli.exit_codes import TABLE
from regrow.cli.project import Problem, find_project, read_project
from tests.cli.terminal import regrow

WORKS = """
from regrow import Application, Supervisor

class Stages(Application):
    async def start(self, start_type, args):
        return await Supervisor.start_link([])
"""


def test_a_project_is_found_from_a_folder_within(project: Callable[..., Path]) -> None:
    folder = project(application=WORKS)
    found = find_project(folder / "src" / "stages")
    assert (found.folder, found.source, found.name, found.package) == (folder, folder / "src", "stages", "stages")


def test_modules_may_be_beside_the_pyproject(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text('[project]\nname = "my-shop"\n', encoding="utf-8")
    found = read_project(tmp_path)
    assert (found.source, found.package) == (tmp_path, "my_shop")


def test_a_missing_folder_is_wrong_use(tmp_path: Path) -> None:
    with pytest.raises(Problem, match="is no folder") as refused:
        find_project(tmp_path / "nowhere")
    assert refused.value.code == 2


def test_a_missing_project_is_reported_with_advice(tmp_path: Path) -> None:
    done = regrow("run", cwd=tmp_path)
    assert done.returncode == 3
    assert "no project found: there is no pyproject.toml" in done.stderr
    assert "regrow new NAME, with --sup if it needs an application" in done.stderr


@pytest.mark.parametrize(
    ("setting", "source", "said"),
    [
        (None, "", "names none"),
        ("application = 7", "", 'not of the form "module:Class"'),
        ('application = "stages"', "", 'not of the form "module:Class"'),
        ('application = "nowhere.application:Stages"', "", "there is no module nowhere in"),
        ('application = "stages.nowhere:Stages"', "", "there is no module stages.nowhere in"),
        ('application = "stages.application:Stages"', "", "stages.application has no Stages"),
        ('application = "stages.application:Stages"', "Stages = 7", "Wanted a class derived from regrow.Application"),
        ('application = "stages.application:Stages"', "class Stages: ...", "Wanted a class derived from"),
        ('application = "stages.application:Stages"', "1 / 0", "ZeroDivisionError: division by zero"),
        (
            'application = "stages.application:Stages"',
            "import nothing_of_that_name",
            "No module named 'nothing_of_that_name'",
        ),
        ('application = "stages.application:Stages"', "x y", "SyntaxError: invalid syntax"),
        ("application = ", "", "cannot be read"),
    ],
)
def test_a_missing_application_is_reported_with_the_setting(
    project: Callable[..., Path], setting: str | None, source: str, said: str
) -> None:
    folder = project(setting, source)
    done = regrow("run", "--seconds", "0", cwd=folder)
    assert done.returncode == 3, done.stderr
    assert said in done.stderr
    assert "pyproject.toml" in done.stderr or "raised this exception" in done.stderr


@pytest.mark.parametrize(
    "arguments",
    [
        ["run", "--seconds", "-1"],
        ["run", "--seconds", "nan"],
        ["run", "--level", "loud"],
        ["run", "--nothing"],
        ["walk"],
        [],
    ],
)
def test_wrong_use_is_reported(tmp_path: Path, arguments: list[str]) -> None:
    done = regrow(*arguments, cwd=tmp_path)
    assert done.returncode == 2
    assert "regrow" in done.stderr + done.stdout


def test_the_version_is_printed(tmp_path: Path) -> None:
    import regrow as package

    runs = "compiled" if package.compiled else "pure Python"
    assert regrow("--version", cwd=tmp_path).stdout == f"regrow {package.__version__}, {runs}\n"


def test_the_help_lists_the_exit_codes_one_per_line(tmp_path: Path) -> None:
    printed = regrow("run", "--help", cwd=tmp_path).stdout
    assert "    1  the application gave up, or did not start\n" in printed
    assert "    3  no application: none is named, or it cannot be loaded\n" in printed


def test_the_documentation_lists_the_exit_codes_of_the_help() -> None:
    page = (Path(__file__).parents[2] / "docs" / "command.md").read_text(encoding="utf-8").replace("`", "")
    rows = [row.split("  ") for row in TABLE.splitlines() if row.startswith("  ")]
    assert [row for row in rows if f"| {row[1]} | {row[2]} |" not in page] == []
    assert len(rows) == 6
