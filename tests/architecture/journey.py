"""The walks of docs/contributing/journey.md as data, and a recorder of the functions that a real message walks through.

A table of the page has a row for each stop: the file, the functions in the order in which they are entered, and what
they do. A coroutine or a generator that continues is entered again. Rows of "your server" are callbacks.
"""

from __future__ import annotations

import itertools
import re
import sys
from collections.abc import Iterable, Iterator, Mapping
from fnmatch import fnmatchcase
from pathlib import Path
from types import CodeType, FrameType
from typing import NamedTuple

import regrow

SOURCE = Path(regrow.__file__).parent
YOURS = "your server"

HEADING = re.compile(r"## (.+)")
ROW = re.compile(r"\| (?P<file>[^|]+) \| (?P<functions>[^|]+) \| (?P<text>[^|]+) \|")
LINK = re.compile(r"\[`(?P<shown>[^`]+)`\]\((?P<target>[^)]+)\)")
CODE = re.compile(r"`([^`]+)`")
LEFT_OUT = "The tables leave out "

# The test's own machinery: on a node in real time the event loop calls `Timers.fire_due`.
VIRTUAL = ("kernel/clock.py", "kernel/virtual_clock.py", "kernel/virtual_time.py", "kernel/virtual_loop.py", "testing/")


class Stop(NamedTuple):
    """One function that a message comes to."""

    file: str  # below src/regrow: kernel/mailbox.py
    function: str  # Scheduler.hand_over

    def __str__(self) -> str:
        return f"{self.file}: {self.function}"


class Page(NamedTuple):
    """The tables and links of the page."""

    walks: dict[str, list[Stop]]  # by the headings
    texts: dict[str, dict[tuple[Stop, ...], str]]  # what the rows say, by the headings and the stops of a row
    links: dict[str, str]  # the targets of the files' links, by their texts
    left_out: tuple[str, ...]  # files, and patterns of functions


def parse(text: str) -> Page:
    """Parse the text of the page."""
    walks: dict[str, list[Stop]] = {}
    texts: dict[str, dict[tuple[Stop, ...], str]] = {}
    links: dict[str, str] = {}
    heading = ""
    for line in text.splitlines():
        if found := HEADING.fullmatch(line):
            heading = found[1]
        elif (row := ROW.fullmatch(line)) and (functions := CODE.findall(row["functions"])):
            file = YOURS
            if link := LINK.fullmatch(row["file"]):
                file = link["shown"]
                links[file] = link["target"]
            stops = [Stop(file, function) for function in functions]
            walks.setdefault(heading, []).extend(stops)
            texts.setdefault(heading, {})[tuple(stops)] = row["text"]
    left_out = [name for line in text.splitlines() if line.startswith(LEFT_OUT) for name in CODE.findall(line)]
    return Page(walks, texts, links, tuple(left_out))


class Recorder:
    """Records which functions of regrow, and which callbacks of a server, are entered between its start and its end.

    Args:
        yours: the file of the server, whose callbacks are recorded.
        left_out: files and patterns of functions that are not recorded, nor what they call.
    """

    def __init__(self, yours: str, left_out: Iterable[str]) -> None:
        self.yours = yours
        self.left_out = tuple(left_out)
        self.stops: list[Stop] = []

    def start(self) -> None:
        """Start recording. A walk may begin in a callback: its caller is on the stack, and is not recorded."""
        sys.setprofile(self.look)

    def end(self) -> None:
        """Stop the recording of functions."""
        sys.setprofile(None)

    def look(self, frame: FrameType, event: str, _: object) -> None:
        """Record a function that is entered; Python calls this."""
        if event != "call":
            return
        stop = self.stop(frame.f_code)
        if stop is None or stop.file.startswith(VIRTUAL):
            return
        if not any(self.is_left_out(outer) for code in callers(frame) if (outer := self.stop(code)) is not None):
            self.stops.append(stop)

    def stop(self, code: CodeType) -> Stop | None:
        """Return the stop that this code is; None for other code than that of regrow and of the server."""
        path = Path(code.co_filename)
        if path.is_relative_to(SOURCE):
            return Stop(path.relative_to(SOURCE).as_posix(), code.co_qualname)
        if code.co_filename == self.yours and code.co_name.startswith(("handle_", "terminate")):
            return Stop(YOURS, code.co_name)
        return None

    def is_left_out(self, stop: Stop) -> bool:
        """Whether the page leaves this out."""
        return any(one == stop.file or fnmatchcase(stop.function, one) for one in self.left_out)


def callers(frame: FrameType) -> Iterator[CodeType]:
    """Yield the code of a frame, then of its caller, and so on."""
    outer: FrameType | None = frame
    while outer is not None:
        yield outer.f_code
        outer = outer.f_back


def rows(stops: Iterable[Stop], texts: Mapping[tuple[Stop, ...], str]) -> str:
    """The rows of a table for a walk, to be pasted: stops that follow each other in one file share a row.

    Args:
        stops: the walk.
        texts: what the page says of rows with the same stops; other rows say "…".
    """
    lines: list[str] = []
    for file, group in itertools.groupby(stops, lambda stop: stop.file):
        row = tuple(group)
        shown = file if file == YOURS else f"[`{file}`](../../src/regrow/{file})"
        functions = ", ".join(f"`{stop.function}`" for stop in row)
        lines.append(f"| {shown} | {functions} | {texts.get(row, '…')} |")
    return "\n".join(lines)
