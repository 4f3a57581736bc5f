"""Links from the rows of docs/reference.md to the full descriptions of the names."""

from __future__ import annotations

import re
from collections.abc import Iterator

from website.api import Interface, page

NAME = re.compile(r"`(?P<name>[\w.]+)[^`]*`")
CELL = re.compile(r"(?<!\\)\|")


def linked(reference: str, interface: Interface) -> str:
    """Return the page with a link at each name in the first cell of a row."""
    lines: list[str] = []
    modules: list[str] = []
    for line in reference.splitlines():
        if line.startswith("## "):
            modules = list(named(line, interface))
        if line.startswith("| `"):
            _, cell, rest = CELL.split(line, maxsplit=2)
            linked_cell = NAME.sub(lambda found: link(found[0], found["name"], modules, interface), cell)  # noqa: B023
            lines.append(f"|{linked_cell}|{rest}")
        else:
            lines.append(line)
    return "\n".join(lines) + "\n"


def named(heading: str, interface: Interface) -> Iterator[str]:
    """Yield the modules that a heading names, or whose class it names."""
    for word in re.findall(r"\w+", heading):
        if f"{interface.package}.{word}" in interface.modules:
            yield f"{interface.package}.{word}"
        elif word in interface.names:
            yield interface.home(word)


def link(text: str, name: str, modules: list[str], interface: Interface) -> str:
    """Return a text as a link to the description of a name; an unknown name stays as it is.

    Args:
        text: the Markdown, such as `spawn(function)` in backticks.
        name: such as `spawn`, `process.spawn` or `regrow.process`.
        modules: those in which a short name is looked up before all others.
        interface: the public modules and names.
    """
    first, _, second = name.removeprefix(f"{interface.package}.").partition(".")
    module = f"{interface.package}.{first}"
    if module in interface.modules and not second:
        return f"[{text}]({page(module)})"
    if module in interface.modules:
        return f"[{text}]({interface.place(module, second)})" if second in interface.modules[module] else text
    for place in modules:
        if first in interface.modules.get(place, []):
            return f"[{text}]({interface.place(place, first)})"
    return f"[{text}]({interface.place(interface.package, first)})" if first in interface.names else text
