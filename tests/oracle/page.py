"""The output page of a block, and the names of pids and references on it."""

from __future__ import annotations

import logging
import re

from regrow import (
    Pid,
    Ref,
)


class Page:
    """The lines of one block, with the names of its pids and references."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.names: dict[str, str] = {}
        self.next_letter = 0
        self.refs: dict[str, int] = {}
        self.kept: list[object] = []  # keeps numbered objects alive, so that no later one gets the same id
        self.generations: dict[object, int] = {}
        self.reports: list[logging.LogRecord] = []
        self.registered: dict[object, Pid] = {}  # of the block's Registry

    def number_of(self, value: object) -> str:
        """Return the identity of a reference."""
        if isinstance(value, Ref):
            return str(value.number)
        if not any(one is value for one in self.kept):
            self.kept.append(value)
        return f"object {next(at for at, one in enumerate(self.kept) if one is value)}"

    def lettered(self, text: str) -> str:
        """Replace each pid and reference in a text by its name, in order of first appearance."""
        return re.sub(r"<\d+\.\d+\.\d+>|#Ref<[^>]*>", lambda found: f"<{self.name_of(found[0])}>", text)

    def name_of(self, shown: str) -> str:
        """Return the name of a pid or reference."""
        if shown.startswith("#Ref"):
            return f"ref {self.refs.setdefault(shown, len(self.refs) + 1)}"
        if shown not in self.names:
            self.names[shown] = letter(self.next_letter)
            self.next_letter += 1
        return self.names[shown]

    def print(self, text: str) -> None:
        """Write a line, or several for a text with line ends."""
        self.lines.extend(self.lettered(text).split("\n"))


def letter(number: int) -> str:
    """Return the letters for a number: A, B … Z, AA, AB …"""
    return chr(ord("A") + number) if number < 26 else letter(number // 26 - 1) + letter(number % 26)


pages: list[Page] = []


def current_page() -> Page:
    """Return the page of the running block; outside of a block an empty page: a title has no pids."""
    return pages[-1] if pages else Page()
