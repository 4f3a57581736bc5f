"""Links from the rows of docs/reference.md to the full descriptions on the pages of the modules."""

from __future__ import annotations

import re
from collections.abc import Iterator

from website.api import page

NAME = re.compile(r"`(?P<name>[\w.]+)[^`]*`")
CELL = re.compile(r"(?<!\\)\|")


def linked(reference: str, public: dict[str, list[str]]) -> str:
    """Return the page with a link at each name in the first cell of a row.

    Args:
        reference: the text of the page.
        public: the names of all public modules, as `website.api.modules` returns them.
    """
    places = Places(public)
    lines: list[str] = []
    sections: list[str] = []
    for line in reference.splitlines():
        if line.startswith("## "):
            sections = list(places.sections(line))
        if line.startswith("| `"):
            _, cell, rest = CELL.split(line, maxsplit=2)
            lines.append(f"|{NAME.sub(lambda found: places.link(found[0], found['name'], sections), cell)}|{rest}")  # noqa: B023
        else:
            lines.append(line)
    return "\n".join(lines) + "\n"


class Places:
    """The pages and anchors of the public names.

    Attributes:
        public: the names of all public modules.
        package: the name of the package itself.
        homes: the module whose page describes a name, for the names of the package.
    """

    def __init__(self, public: dict[str, list[str]]) -> None:
        self.public = public
        self.package = next(iter(public))
        modules = {
            name: module for module, names in reversed(public.items()) for name in names if module != self.package
        }
        self.homes = {name: modules.get(name, self.package) for name in public[self.package]}

    def sections(self, heading: str) -> Iterator[str]:
        """Yield the modules that a heading names, or whose class it names."""
        for word in re.findall(r"\w+", heading):
            if f"{self.package}.{word}" in self.public:
                yield f"{self.package}.{word}"
            elif word in self.homes:
                yield self.homes[word]

    def link(self, text: str, name: str, sections: list[str]) -> str:
        """Return a text as a link to the description of a name; an unknown name stays as it is.

        Args:
            text: the Markdown, such as `` `spawn(function)` ``.
            name: such as `spawn`, `process.spawn` or `regrow.process`.
            sections: the modules in which a short name is looked up before all others.
        """
        short = name.removeprefix(f"{self.package}.")
        first, _, second = short.partition(".")
        module = f"{self.package}.{first}"
        if module in self.public and not second:
            return f"[{text}]({page(module)})"
        found = [module] if module in self.public else [*sections, self.homes.get(first, "")]
        member = second if module in self.public else first
        for place in found:
            if member in self.public.get(place, []):
                home = self.homes[member] if place == self.package else place
                return f"[{text}]({page(home)}#{home}.{member})"
        return text
