"""The project that the command works on: found from where one stands, its `src` put on the path, its application loaded."""

from __future__ import annotations

import importlib
import pkgutil
import sys
import tomllib
import traceback
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any, cast

import regrow
from regrow.cli.exit_codes import NO_APPLICATION, WRONG_USE

if TYPE_CHECKING:
    from regrow.behaviours.application.spec import Application

HOW_TO_NAME_ONE = """\
Name it in pyproject.toml:

    [tool.regrow]
    application = "your_package.application:YourApplication"

`regrow new NAME --sup` makes a project that has one."""


class Problem(Exception):
    """The command cannot do what was asked.

    Attributes:
        code: with which the command ends.
    """

    def __init__(self, letter: str, code: int = WRONG_USE) -> None:
        super().__init__(letter)
        self.code = code


@dataclass(frozen=True)
class Project:
    """A folder with a pyproject.toml.

    Attributes:
        folder: where it is.
        settings: what stands under `[tool.regrow]`.
        name: what it is called.
    """

    folder: Path
    settings: dict[str, Any]
    name: str

    @property
    def source(self) -> Path:
        """The folder that its modules are imported from."""
        source = self.folder / "src"
        return source if source.is_dir() else self.folder

    def on_path(self) -> None:
        """Let its modules be imported, before any others of the same name."""
        folder = str(self.source)
        if folder not in sys.path:
            sys.path.insert(0, folder)

    @property
    def package(self) -> str:
        """The name of the package that its application is in, or should be."""
        named = self.settings.get("application")
        return named.partition(":")[0].partition(".")[0] if isinstance(named, str) else self.name.replace("-", "_")


def find_project(start: Path | None = None) -> Project:
    """The project that a folder, or the current one, belongs to: the nearest pyproject.toml upwards.

    Raises:
        Problem: there is no such folder, no such file, or nothing readable in it.
    """
    folder = (Path.cwd() if start is None else start).resolve()
    if not folder.is_dir():
        raise Problem(f"--project: {start} is no folder")
    for place in (folder, *folder.parents):
        if (place / "pyproject.toml").is_file():
            return read_project(place)
    raise Problem(
        f"no project found: there is no pyproject.toml in {folder}, or above it.\n"
        "Go into your project, name it with --project DIR, or make one: regrow new NAME,"
        " and with --sup if it is to have an application",
        NO_APPLICATION,
    )


def read_project(folder: Path) -> Project:
    """The project in this very folder.

    Raises:
        Problem: its pyproject.toml cannot be read.
    """
    path = folder / "pyproject.toml"
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise Problem(f"{path} cannot be read: {error}", NO_APPLICATION) from None
    settings = table(table(content, "tool"), "regrow")
    return Project(folder, settings, str(table(content, "project").get("name", folder.name)))


def table(content: dict[str, Any], key: str) -> dict[str, Any]:
    """A table of a TOML file; an empty one where there is none."""
    found = content.get(key)
    return cast("dict[str, Any]", found) if isinstance(found, dict) else {}


def load_application(project: Project) -> type[Application]:
    """The application that a project names.

    Raises:
        Problem: it names none, or one that cannot be loaded.
    """
    named = project.settings.get("application")
    path = project.folder / "pyproject.toml"
    if named is None:
        raise Problem(f"no application found: {path} names none.\n{HOW_TO_NAME_ONE}", NO_APPLICATION)
    module_name, colon, class_name = named.partition(":") if isinstance(named, str) else ("", "", "")
    if not (module_name and colon and class_name):
        raise Problem(
            f'{path}: application = {named!r} is not of the form "module:Class".\n{HOW_TO_NAME_ONE}', NO_APPLICATION
        )
    project.on_path()
    found = getattr(load_module(project, module_name), class_name, None)
    if found is None:
        raise Problem(f"{path}: application = {named!r}, but {module_name} has no {class_name}", NO_APPLICATION)
    if not (isinstance(found, type) and issubclass(found, regrow.Application)):
        raise Problem(
            f"{path}: application = {named!r}, which is {found!r}. Wanted a class derived from regrow.Application",
            NO_APPLICATION,
        )
    return found


def load_module(project: Project, name: str) -> ModuleType:
    """Import the module of an application.

    Raises:
        Problem: there is none, or it raises; then its traceback stands in the letter.
    """
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name is not None and (name == error.name or name.startswith(f"{error.name}.")):
            raise Problem(
                f"no application found: {project.folder / 'pyproject.toml'} names {name},"
                f" but there is no module {error.name} in {project.source}",
                NO_APPLICATION,
            ) from None
        told = traceback.format_exc()
    except Exception:
        told = traceback.format_exc()
    raise Problem(
        f"{told}\nThe application cannot be loaded: {name} raised the above when it was imported", NO_APPLICATION
    )


def public_classes(project: Project) -> dict[str, Any]:
    """The package of a project and the public classes of its modules, by name: what its shell knows without an import."""
    project.on_path()
    try:
        package = importlib.import_module(project.package)
    except ImportError:
        return {}
    names = [project.package]
    names += [
        found.name
        for found in pkgutil.walk_packages(
            getattr(package, "__path__", ()), f"{project.package}.", onerror=lambda _: None
        )
        if not found.name.endswith("__main__")
    ]
    given: dict[str, Any] = {project.package: package}
    for name in names:
        try:
            module = importlib.import_module(name)
        except Exception as error:
            print(f"{name} is not to be had in the shell: it raised {error!r} when it was imported", file=sys.stderr)
            continue
        given |= {
            key: value
            for key, value in vars(module).items()
            if isinstance(value, type) and value.__module__ == name and not key.startswith("_")
        }
    return given
