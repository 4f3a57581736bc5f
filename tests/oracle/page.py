"""The page that a block writes, and the names of pids and references on it."""

from __future__ import annotations

import logging
import re

from regrow import (
    Pid,
    Ref,
)


class Page:
    """The lines of one block, and the names that its pids and references have there."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.names: dict[str, str] = {}
        self.next_letter = 0
        self.refs: dict[str, int] = {}
        self.kept: list[object] = []  # what has a number here must not share its id with something later
        self.generations: dict[object, int] = {}
        self.reports: list[logging.LogRecord] = []
        self.registered: dict[object, Pid] = {}  # of the block's Registry

    def number_of(self, value: object) -> str:
        """What tells one reference from another."""
        if isinstance(value, Ref):
            return str(value.number)
        if not any(one is value for one in self.kept):
            self.kept.append(value)
        return f"object {next(at for at, one in enumerate(self.kept) if one is value)}"

    def lettered(self, text: str) -> str:
        """Give every pid and reference in a text its name, by first appearance."""
        return re.sub(r"<\d+\.\d+\.\d+>|#Ref<[^>]*>", lambda found: f"<{self.name_of(found[0])}>", text)

    def name_of(self, shown: str) -> str:
        """The name of one."""
        if shown.startswith("#Ref"):
            return f"ref {self.refs.setdefault(shown, len(self.refs) + 1)}"
        if shown not in self.names:
            self.names[shown] = letter(self.next_letter)
            self.next_letter += 1
        return self.names[shown]

    def print(self, text: str) -> None:
        """Write a line; a text with line ends makes several."""
        self.lines.extend(self.lettered(text).split("\n"))


def letter(number: int) -> str:
    """A, B … Z, AA, AB …"""
    return chr(ord("A") + number) if number < 26 else letter(number // 26 - 1) + letter(number % 26)


pages: list[Page] = []


def current_page() -> Page:
    """The page of the block that runs; outside of one, an empty page: a title has no pids."""
    return pages[-1] if pages else Page()
