"""The project that the command works on: its folder is found, its `src` put on the path, and its application loaded."""

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

`regrow new NAME --sup` creates a project that has one."""


class Problem(Exception):
    """The command cannot do its work. The text is printed, and the command exits.

    Attributes:
        code: the exit code.
    """

    def __init__(self, letter: str, code: int = WRONG_USE) -> None:
        super().__init__(letter)
        self.code = code


@dataclass(frozen=True)
class Project:
    """A folder with a pyproject.toml.

    Attributes:
        folder: its absolute path.
        settings: the table `[tool.regrow]` of the file.
        name: the project's name; the folder's if the file has none.
    """

    folder: Path
    settings: dict[str, Any]
    name: str

    @property
    def source(self) -> Path:
        """The folder from which its modules are imported: `src` if there is one."""
        source = self.folder / "src"
        return source if source.is_dir() else self.folder

    def on_path(self) -> None:
        """Put its modules on the import path, before other modules of the same names."""
        folder = str(self.source)
        if folder not in sys.path:
            sys.path.insert(0, folder)

    @property
    def package(self) -> str:
        """The name of its application's package; without an application the project's name, with underscores."""
        named = self.settings.get("application")
        return named.partition(":")[0].partition(".")[0] if isinstance(named, str) else self.name.replace("-", "_")


def find_project(start: Path | None = None) -> Project:
    """Return the project of a folder: the nearest folder upwards with a pyproject.toml.

    Args:
        start: the folder; None for the current one.

    Raises:
        Problem: the folder does not exist, there is no pyproject.toml, or it cannot be read.
    """
    folder = (Path.cwd() if start is None else start).resolve()
    if not folder.is_dir():
        raise Problem(f"--project: {start} is no folder")
    for place in (folder, *folder.parents):
        if (place / "pyproject.toml").is_file():
            return read_project(place)
    raise Problem(
        f"no project found: there is no pyproject.toml in {folder} or above it.\n"
        "Go into your project's folder, name it with --project DIR, or create a project: regrow new NAME,"
        " with --sup if it needs an application",
        NO_APPLICATION,
    )


def read_project(folder: Path) -> Project:
    """Return the project whose pyproject.toml is in this folder.

    Raises:
        Problem: the file cannot be read.
    """
    path = folder / "pyproject.toml"
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise Problem(f"{path} cannot be read: {error}", NO_APPLICATION) from None
    settings = table(table(content, "tool"), "regrow")
    return Project(folder, settings, str(table(content, "project").get("name", folder.name)))


def table(content: dict[str, Any], key: str) -> dict[str, Any]:
    """Return a table of a TOML file; an empty dict if there is none."""
    value = content.get(key)
    return cast("dict[str, Any]", value) if isinstance(value, dict) else {}


def load_application(project: Project) -> type[Application]:
    """Return the application that a project names.

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
    cls = getattr(load_module(project, module_name), class_name, None)
    if cls is None:
        raise Problem(f"{path}: application = {named!r}, but {module_name} has no {class_name}", NO_APPLICATION)
    if not (isinstance(cls, type) and issubclass(cls, regrow.Application)):
        raise Problem(
            f"{path}: application = {named!r}, which is {cls!r}. Wanted a class derived from regrow.Application",
            NO_APPLICATION,
        )
    return cls


def load_module(project: Project, name: str) -> ModuleType:
    """Import the module of an application.

    Raises:
        Problem: there is no such module, or its import raised; the text then has the traceback.
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
        trace = traceback.format_exc()
    except Exception:
        trace = traceback.format_exc()
    raise Problem(f"{trace}\nThe application cannot be loaded: importing {name} raised this exception", NO_APPLICATION)


def public_classes(project: Project) -> dict[str, Any]:
    """Return a project's package and the public classes of its modules, by name, for the namespace of its shell."""
    project.on_path()
    try:
        package = importlib.import_module(project.package)
    except ImportError:
        return {}
    names = [project.package]
    names += [
        module_info.name
        for module_info in pkgutil.walk_packages(
            getattr(package, "__path__", ()), f"{project.package}.", onerror=lambda _: None
        )
        if not module_info.name.endswith("__main__")
    ]
    namespace: dict[str, Any] = {project.package: package}
    for name in names:
        try:
            module = importlib.import_module(name)
        except Exception as error:
            print(f"{name} is missing in the shell: importing it raised {error!r}", file=sys.stderr)
            continue
        namespace |= {
            key: value
            for key, value in vars(module).items()
            if isinstance(value, type) and value.__module__ == name and not key.startswith("_")
        }
    return namespace
