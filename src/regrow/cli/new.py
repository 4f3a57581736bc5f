"""`regrow new`: a project that runs and whose tests pass, written whole or not at all."""

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

# A package of one of these names would stand before the real one on the project's path, and break what imports it.
TAKEN: Final = frozenset(
    {"IPython", "click", "mypy", "pytest", "regrow", "rich", "ruff", "src", "tests", "typer", "uvloop"}
)

APPLICATION_SETTING: Final = """
[tool.regrow]
application = "{name}.application:{title}"
"""


def make_project(name: str, *, supervised: bool, beside: Path) -> list[str]:
    """Write a new project into a folder of its name.

    Args:
        name: of the project and of its package.
        supervised: with an application and its supervision tree.
        beside: the folder that gets the new folder.

    Returns:
        The paths of its files within it.

    Raises:
        Problem: a name that cannot be, or a folder that cannot be written; then nothing is.
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
    """Raise unless a Python package may have this name.

    Raises:
        Problem: it may not; the letter proposes another where there is one.
    """
    if not re.fullmatch(r"[a-z][a-z0-9_]*", name):
        better = re.sub(r"[^a-z0-9]+", "_", re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower()).strip("_0123456789")
        hint = f". For instance: regrow new {better}" if better and is_free(better) else ""
        raise Problem(
            f"{name!r} cannot be the name of a project: it names a Python package, so wanted small letters,"
            f" digits and underscores, a letter first{hint}"
        )
    if keyword.iskeyword(name):
        raise Problem(
            f"{name!r} cannot be the name of a project: it is a word of Python's own, which nothing can import"
        )
    if not is_free(name):
        raise Problem(
            f"{name!r} cannot be the name of a project: there is a module of that name,"
            " which the project's own package would hide. Choose another name"
        )


def is_free(name: str) -> bool:
    """Whether no module has the name that a project could not do without."""
    return name not in TAKEN and name not in sys.stdlib_module_names and not keyword.iskeyword(name)


def title_of(name: str) -> str:
    """The name of a project's application: SillyWorker for silly_worker."""
    title = "".join(part.capitalize() for part in name.split("_"))
    return f"{title}App" if title in regrow.__all__ else title


def render(name: str, *, supervised: bool) -> dict[str, str]:
    """The files of a new project: their paths within it, in the order in which they are told, and their text."""
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
    """The templates below a folder: the path that each is for, and its text."""
    found: list[tuple[str, str]] = []
    for entry in folder.iterdir():
        if entry.is_dir():
            found += templates(entry, f"{prefix}{entry.name}/")
        elif entry.name.endswith(".template"):
            # A template is no .gitignore and no module, so that no tool takes it for one here.
            path = entry.name.removesuffix(".template").replace("gitignore", ".gitignore")
            found.append((prefix + path, entry.read_text(encoding="utf-8")))
    return found


def write_whole(folder: Path, files: dict[str, str]) -> None:
    """Write all files of a folder under another name, then give it its own: it is never seen half written."""
    scratch = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))
    try:
        made = scratch / folder.name
        for path, text in files.items():
            target = made / path
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(text, encoding="utf-8", newline="\n")
        made.rename(folder)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def summary(name: str, files: list[str], *, supervised: bool) -> str:
    """What the command says when it is done: what it made, and the next three commands."""
    made = "\n".join(f"* creating {path}" for path in files)
    last = "regrow run" if supervised else "regrow shell"
    return f"{made}\n\nYour project is there. Try it:\n\n    cd {name}\n    regrow test\n    {last}\n"
