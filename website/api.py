"""The public modules, such as regrow.process, and their pages.

A public module has an `__all__`, and stands in the package's folder; `regrow.testing` is a folder. Its page shows the
names of its `__all__` in their order. The names that `regrow` alone exports have pages by topic, which are the headings
of docs/reference.md: Supervisors, Errors …
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

# Folders with an `__all__` whose modules users do not import.
INSIDE = {"behaviours", "cli", "kernel", "ops"}
# The topic of names that docs/reference.md does not name in a row, or at the beginning of a line.
MORE = "More"


@dataclass(frozen=True)
class Interface:
    """The public modules and names, and where the site describes them.

    Attributes:
        package: the name of the package.
        modules: the public modules, each with the names in its `__all__`; not the package itself.
        names: the names in the `__all__` of the package, without modules.
        topics: the names that the package alone exports, by topic. A topic may be the name of a module: then the
            module's page describes the names as well.
        order: all modules and topics, in the order of docs/reference.md.
    """

    package: str
    modules: dict[str, list[str]]
    names: list[str]
    topics: dict[str, list[str]]
    order: list[str]

    def home(self, name: str) -> str:
        """Return the module from which users import a name of the package: the package, unless a module has it."""
        return next((module for module in self.order if name in self.modules.get(module, [])), self.package)

    def place(self, module: str, name: str) -> str:
        """Return the page and the anchor of a name, as `api/process.md#regrow.process.spawn`."""
        if module != self.package:
            return f"{page(module)}#{module}.{name}"
        if (home := self.home(name)) != self.package:
            return self.place(home, name)
        topic = next(topic for topic, names in self.topics.items() if name in names)
        return f"{page(topic)}#{module}.{name}"

    def pages(self) -> dict[str, tuple[str, str]]:
        """Return the title and the Markdown of each page, by its path, in the order of the navigation."""
        found = {page(self.package): (self.package, self.overview())}
        for title in self.order:
            if title in self.modules:
                found[page(title)] = (title, self.module(title))
            elif title in self.topics:
                found[page(title)] = (title, f"# {title}\n\n{self.described(title)}")
        return found

    def overview(self) -> str:
        """Return the page of the package itself: its docstring, and where its names are described."""
        lines = [f"# `{self.package}`\n", block(self.package, [])]
        lines += [f"## The names of `{self.package}`\n", "| name | described in |\n|---|---|"]
        titles = {page(topic): topic for topic in self.topics} | {page(name): f"`{name}`" for name in self.modules}
        for name in self.names:
            there = self.place(self.package, name)
            lines.append(f"| [`{name}`]({there.removeprefix('api/')}) | {titles[there.partition('#')[0]]} |")
        return "\n".join(lines) + "\n"

    def module(self, name: str) -> str:
        """Return the page of a module."""
        return f"# `{name}`\n\n{block(name, self.modules[name])}\n{self.described(name)}"

    def described(self, topic: str) -> str:
        """Return the instructions for the names of a topic."""
        return "\n".join(
            f"::: {self.package}.{name}\n    options:\n      show_root_heading: true\n      show_root_toc_entry: true\n"
            for name in self.topics.get(topic, [])
        )


def read(root: Path) -> Interface:
    """Return the interface of the package in a repository."""
    package = root / "src" / "regrow"
    files = {path.stem: path for path in package.glob("*.py") if path.name != "__init__.py"}
    files |= {path.parent.name: path for path in package.glob("*/__init__.py") if path.parent.name not in INSIDE}
    found = {f"{package.name}.{name}": exported(path) for name, path in sorted(files.items())}
    modules = {name: names for name, names in found.items() if names}
    names = [name for name in exported(package / "__init__.py") if f"{package.name}.{name}" not in modules]
    described = {name for members in modules.values() for name in members}
    own = [name for name in names if name not in described]
    reference = (root / "docs" / "reference.md").read_text(encoding="utf-8")
    found_topics = topics(own, reference)
    order = [heading for heading, _ in sections(reference)]
    return Interface(package.name, modules, names, found_topics, list(dict.fromkeys([*order, *modules, *found_topics])))


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
    """Return the path of the page of a module or a topic."""
    short = name.removeprefix("regrow.").lower()
    return f"api/{re.sub(r'[^a-z0-9_]+', '-', short).strip('-')}.md"


def block(name: str, members: list[str]) -> str:
    """Return the instruction that is replaced with the docstrings of a module and of its members."""
    shown = "".join(f"\n        - {member}" for member in members) or " []"
    return f"::: {name}\n    options:\n      members:{shown}\n"


def topics(names: list[str], reference: str) -> dict[str, list[str]]:
    """Return names by the heading of docs/reference.md under which a row, or else a line, begins with each."""
    found: dict[str, list[str]] = {}
    left = dict.fromkeys(names)
    for pattern in (r"^\|([^|]+)\|", r"^(`[^`]+`)"):
        for heading, text in sections(reference):
            for quoted in re.findall(r"`([^`\n]+)`", "\n".join(re.findall(pattern, text, re.MULTILINE))):
                for name in re.findall(r"\w+", quoted.partition("(")[0]):
                    if name in left:
                        del left[name]
                        found.setdefault(heading, []).append(name)
    return {**found, MORE: list(left)} if left else found


def sections(reference: str) -> Iterator[tuple[str, str]]:
    """Yield the headings of docs/reference.md, each with its text."""
    for section in re.split(r"^## ", reference, flags=re.MULTILINE)[1:]:
        heading, _, text = section.partition("\n")
        yield heading.replace("`", "").partition(":")[0], text


def public_paths(root: Path) -> dict[str, str]:
    """Return the public path of each name by the path of its definition: regrow.kernel.process_record.Pid is regrow.Pid."""
    interface = read(root)
    found: dict[str, str] = {}
    for name in [*interface.order, interface.package]:
        names = interface.names if name == interface.package else interface.modules.get(name)
        if names is None:
            continue
        path = root.joinpath("src", *name.split("."))
        file = path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom) and node.module:
                for alias in node.names:
                    public = alias.asname or alias.name
                    if public in names:
                        found.setdefault(f"{node.module}.{alias.name}", f"{name}.{public}")
    return found
