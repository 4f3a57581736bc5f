"""`regrow new`: it writes a project that runs and whose tests pass, completely or not at all."""

from __future__ import annotations

import keyword
import re
import shutil
import sys
import tempfile
from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import Path
from string import Template
from typing import Final

import regrow
from regrow.cli.origin import requirement
from regrow.cli.project import Problem

# A package with one of these names would come before the real one on the project's path, and break its importers.
TAKEN: Final = frozenset(
    {"IPython", "click", "mypy", "pytest", "regrow", "rich", "ruff", "src", "tests", "typer", "uvloop"}
)

APPLICATION_SETTING: Final = """
[tool.regrow]
application = "{name}.application:{title}"
"""


def make_project(name: str, *, supervised: bool, beside: Path) -> list[str]:
    """Write a new project into a folder with its name.

    Args:
        name: the name of the project and of its package.
        supervised: whether it has an application with a supervision tree.
        beside: the folder in which the new folder is created.

    Returns:
        The paths of its files, relative to the new folder.

    Raises:
        Problem: the name is not allowed, or the folder cannot be written; then nothing is written.
    """
    check_name(name)
    folder = beside / name
    if folder.exists() or folder.is_symlink():
        raise Problem(f"{folder} exists already. Choose another name, or remove it first")
    files = render(name, supervised=supervised)
    try:
        write_whole(folder, files)
    except OSError as error:
        raise Problem(f"{folder} could not be written: {error.strerror or error}. Nothing was left behind") from None
    return list(files)


def check_name(name: str) -> None:
    """Check that a Python package may have this name.

    Raises:
        Problem: it may not; the text proposes another name if there is an obvious one.
    """
    if not re.fullmatch(r"[a-z][a-z0-9_]*", name):
        better = re.sub(r"[^a-z0-9]+", "_", re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower()).strip("_0123456789")
        hint = f". For instance: regrow new {better}" if better and is_free(better) else ""
        raise Problem(
            f"{name!r} cannot be the name of a project: it is also the name of a Python package. Use small letters,"
            f" digits and underscores, and begin with a letter{hint}"
        )
    if keyword.iskeyword(name):
        raise Problem(
            f"{name!r} cannot be the name of a project: it is a keyword of Python, which cannot be imported."
            " Choose another name"
        )
    if not is_free(name):
        raise Problem(
            f"{name!r} cannot be the name of a project: a module has that name,"
            " and the project's package would hide it. Choose another name"
        )


def is_free(name: str) -> bool:
    """Whether the name is neither a keyword nor the name of a module that a project needs."""
    return name not in TAKEN and name not in sys.stdlib_module_names and not keyword.iskeyword(name)


def title_of(name: str) -> str:
    """Return the class name of a project's application: SillyWorker for silly_worker."""
    title = "".join(part.capitalize() for part in name.split("_"))
    return f"{title}App" if title in regrow.__all__ else title


def render(name: str, *, supervised: bool) -> dict[str, str]:
    """Return the texts of a new project's files by path, in the order of the command's summary."""
    title = title_of(name)
    values = {
        "name": name,
        "title": title,
        "regrow": requirement(),
        "application_setting": APPLICATION_SETTING.format(name=name, title=title) if supervised else "",
    }
    kind = "supervised" if supervised else "plain"
    files: dict[str, str] = {}
    for part in ("all", kind):
        for path, text in templates(resources.files("regrow.cli") / "templates" / part):
            files[path.replace("package", name)] = Template(text).substitute(values)
    return dict(sorted(files.items(), key=lambda entry: (entry[0].count("/"), entry[0])))


def templates(folder: Traversable, prefix: str = "") -> list[tuple[str, str]]:
    """Return the templates below a folder: the path of the file that each makes, and its text."""
    result: list[tuple[str, str]] = []
    for entry in folder.iterdir():
        if entry.is_dir():
            result += templates(entry, f"{prefix}{entry.name}/")
        elif entry.name.endswith(".template"):
            # Templates have the suffix so that no tool treats them as a .gitignore or a module of this package.
            path = entry.name.removesuffix(".template").replace("gitignore", ".gitignore")
            result.append((prefix + path, entry.read_text(encoding="utf-8")))
    return result


def write_whole(folder: Path, files: dict[str, str]) -> None:
    """Write all files into a temporary folder, then rename it: the folder is complete as soon as it exists."""
    scratch = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))
    try:
        complete = scratch / folder.name
        for path, text in files.items():
            target = complete / path
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(text, encoding="utf-8", newline="\n")
        complete.rename(folder)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def summary(name: str, files: list[str], *, supervised: bool) -> str:
    """Return the output of a successful `regrow new`: the files, and the next three commands."""
    created = "\n".join(f"* creating {path}" for path in files)
    last = "regrow run" if supervised else "regrow shell"
    return f"{created}\n\nYour project is ready. Try it:\n\n    cd {name}\n    regrow test\n    {last}\n"
