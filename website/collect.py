"""Collects the pages of the site in build/website, with links that hold there, and writes the navigation.

    README.md, docs/lesson.md …    -->    build/website/pages/index.md, lesson.md …
    website/zensical.toml          -->    build/website/zensical.toml, with the navigation

The pages are written to be read beside the source, too: in an editor, or on the repository's own pages. So their links
name files of the repository. A link to a file that has a page leads to the page; a link to another file of the
repository becomes plain text; a link to a file that does not exist is an error.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import TypeAlias

from website import api
from website.reference import linked

ROOT = Path(__file__).parents[1]
TARGET = ROOT / "build" / "website"

# Pages that are not in docs, by their paths in the repository.
ELSEWHERE = {
    "README.md": "index.md",
    "CHANGELOG.md": "changelog.md",
    "CONTRIBUTING.md": "contributing.md",
    "LICENSE": "license.md",
    "docs/decisions/README.md": "decisions/index.md",
    "examples/silly_worker/README.md": "examples/silly_worker.md",
    "examples/shop/README.md": "examples/shop.md",
}
# The first guides, in the order in which they are read; further pages of docs follow in the order of their names.
GUIDES = [
    "service.md",
    "web.md",
    "queue.md",
    "queue_guarantees.md",
    "cron.md",
    "telemetry.md",
    "testing.md",
    "command.md",
    "coming_from_elixir.md",
    "coming-from-celery-huey-oban.md",
    "coming-from-apscheduler-celery-beat-quantum.md",
]
# Pages of docs that are no guides.
OTHERS = {"lesson.md", "reference.md", "benchmarks.md"}

# Pages whose tables need the place of the navigation. The tabs lead to the other pages.
WIDE = {"benchmarks.md", "coming-from-celery-huey-oban.md", "coming-from-apscheduler-celery-beat-quantum.md"}
ALONE = "---\nhide:\n  - navigation\n---\n\n"

# An entry of the navigation: a page, or a title with a page or with the entries of a section.
Entry: TypeAlias = "str | Mapping[str, str | Sequence[Entry]]"

HIDDEN = re.compile(r"<!--.*?-->\n*", re.DOTALL)
LINK = re.compile(r"(?P<code>(`+)[^`].*?\2)|(?P<picture>!?)\[(?P<text>[^\]]*)\]\((?P<target>[^)\s]+)\)", re.DOTALL)
ROW = re.compile(r"^\|.*$", re.MULTILINE)
CODE = re.compile(r"(`+)[^`].*?\1")
FENCE = re.compile(r"^(?P<indent> *)(?P<ticks>`{3,}).*?^(?P=indent)(?P=ticks)$\n?", re.DOTALL | re.MULTILINE)


class BadLink(Exception):
    """A link to a file that does not exist."""


def sources(root: Path) -> dict[str, str]:
    """Return the page of each file that has one, both as paths: {"docs/web.md": "web.md"}."""
    docs = {
        path.relative_to(root).as_posix(): path.relative_to(root / "docs").as_posix()
        for path in sorted((root / "docs").rglob("*"))
        if path.is_file()
    }
    return {**docs, **ELSEWHERE}


def rewrite(text: str, source: str, root: Path, pages: dict[str, str]) -> str:
    """Return a page's text with links that hold in the site, and without comments.

    Args:
        text: the Markdown.
        source: the path of its file in the repository.
        root: the folder of the repository.
        pages: the page of each file that has one, as `sources` returns them.

    Raises:
        BadLink: a link leads to a file that does not exist.
    """

    def link(found: re.Match[str]) -> str:
        target = found["target"]
        if found["code"] or target.startswith(("#", "mailto:")) or "://" in target:
            return found[0]
        path, mark, anchor = target.partition("#")
        file = normal(PurePosixPath(source).parent / path)
        page = pages.get(file) or pages.get(f"{file}/README.md")
        if page is not None:
            there = relative(page, pages[source])
            return f"{found['picture']}[{found['text']}]({there}{mark}{anchor})"
        if not found["picture"] and (root / file).exists():
            text = found["text"]
            return f"`{text}`" if re.fullmatch(r"[\w.-]*[./][\w./-]*", text) else text  # a path stays code
        raise BadLink(f"{source}: [{found['text']}]({target}) leads to {file}, which does not exist")

    def prose(part: str) -> str:
        # In a table, Markdown's dialects agree on a bar outside code alone.
        rows = ROW.sub(lambda row: CODE.sub(lambda code: code[0].replace("\\|", "|"), row[0]), part)
        return LINK.sub(link, HIDDEN.sub("", rows))

    return "".join(part if fenced else prose(part) for part, fenced in parts(text))


def parts(text: str) -> Iterator[tuple[str, bool]]:
    """Yield the parts of a Markdown text, each with whether it is a fenced block."""
    at = 0
    for block in FENCE.finditer(text):
        yield text[at : block.start()], False
        yield block[0], True
        at = block.end()
    yield text[at:], False


def normal(path: PurePosixPath) -> str:
    """Return a path of the repository without `..`: docs/../LICENSE is LICENSE."""
    return os.path.normpath(path).replace(os.sep, "/")


def relative(page: str, origin: str) -> str:
    """Return the path from one page of the site to another."""
    return os.path.relpath(page, PurePosixPath(origin).parent).replace(os.sep, "/")


def title(text: str) -> str:
    """Return the first heading of a page."""
    found = re.search(r"^# (.+)$", text, re.MULTILINE)
    if found is None:
        raise ValueError(f"no heading in a page that begins with {text[:40]!r}")
    return found[1].replace("`", "")


def navigation(titles: dict[str, str], described: Mapping[str, str]) -> list[Entry]:
    """Return the tabs of the site with their pages.

    Args:
        titles: of the pages, by path.
        described: the titles of the pages that the docstrings make, by path.
    """
    guides = [page for page in GUIDES if page in titles]
    further = sorted(titles.keys() - {*GUIDES, *OTHERS, *ELSEWHERE.values()})

    def entry(page: str) -> Entry:
        return {titles[page]: page}

    return [
        {"Home": "index.md"},
        {"Tutorial": "lesson.md"},
        {
            "Guides": [
                *(entry(page) for page in [*guides, *further] if "/" not in page),
                {"An example: silly_worker": "examples/silly_worker.md"},
                {"An example: a shop that loses no order": "examples/shop.md"},
            ]
        },
        {"Reference": [entry("reference.md"), *({name: page} for page, name in described.items())]},
        {
            "Decisions": [
                "decisions/index.md",
                *({numbered(page, titles): page} for page in further if page.startswith("decisions/")),
            ]
        },
        {"Benchmarks": "benchmarks.md"},
        {"Changelog": "changelog.md"},
        {
            "Contributing": [
                entry("contributing.md"),
                *(entry(page) for page in further if "/" in page and not page.startswith("decisions/")),
                {"License": "license.md"},
            ]
        },
    ]


def numbered(page: str, titles: dict[str, str]) -> str:
    """Return the title of a decision, with its number in front."""
    number = PurePosixPath(page).name.partition("-")[0]
    return titles[page] if titles[page].startswith(number) else f"{number} {titles[page]}"


def toml(value: Entry | Sequence[Entry]) -> str:
    """Return a value of the navigation as TOML."""
    match value:
        case str():
            return json.dumps(value, ensure_ascii=False)
        case Mapping():
            return "{ " + ", ".join(f"{toml(key)} = {toml(entry)}" for key, entry in value.items()) + " }"
        case _:
            return "[" + ", ".join(toml(entry) for entry in value) + "]"


def collect(root: Path, target: Path) -> None:
    """Write all pages and the settings of the site into a folder, which is made anew."""
    shutil.rmtree(target, ignore_errors=True)
    pages = sources(root)
    interface = api.read(root)
    described = interface.pages()
    titles: dict[str, str] = {}
    for source, page in pages.items():
        path = target / "pages" / page
        path.parent.mkdir(parents=True, exist_ok=True)
        if not page.endswith(".md"):
            shutil.copy(root / source, path)
            continue
        text = (root / source).read_text(encoding="utf-8")
        text = rewrite(text, source, root, pages) if source.endswith(".md") else f"# License\n\n```text\n{text}```\n"
        if page == "reference.md":
            text = linked(text, interface)
        titles[page] = title(text)
        path.write_text(ALONE + text if page in WIDE else text, encoding="utf-8")
    for page, (_, text) in described.items():
        path = target / "pages" / page
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    shutil.copy(root / "website" / "style.css", target / "pages" / "style.css")
    settings = (root / "website" / "zensical.toml").read_text(encoding="utf-8")
    entries = toml(navigation(titles, {page: name for page, (name, _) in described.items()}))
    assert "\nnav = []\n" in settings
    (target / "zensical.toml").write_text(settings.replace("\nnav = []\n", f"\nnav = {entries}\n"), encoding="utf-8")


def main() -> int:
    """Collect the pages of this repository; a wrong link is printed, and gives exit code 1."""
    try:
        collect(ROOT, TARGET)
    except BadLink as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
