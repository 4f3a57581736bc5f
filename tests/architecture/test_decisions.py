"""Each decision page fits on one screen, has its three parts, and is listed."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

DECISIONS = Path(__file__).parents[2] / "docs" / "decisions"
PAGES = sorted(DECISIONS.glob("0*.md"))
LISTED = re.findall(r"\| \[(\d{4})\]\((\S+)\) \|", (DECISIONS / "README.md").read_text(encoding="utf-8"))

MOST_WORDS = 450
MOST_LINES = 50
COLUMNS = 120


def words(text: str) -> int:
    """The number of words; a dash or the bar of a table is none."""
    return sum(any(letter.isalnum() for letter in word) for word in text.split())


def lines(text: str) -> int:
    """The number of lines on a screen that breaks long ones."""
    return sum(max(1, -(-len(line) // COLUMNS)) for line in text.splitlines())


def too_long(text: str) -> list[str]:
    """Return the complaints about the length of a page."""
    found = [(words(text), MOST_WORDS, "words"), (lines(text), MOST_LINES, f"lines of {COLUMNS} columns")]
    return [f"{number} {what}, more than {most}" for number, most, what in found if number > most]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_a_page_fits_on_one_screen(page: Path) -> None:
    assert too_long(page.read_text(encoding="utf-8")) == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_a_page_has_its_parts(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    assert text.startswith("# ")
    parts = re.findall(r"^## (.+)$", text, re.MULTILINE)
    assert [part for part in parts if part in {"Problem", "What was tried", "Decision"}] == [
        "Problem",
        "What was tried",
        "Decision",
    ]


def test_each_page_is_listed_once_and_in_order() -> None:
    assert [(page.name[:4], page.name) for page in PAGES] == LISTED


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("word " * MOST_WORDS, False),
        ("word " * (MOST_WORDS + 1), True),
        ("| - |\n" * MOST_LINES, False),
        ("x" * COLUMNS * MOST_LINES, False),
        ("x" * COLUMNS * MOST_LINES + "y", True),
    ],
)
def test_a_page_that_is_too_long_is_found(text: str, found: bool) -> None:
    assert bool(too_long(text)) == found
