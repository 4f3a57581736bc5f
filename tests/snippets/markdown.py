"""The snippets of a Markdown document: its fenced blocks, each with its line and, where one stands above, its reason."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass

FENCE = re.compile(r"^(?P<indent> *)(?P<ticks>`{3,})(?P<language>[\w+-]*)\s*$")
NOT_RUN = re.compile(r"^<!-- not run: (?P<reason>\S.*) -->$")

# What is run, and what is only looked at: pictures, output, settings.
RUN = {"python", "pycon", "console"}
SHOWN = {"text", "toml", "mermaid"}


@dataclass(frozen=True)
class Snippet:
    """One fenced block.

    Attributes:
        name: of the document, as failures name it.
        line: of its first line of text.
        language: what stands behind the opening fence.
        text: what stands between the fences.
        reason: why it is not run; empty for one that is.
    """

    name: str
    line: int
    language: str
    text: str
    reason: str = ""

    def at(self, offset: int = 0) -> str:
        """A line of it, for a failure."""
        return f"{self.name}:{self.line + offset}"


def snippets(name: str, text: str) -> Iterator[Snippet]:
    """All fenced blocks of a document, in order.

    Raises:
        ValueError: a block that is never closed.
    """
    lines = text.splitlines()
    above = ""
    at = 0
    while at < len(lines):
        opening = FENCE.match(lines[at])
        if opening is None:
            above = lines[at].strip() or above
            at += 1
            continue
        first = at + 1
        closing = opening["indent"] + opening["ticks"]
        try:
            last = lines.index(closing, first)
        except ValueError:
            raise ValueError(f"{name}:{at + 1}: this block is never closed") from None
        reason = NOT_RUN.match(above)
        inside = textwrap.dedent("".join(f"{line}\n" for line in lines[first:last]))
        yield Snippet(name, first + 1, opening["language"], inside, "" if reason is None else reason["reason"])
        above = ""
        at = last + 1


def unexplained(found: list[Snippet]) -> list[str]:
    """The blocks that would escape: of a language that nobody runs, or a session that calls itself text."""
    problems: list[str] = []
    for snippet in found:
        if snippet.language not in RUN | SHOWN:
            known = ", ".join(sorted(RUN | SHOWN))
            problems.append(f"{snippet.at()}: {snippet.language or 'no language'}; wanted one of {known}")
        elif snippet.language in SHOWN and re.search(r"^(>>> |\$ )", snippet.text, re.MULTILINE):
            problems.append(f"{snippet.at()}: looks like a session, which {snippet.language} hides from the tests")
    return problems
