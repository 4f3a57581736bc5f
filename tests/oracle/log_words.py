"""Reports as text of Elixir's Logger: the text of `regrow.ops.logs`, with terms printed as Elixir prints them.

So the text that an operator reads is compared with the BEAM, and not a second one that is made for the tests.
"""

from __future__ import annotations

import logging
import re
from typing import Any
from unittest.mock import patch

from regrow.kernel.report import Report
from regrow.ops import logs, reasons
from tests.oracle.terms import inspected

FRAME = re.compile(r"(\s*)File \".*\", line \d+, in ")


class Atoms(dict[str, str]):
    """The reasons that have a description; Elixir shows any other as an atom."""

    def get(self, key: str, _default: object = None) -> str:
        """Return the description, or the atom."""
        return self[key] if key in self else inspected(key)


def entry(record: logging.LogRecord) -> tuple[str, str]:
    """Return the level and the text of a record."""
    report = record.msg
    assert isinstance(report, Report)
    with (
        patch.object(logs, "show", shown),
        patch.object(reasons, "show", shown),
        patch.object(logs, "name_words", named),
        patch.object(reasons, "name_words", named),
        patch.object(logs, "function_words", function),
        patch.object(reasons, "function_words", function),
        patch.object(reasons, "PLAIN", Atoms(reasons.PLAIN)),
    ):
        lines = logs.words(report).split("\n")
    return record.levelname.lower(), "\n".join(without_frames(in_elixir(line) for line in lines))


def shown(value: Any, *_: Any) -> str:
    """Return a value as a term."""
    return inspected(value)


def named(value: Any, *_: Any) -> str:
    """Return a name as a term; text that has been formatted already stays."""
    return value if isinstance(value, str) and value.startswith("<") else inspected(value)


def function(value: Any, *_: Any) -> str:
    """Return a function with its module."""
    owner = getattr(value, "__self__", None)
    if isinstance(owner, type):
        return f"{inspected(owner)}.{value.__name__}"
    return str(value.__qualname__)


def in_elixir(line: str) -> str:
    """Return as terms the few values that regrow's text shows unchanged."""
    found = re.fullmatch(r"(Restart|Type|Shutdown|Trapping Exits): (.+)", line)
    if found is None:
        return line
    what, value = found[1], found[2]
    if re.fullmatch(r"[\d.]+", value):
        return f"{what}: {round(float(value) * 1000)}"
    return f"{what}: {value.lower()}" if what == "Trapping Exits" else f"{what}: {inspected(value)}"


def without_frames(lines: Any) -> list[str]:
    """Return a stack as one line, <stack>."""
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
