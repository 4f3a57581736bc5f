"""The public modules, such as regrow.process, and the page of each.

A public module has an `__all__`, and stands in the package's folder; `regrow.testing` is a folder. Its page shows the
names of its `__all__` in their order. The page of `regrow` itself has the names that no other page has, under the
headings of docs/reference.md.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

# Folders with an `__all__` whose modules users do not import.
INSIDE = {"behaviours", "cli", "kernel", "ops"}


def modules(package: Path) -> dict[str, list[str]]:
    """Return the public modules of a package by name, each with the names in its `__all__`."""
    files = {path.stem: path for path in package.glob("*.py") if path.name != "__init__.py"}
    files |= {path.parent.name: path for path in package.glob("*/__init__.py") if path.parent.name not in INSIDE}
    found = {f"{package.name}.{name}": exported(path) for name, path in sorted(files.items())}
    public = {name: names for name, names in found.items() if names}
    top = [name for name in exported(package / "__init__.py") if f"{package.name}.{name}" not in public]
    return {package.name: top, **public}


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


def text(name: str, public: dict[str, list[str]], reference: str) -> str:
    """Return the Markdown of a module's page.

    Args:
        name: of the module.
        public: the names of all public modules, as `modules` returns them.
        reference: the text of docs/reference.md.
    """
    if "." in name:
        return f"# `{name}`\n\n{block(name, public[name])}"
    return "\n".join([f"# `{name}`\n", block(name, []), *top(name, public, reference)])


def block(name: str, members: list[str], level: int = 2) -> str:
    """Return the instruction that is replaced with a docstring, and with those of the members."""
    shown = "".join(f"\n        - {member}" for member in members) or " []"
    return f"::: {name}\n    options:\n      heading_level: {level}\n      members:{shown}\n"


def top(name: str, public: dict[str, list[str]], reference: str) -> Iterator[str]:
    """Yield the parts of the page of the package itself: its own names, then those of its modules."""
    homes = {member: module for module, members in public.items() if module != name for member in members}
    own = [member for member in public[name] if member not in homes]
    for heading, members in grouped(own, reference).items():
        yield f"## {heading}\n"
        for member in members:
            yield f"::: {name}.{member}\n    options:\n      heading_level: 3\n      show_root_heading: true\n      show_root_toc_entry: true\n"
    yield "## Names of its modules\n"
    yield f"These names can also be imported from `{name}`:\n"
    yield "| name | module |\n|---|---|"
    for member in public[name]:
        if module := homes.get(member):
            there = page(module).rpartition("/")[2]
            yield f"| [`{member}`]({there}#{module}.{member}) | [`{module}`]({there}) |"


def grouped(names: list[str], reference: str) -> dict[str, list[str]]:
    """Return names by the heading of docs/reference.md under which each stands first, in the order of that page."""
    groups: dict[str, list[str]] = {}
    left = dict.fromkeys(names)
    for section in re.split(r"^## ", reference, flags=re.MULTILINE)[1:]:
        heading, _, rows = section.partition("\n")
        for quoted in re.findall(r"`([^`\n]+)`", "\n".join(re.findall(r"^\|([^|]+)\|", rows, re.MULTILINE))):
            for name in re.findall(r"\w+", quoted.partition("(")[0]):
                if name in left:
                    del left[name]
                    groups.setdefault(heading.partition(":")[0], []).append(name)
    if left:
        groups["More"] = list(left)
    return groups


def homes(package: Path) -> dict[str, str]:
    """Return the public path of each name by the path at which it is defined: regrow.kernel.pid.Pid is regrow.Pid."""
    found: dict[str, str] = {}
    for name, names in reversed(modules(package).items()):
        path = package.joinpath(*name.split(".")[1:])
        file = path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom) and node.module:
                for alias in node.names:
                    public = alias.asname or alias.name
                    if public in names:
                        found.setdefault(f"{node.module}.{alias.name}", f"{name}.{public}")
    return found
