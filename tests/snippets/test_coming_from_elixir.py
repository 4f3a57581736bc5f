"""docs/coming_from_elixir.md names what is there: each word of its tables, on the side that is ours."""

from __future__ import annotations

import builtins
import re
from pathlib import Path

import regrow
from regrow import application, gen_server, process, system, testing
from regrow.cli.shell_commands import WORDS

PAGE = (Path(__file__).parents[2] / "docs" / "coming_from_elixir.md").read_text(encoding="utf-8")
# What stands for something of the reader's, and what is pytest's or Python's own.
THEIRS = {
    "Counter",
    "Shop",
    "Tree",
    "M",
    "f",
    "function",
    "async",
    "class",
    "def",
    "caplog",
    "init",
    "pattern",
    "match",
}
MEANT: dict[str, object] = {"task": regrow.Task, "logs": regrow.ops.logs, "ops": regrow.ops}
OWNERS = [regrow, process, application, gen_server, system, testing, builtins]


def ours() -> list[str]:
    """The right-hand cells of the tables, as code: all that stands in backticks there."""
    rows = re.findall(r"^\| [^|]+ \| ([^|]+) \|$", PAGE, re.MULTILINE)
    return [code for row in rows for code in re.findall(r"`([^`]+)`", row)]


def known(name: str) -> bool:
    return any(hasattr(owner, name) for owner in OWNERS) or name in WORDS or name in THEIRS


def test_each_name_that_the_tables_call_is_there() -> None:
    assert len(ours()) > 80
    for code in ours():
        for path in re.findall(r"(?<![\w.\"'])([A-Za-z_]\w*(?:\.\w+)*)\(", code):
            owner, *rest = path.removeprefix("regrow.").split(".")
            assert owner in MEANT or known(owner), f"{code}: {owner}"
            found: object = MEANT.get(owner) or getattr(regrow, owner, None)
            for name in rest if found is not None else []:
                assert hasattr(found, name), f"{code}: {owner} has no {name}"
                found = getattr(found, name)


def test_what_differs_stands_here_and_no_longer_in_the_changelog() -> None:
    assert len(re.findall(r"^- ", PAGE.partition("## What differs")[2], re.MULTILINE)) >= 21
    changelog = (Path(__file__).parents[2] / "CHANGELOG.md").read_text(encoding="utf-8")
    assert "docs/coming_from_elixir.md#what-differs" in changelog
