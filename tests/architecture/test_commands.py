"""The commands and files that the pages for contributors name exist."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / ".github").rglob("*.md"))]
TARGETS = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))

FENCED = re.compile(r"^```\w*$.*?^```$", re.DOTALL | re.MULTILINE)
INLINE = re.compile(r"`([^`\n]+)`")


def code(text: str) -> str:
    """The text of a page's blocks and of its inline code, a line each."""
    blocks = FENCED.findall(text)
    return "\n".join([*blocks, *INLINE.findall(FENCED.sub("", text))])


def name_of(page: Path) -> str:
    return page.relative_to(ROOT).as_posix()


def test_the_templates_are_found() -> None:
    assert {"pull_request_template.md", "bug.md", "feature.md"} <= {page.name for page in PAGES}


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_each_target_of_make_exists(page: Path) -> None:
    named = re.findall(r"^(?:\$ )?make ([a-z-]+)", code(page.read_text(encoding="utf-8")), re.MULTILINE)
    assert set(named) - TARGETS == set()


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_each_script_exists(page: Path) -> None:
    named = re.findall(r"\bscripts/[\w-]+", code(page.read_text(encoding="utf-8")))
    assert [name for name in named if not (ROOT / name).is_file()] == []


@pytest.mark.parametrize("page", [page for page in PAGES if ".github" in page.parts], ids=name_of)
def test_each_file_that_a_template_names_exists(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    named = re.findall(r"\b(?:docs|tests|src)/[\w/.-]+\w|\b[\w-]+\.(?:md|py)\b", text)
    assert [name for name in named if not (ROOT / name).exists()] == []


DOCUMENTS = [*PAGES[:2], *sorted((ROOT / "docs").rglob("*.md"))]
FOLDERS = [ROOT, ROOT / "src" / "regrow", ROOT / "src" / "regrow" / "behaviours"]
SOURCE_FILE = re.compile(r"(?:kernel|behaviours|ops|cli|testing|gen\w*|service|supervision|tests/\w+)/[\w/]+\.py")


@pytest.mark.parametrize("page", DOCUMENTS, ids=name_of)
def test_each_source_file_that_a_document_names_exists(page: Path) -> None:
    """A page names a file by its path from the repository, from the package, or from the behaviours."""
    named = {name for name in INLINE.findall(page.read_text(encoding="utf-8")) if SOURCE_FILE.fullmatch(name)}
    assert {name for name in named if not any((folder / name).is_file() for folder in FOLDERS)} == set()


def test_the_kernel_of_a_template_is_what_the_command_shows() -> None:
    """A report of a bug says which kernel ran, in the words of `regrow --version`."""
    source = (ROOT / "src" / "regrow" / "cli" / "command.py").read_text(encoding="utf-8")
    template = (ROOT / ".github" / "ISSUE_TEMPLATE" / "bug.md").read_text(encoding="utf-8")
    assert "'compiled'" in source
    assert "'pure Python'" in source
    assert "compiled, or pure Python" in template


def test_a_target_that_does_not_exist_is_found() -> None:
    page = "Run `make nothing`.\n\n```text\nmake neither   this\n```\n"
    assert re.findall(r"^(?:\$ )?make ([a-z-]+)", code(page), re.MULTILINE) == ["neither", "nothing"]
