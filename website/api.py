"""The public modules, such as regrow.process, and the page of each."""

from __future__ import annotations

import ast
from pathlib import Path


def modules(package: Path) -> list[str]:
    """Return the names of the public modules: those that stand in the package's folder and have an `__all__`."""
    found = [path for path in sorted(package.glob("*.py")) if path.name != "__init__.py" and exported(path)]
    return [f"{package.name}.{path.stem}" for path in found]


def exported(path: Path) -> list[str]:
    """Return the names in the `__all__` of a module, in its order."""
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        match node:
            case ast.Assign(targets=[ast.Name(id="__all__")], value=value):
                return list(ast.literal_eval(value))
            case _:
                pass
    return []


def page(name: str) -> str:
    """Return the path of a module's page."""
    return f"api/{name.partition('.')[2] or name}.md"


def text(name: str) -> str:
    """Return the Markdown of a module's page."""
    return f"# `{name}`\n\n::: {name}\n"
