"""docs/coming_from_elixir.md names existing functions: each name in the regrow column of its tables exists."""

from __future__ import annotations

import builtins
import re
from pathlib import Path

import regrow
from regrow import application, gen_server, process, system, testing
from regrow.cli.shell_commands import WORDS

PAGE = (Path(__file__).parents[2] / "docs" / "coming_from_elixir.md").read_text(encoding="utf-8")
# Names that stand for the reader's code, and names of pytest or Python.
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


def regrow_code() -> list[str]:
    """Return the code in the right-hand cells of the tables: the texts in backticks."""
    rows = re.findall(r"^\| [^|]+ \| ([^|]+) \|$", PAGE, re.MULTILINE)
    return [code for row in rows for code in re.findall(r"`([^`]+)`", row)]


def known(name: str) -> bool:
    return any(hasattr(owner, name) for owner in OWNERS) or name in WORDS or name in THEIRS


def test_each_name_in_the_tables_exists() -> None:
    assert len(regrow_code()) > 80
    for code in regrow_code():
        for path in re.findall(r"(?<![\w.\"'])([A-Za-z_]\w*(?:\.\w+)*)\(", code):
            owner, *rest = path.removeprefix("regrow.").split(".")
            assert owner in MEANT or known(owner), f"{code}: {owner}"
            found: object = MEANT.get(owner) or getattr(regrow, owner, None)
            for name in rest if found is not None else []:
                assert hasattr(found, name), f"{code}: {owner} has no {name}"
                found = getattr(found, name)


def test_the_differences_are_on_this_page_and_not_in_the_changelog() -> None:
    assert len(re.findall(r"^- ", PAGE.partition("## What differs")[2], re.MULTILINE)) >= 21
    changelog = (Path(__file__).parents[2] / "CHANGELOG.md").read_text(encoding="utf-8")
    assert "docs/coming_from_elixir.md#what-differs" in changelog
