"""The catalogue as data: its rows, the rows that regrow rejects, and the ids of the tests' marks."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

FOLDER = Path(__file__).parent
TESTS = FOLDER.parent
DECISIONS = TESTS.parent / "docs" / "decisions"
REJECTED = FOLDER / "rejected.md"

# A line of a table whose first cell is an id.
LINE = re.compile(r"^\| [A-Z]{2}-\d+ \|")
BETWEEN_CELLS = re.compile(r"(?<!\\)\|")


class Row(NamedTuple):
    """One fact that the tests of OTP or Elixir demand."""

    id: str
    # The name of the row's file.
    area: str
    port: str

    @property
    def applies(self) -> bool:
        """Whether the row applies to a library inside one Python process."""
        return self.port.startswith("yes") or self.adapted

    @property
    def adapted(self) -> bool:
        """Whether the row holds with a change, which its port column names."""
        return self.port.startswith("adapt:")


class Mark(NamedTuple):
    """One id that a test carries, as written in the source."""

    # None if it is computed: a search for the row would not find the test.
    id: str | None
    place: str


def every_row(folder: Path = FOLDER) -> list[Row]:
    """Return all rows in the order of the files' names, with those that do not apply."""
    return [
        Row(cells[0], path.stem, cells[-1])
        for path in sorted(folder.glob("*.md"))
        if path.name != REJECTED.name
        for cells in lines_of_tables(path)
    ]


def applicable_rows() -> dict[str, Row]:
    """Return the rows to prove, by id."""
    return {row.id: row for row in every_row() if row.applies}


def rejected_rows(table: Path = REJECTED) -> dict[str, str]:
    """Return the decision page of each rejected row, as the table names it."""
    return {cells[0]: cells[-1] for cells in lines_of_tables(table)}


def lines_of_tables(path: Path) -> Iterator[list[str]]:
    """Yield the cells of each line that begins with an id."""
    for line in path.read_text(encoding="utf-8").splitlines():
        if LINE.match(line):
            yield [cell.strip() for cell in BETWEEN_CELLS.split(line.strip())[1:-1]]


def every_mark(folder: Path = TESTS) -> Iterator[Mark]:
    """Return the ids of every `pytest.mark.otp(...)` in the source of the tests, also of tests that do not run."""
    for path in sorted(folder.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_bytes(), str(path))):
            match node:
                case ast.Call(func=ast.Attribute(value=ast.Attribute(attr="mark"), attr="otp"), args=arguments):
                    for argument in arguments:
                        yield Mark(text_of(argument), f"{path}:{argument.lineno}")
                case _:
                    pass


def text_of(node: ast.expr) -> str | None:
    """Return the value of a literal text."""
    match node:
        case ast.Constant(value=str(text)):
            return text
        case _:
            return None
