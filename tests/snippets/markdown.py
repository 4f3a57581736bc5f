"""The snippets of a Markdown document: its fenced blocks, each with its line and the reason above it, if any."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass

FENCE = re.compile(r"^(?P<indent> *)(?P<ticks>`{3,})(?P<language>[\w+-]*)\s*$")
NOT_RUN = re.compile(r"^<!-- not run: (?P<reason>\S.*) -->$")

# Languages that are run, and languages that are only shown: pictures, output, settings.
RUN = {"python", "pycon", "console"}
SHOWN = {"text", "toml", "mermaid"}


@dataclass(frozen=True)
class Snippet:
    """One fenced block.

    Attributes:
        name: the name of the document, for failures.
        line: the line of its first line of text.
        language: the word after the opening fence.
        text: the text between the fences.
        reason: the reason why it is not run; empty if it is run.
    """

    name: str
    line: int
    language: str
    text: str
    reason: str = ""

    def at(self, offset: int = 0) -> str:
        """Return the place of a line, for a failure."""
        return f"{self.name}:{self.line + offset}"


def snippets(name: str, text: str) -> Iterator[Snippet]:
    """Return all fenced blocks of a document, in order.

    Raises:
        ValueError: a block is never closed.
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
    """Return the blocks that would not be tested: of an unknown language, or a session that is marked as text."""
    problems: list[str] = []
    for snippet in found:
        if snippet.language not in RUN | SHOWN:
            known = ", ".join(sorted(RUN | SHOWN))
            problems.append(f"{snippet.at()}: {snippet.language or 'no language'}; wanted one of {known}")
        elif snippet.language in SHOWN and re.search(r"^(>>> |\$ )", snippet.text, re.MULTILINE):
            problems.append(f"{snippet.at()}: looks like a session, which {snippet.language} hides from the tests")
    return problems
