"""Reports in the words of Elixir's Logger: those of `regrow.ops.logs`, with the terms printed as Elixir prints them.

What is compared with the BEAM is thus the text that an operator reads, and not a second one made for the tests.
"""

from __future__ import annotations

import logging
import re
from typing import Any
from unittest.mock import patch

from regrow.kernel.reports import Report
from regrow.ops import logs, reasons
from tests.oracle.twin import inspected

FRAME = re.compile(r"(\s*)File \".*\", line \d+, in ")


class Atoms(dict[str, str]):
    """The reasons that have words of their own; any other is an atom, and Elixir shows that it is one."""

    def get(self, key: str, _default: object = None) -> str:
        """The words, or the atom."""
        return self[key] if key in self else inspected(key)


def entry(record: logging.LogRecord) -> tuple[str, str]:
    """The level and the text of a record."""
    report = record.msg
    assert isinstance(report, Report)

    def shown(value: Any, *_: Any) -> str:
        return inspected(value)

    def named(value: Any, *_: Any) -> str:
        return value if isinstance(value, str) and value.startswith("<") else inspected(value)

    with (
        patch.object(logs, "show", shown),
        patch.object(reasons, "show", shown),
        patch.object(logs, "name_words", named),
        patch.object(reasons, "name_words", named),
        patch.object(reasons, "PLAIN", Atoms(reasons.PLAIN)),
    ):
        lines = logs.words(report).split("\n")
    return record.levelname.lower(), "\n".join(without_frames(in_elixir(line) for line in lines))


def in_elixir(line: str) -> str:
    """The few words that are Python's own."""
    found = re.fullmatch(r"(Restart|Type): (\w+)", line)
    if found:
        return f"{found[1]}: {inspected(found[2])}"
    found = re.fullmatch(r"Shutdown: (.*)", line)
    if found:
        limit = found[1]
        return f"Shutdown: {inspected(limit) if limit[0].isalpha() else round(float(limit) * 1000)}"
    return re.sub(r"^Trapping Exits: (True|False)$", lambda found: found[0].lower().title(), line)


def without_frames(lines: Any) -> list[str]:
    """A stack as one line, <stack>."""
    kept: list[str] = []
    skip = False
    for line in lines:
        found = FRAME.match(line)
        if found:
            kept.append(f"{found[1]}<stack>")
            skip = True
        elif skip:
            skip = False  # the line of code below the place
        else:
            kept.append(line)
    return [line for at, line in enumerate(kept) if at == 0 or line != kept[at - 1]]
