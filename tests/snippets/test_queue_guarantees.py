"""docs/queue_guarantees.md links each promise to its proofs: the text of a link is the name of a test in that file."""

from __future__ import annotations

import ast
import re
from functools import cache
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "queue_guarantees.md"
PROOFS = ROOT / "tests" / "servers" / "queue" / "proofs"
LINK = re.compile(r"\[(?P<text>[^\]]+)\]\((?P<target>\.\./tests/[^)]+\.py)\)")


class Row(NamedTuple):
    """A row of a table whose last column names tests: its line in the page, and its cells."""

    line: int
    cells: list[str]


def rows(text: str) -> list[Row]:
    """Return the rows of the tables whose last column is headed "shown by" or "noticed by"."""
    found: list[Row] = []
    shows = False
    before = ""
    for number, line in enumerate(text.splitlines(), 1):
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if line.startswith("|") and not before.startswith("|"):
            shows = cells[-1] in {"shown by", "noticed by"}
        elif line.startswith("|") and shows and not line.startswith("|---"):
            found.append(Row(number, cells))
        before = line
    return found


@cache
def names_of_tests(file: Path) -> set[str]:
    """Return the names of the tests in a file, as the page writes them: words with blanks, without "test"."""
    tree = ast.parse(file.read_text(encoding="utf-8"))
    functions = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]
    return {node.name.removeprefix("test_").replace("_", " ") for node in functions if node.name.startswith("test_")}


def faults(text: str, folder: Path) -> list[str]:
    """Return what is wrong with the links of a page, each with its line."""
    found = [f"{row.line}: no proof in the last column" for row in rows(text) if not LINK.search(row.cells[-1])]
    for number, line in enumerate(text.splitlines(), 1):
        for link in LINK.finditer(line):
            file = folder / link["target"]
            if not file.is_file():
                found.append(f"{number}: {link['target']} does not exist")
            elif link["text"] not in names_of_tests(file):
                found.append(f"{number}: {file.name} has no test {link['text']!r}")
    return found


def test_each_promise_links_to_tests_that_exist() -> None:
    assert faults(PAGE.read_text(encoding="utf-8"), PAGE.parent) == []


def test_the_page_has_the_promises() -> None:
    assert len(rows(PAGE.read_text(encoding="utf-8"))) > 25


def test_each_file_of_proofs_is_linked() -> None:
    linked = {(PAGE.parent / link["target"]).resolve() for link in LINK.finditer(PAGE.read_text(encoding="utf-8"))}
    assert [file.name for file in sorted(PROOFS.glob("test_*.py")) if file not in linked] == []


def test_a_promise_without_a_proof_and_a_link_to_no_test_are_faults() -> None:
    here = "../tests/snippets/test_queue_guarantees.py"
    page = (
        "| when | promised | shown by |\n|---|---|---|\n"
        "| a | b | c |\n"
        f"| a | b | [the page has the promises]({here}) |\n"
        f"| a | b | [no such test]({here}) |\n"
        "| a | b | [gone](../tests/snippets/test_gone.py) |\n"
        "\n| a | table of something else |\n|---|---|\n| a | b |\n"
    )
    assert faults(page, PAGE.parent) == [
        "3: no proof in the last column",
        "5: test_queue_guarantees.py has no test 'no such test'",
        "6: ../tests/snippets/test_gone.py does not exist",
    ]
