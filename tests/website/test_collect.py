"""The pages of the site are those of the repository, with links that hold in the site."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest

from website.collect import BadLink, collect, rewrite, sources

ROOT = Path(__file__).parents[2]


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """A repository with a page of each kind."""
    for name, text in {
        "README.md": "# regrow\n\nSee [the lesson](docs/lesson.md).\n",
        "CHANGELOG.md": "# Changelog\n",
        "CONTRIBUTING.md": "# Contributing\n",
        "LICENSE": "Apache License\n",
        "docs/lesson.md": "# A lesson\n",
        "docs/reference.md": "# Reference\n",
        "docs/benchmarks.md": "# Benchmarks\n\n![speed](benchmarks.svg)\n",
        "docs/benchmarks.svg": "<svg/>",
        "docs/web.md": "# In `regrow`\n",
        "docs/unknown_guide.md": "# A guide\n",
        "docs/tour/message.md": "# The journey of a message\n",
        "docs/decisions/README.md": "# Decisions\n\n[1](0001-tools.md)\n",
        "docs/decisions/0001-tools.md": "# 0001: Tools\n\nSee [the guide](../web.md#start).\n",
        "examples/silly_worker/README.md": "# silly_worker\n",
        "examples/shop/README.md": "# shop\n",
        "src/regrow/__init__.py": "",
        "src/regrow/process.py": "__all__ = ['spawn']\n",
        "src/regrow/inside.py": "spawn = 1\n",
        "website/style.css": "",
        "website/zensical.toml": "[project]\nsite_name = 'regrow'\nnav = []\n",
    }.items():
        path = tmp_path / "repository" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return tmp_path / "repository"


PAGES = {"README.md": "index.md", "docs/web.md": "web.md", "docs/decisions/README.md": "decisions/index.md"}


@pytest.mark.parametrize(
    ("source", "text", "expected"),
    [
        ("README.md", "[a](docs/web.md)", "[a](web.md)"),
        ("README.md", "[a](docs/web.md#start)", "[a](web.md#start)"),
        ("README.md", "[a](docs/decisions)", "[a](decisions/index.md)"),
        ("docs/decisions/README.md", "[a](../web.md)", "[a](../web.md)"),
        ("docs/web.md", "[a](../README.md)", "[a](index.md)"),
        ("docs/web.md", "[a](#start)", "[a](#start)"),
        ("docs/web.md", "[a](https://example.org/x.md)", "[a](https://example.org/x.md)"),
        ("docs/web.md", "the [source](../src/regrow/process.py)", "the source"),
        ("docs/web.md", "[src/regrow](../src/regrow)", "`src/regrow`"),
        ("docs/web.md", "[`pid`](../src/regrow)", "`pid`"),
        ("docs/web.md", "`[a](nowhere.md)`", "`[a](nowhere.md)`"),
        ("docs/web.md", "```text\n[a](nowhere.md)\n<!-- b -->\n```\n", "```text\n[a](nowhere.md)\n<!-- b -->\n```\n"),
        ("docs/web.md", "| `a\\|b` | c\\|d |", "| `a|b` | c\\|d |"),
        ("docs/web.md", "`a\\|b` stays", "`a\\|b` stays"),
        ("docs/web.md", "one\n\n<!-- not run: it waits -->\n\ntwo\n", "one\n\ntwo\n"),
    ],
)
def test_link_leads_to_the_page_of_its_file(repository: Path, source: str, text: str, expected: str) -> None:
    assert rewrite(text, source, repository, PAGES) == expected


@pytest.mark.parametrize("text", ["[a](nowhere.md)", "![a](nowhere.svg)", "![a](../src/regrow/process.py)"])
def test_link_to_a_missing_file_is_an_error(repository: Path, text: str) -> None:
    with pytest.raises(BadLink, match=r"^docs/web\.md: "):
        rewrite(text, "docs/web.md", repository, PAGES)


def collected(repository: Path, tmp_path: Path) -> dict[str, Any]:
    """Collect the site, and return its settings."""
    collect(repository, tmp_path / "site")
    return dict(tomllib.loads((tmp_path / "site" / "zensical.toml").read_text(encoding="utf-8"))["project"])


def test_every_page_stands_in_the_navigation(repository: Path, tmp_path: Path) -> None:
    found = set(re.findall(r"[\w/-]+\.md", str(collected(repository, tmp_path)["nav"])))
    folder = tmp_path / "site" / "pages"
    assert found == {path.relative_to(folder).as_posix() for path in folder.rglob("*.md")}
    assert {"unknown_guide.md", "tour/message.md", "api/process.md", "license.md", "decisions/0001-tools.md"} <= found


def test_tabs_stand_in_the_order_of_reading(repository: Path, tmp_path: Path) -> None:
    tabs = [next(iter(entry)) for entry in collected(repository, tmp_path)["nav"]]
    assert tabs == [
        "Home",
        "Tutorial",
        "Guides",
        "Reference",
        "Decisions",
        "Benchmarks",
        "Changelog",
        "Contributing",
    ]


def test_pictures_are_copied(repository: Path, tmp_path: Path) -> None:
    collect(repository, tmp_path / "site")
    assert (tmp_path / "site" / "pages" / "benchmarks.svg").read_text(encoding="utf-8") == "<svg/>"


def test_every_link_of_this_repository_leads_to_a_file(tmp_path: Path) -> None:
    collect(ROOT, tmp_path / "site")
    assert len(list((tmp_path / "site" / "pages").rglob("*.md"))) > len(sources(ROOT)) / 2


def test_pages_with_wide_tables_hide_the_navigation(repository: Path, tmp_path: Path) -> None:
    collect(repository, tmp_path / "site")
    pages = tmp_path / "site" / "pages"
    assert (pages / "benchmarks.md").read_text(encoding="utf-8").startswith("---\nhide:\n  - navigation\n---\n")
    assert (pages / "web.md").read_text(encoding="utf-8").startswith("# ")
