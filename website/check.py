"""Checks the built site: each link, picture and anchor leads somewhere, and no page loads anything from elsewhere.

    python -m website.check build/website/site

zensical checks the links of the pages' Markdown. This module reads the result, as a browser does: also what the theme
and the docstrings have added.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

# What a browser loads by itself, as element and attribute. A link waits for a click.
LOADED = {
    ("audio", "src"),
    ("embed", "src"),
    ("iframe", "src"),
    ("image", "href"),
    ("img", "src"),
    ("input", "src"),
    ("link", "href"),
    ("object", "data"),
    ("script", "src"),
    ("source", "src"),
    ("source", "srcset"),
    ("track", "src"),
    ("use", "href"),
    ("video", "poster"),
    ("video", "src"),
}
FOREIGN = re.compile(r"^(\w+:)?//|^https?:")
STYLE_LOAD = re.compile(r"""(?:url\(\s*["']?|@import\s+["'])(?P<address>[^"')]+)""")
ADDRESS = re.compile(r"""https?://[^\s"'`<>\\)]+""")
# A folder of the package, which users do not import from. The pages of the public modules do not name it.
INTERNAL = re.compile(r"\bregrow\.(?:behaviours|cli|kernel|ops)\b[\w.]*")
# Names of XML's formats look like addresses; nothing loads them.
NAMESPACE = "http://www.w3.org/"
# Elements without a closing tag.
VOID = {"area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "track", "wbr"}
# Elements whose text is not prose.
CODE = {"code", "pre", "script", "style", "svg", "title"}
# Markdown that stays visible because it was written differently from what the site's Markdown understands.
UNREAD = re.compile(r"\*\*\w|\]\(|```|^\s*(?:[-*]|\d+\.) \w.*\n\s*(?:[-*]|\d+\.) |^\s*\|.*\|\s*$|:::", re.MULTILINE)


class Page(HTMLParser):
    """The anchors and the references of one page.

    Attributes:
        anchors: the names to which a link can lead.
        links: the targets of the links, each with its line.
        loads: the addresses that a browser loads by itself, each with its line.
        styles: the style sheets inside the page.
        prose: the paragraphs, each with its line; code is left out.
    """

    def __init__(self, text: str) -> None:
        super().__init__()
        self.anchors: set[str] = set()
        self.links: list[tuple[int, str]] = []
        self.loads: list[tuple[int, str]] = []
        self.styles: list[str] = []
        self.prose: list[tuple[int, str]] = []
        self.open: list[str] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Record the anchor, the link and the address of an element."""
        if tag not in VOID:
            self.open.append(tag)
        line = self.getpos()[0]
        if tag == "p":
            self.prose.append((line, ""))
        for name, given in attrs:
            value = given or ""
            if name == "id" or (tag, name) == ("a", "name"):
                self.anchors.add(value)
            elif name == "style":
                self.styles.append(value)
            elif (tag, name) == ("a", "href"):
                self.links.append((line, value))
            elif (tag, name) in LOADED and ("rel", "canonical") not in attrs:
                self.loads.append((line, value))

    def handle_endtag(self, tag: str) -> None:
        """Leave an element, and those inside it whose end HTML lets one omit."""
        if tag in self.open:
            while self.open.pop() != tag:
                pass

    def handle_data(self, data: str) -> None:
        """Record the text of a paragraph or of a style sheet."""
        if self.open[-1:] == ["style"]:
            self.styles.append(data)
        elif "p" in self.open and CODE.isdisjoint(self.open):
            line, before = self.prose[-1]
            self.prose[-1] = (line, before + data)


def problems(site: Path) -> Iterator[str]:
    """Yield what is wrong with a built site, each with its file and line."""
    pages = {path: Page(path.read_text(encoding="utf-8")) for path in sorted(site.rglob("*.html"))}
    if not pages:
        yield f"{site}: no page"
    for path in pages:
        where = path.relative_to(site).as_posix()
        yield from (f"{where}:{fault}" for fault in page_problems(site, path, pages))
        if where.startswith("api/"):
            internal = set(INTERNAL.findall(path.read_text(encoding="utf-8")))
            yield from (f"{where}: names {name}, which is internal" for name in sorted(internal))
    for path in sorted(site.rglob("*")):
        where = path.relative_to(site).as_posix()
        if path.suffix in {".css", ".js", ".svg"}:
            text = path.read_text(encoding="utf-8")
            yield from (f"{where}: loads {address}" for address in file_loads(path.suffix, text))


def page_problems(site: Path, path: Path, pages: dict[Path, Page]) -> Iterator[str]:
    """Yield what is wrong with one page, each with its line in front."""
    page = pages[path]
    for line, target in page.loads:
        if FOREIGN.match(target):
            yield f"{line}: loads {target}"
    for line, target in page.links + [load for load in page.loads if not FOREIGN.match(load[1])]:
        yield from (f"{line}: {fault}" for fault in broken(site, path, target, pages))
    for text in page.styles:
        yield from (f" loads {address}" for address in style_loads(text))
    for line, text in page.prose:
        if found := UNREAD.search(text):
            yield f"{line}: unread Markdown: {found[0].strip()!r} in {text.strip()[:60]!r}"


def file_loads(suffix: str, text: str) -> Iterator[str]:
    """Yield the foreign addresses that a style sheet, a script or a drawing may load."""
    if suffix == ".css":
        yield from style_loads(text)
    elif suffix == ".js":
        yield from (address for address in ADDRESS.findall(text) if not address.startswith(NAMESPACE))
    else:
        drawing = Page(text)
        yield from (target for _, target in drawing.loads if FOREIGN.match(target))
        yield from (address for style in drawing.styles for address in style_loads(style))


def broken(site: Path, origin: Path, target: str, pages: dict[Path, Page]) -> Iterator[str]:
    """Yield what is wrong with a reference from a page: a missing file, or a missing anchor in it."""
    parts = urlsplit(target)
    if parts.scheme or parts.netloc:
        return
    base = site if parts.path.startswith("/") else origin.parent
    file = (base / unquote(parts.path).lstrip("/")).resolve() if parts.path else origin
    if file.is_dir():
        file /= "index.html"
    if not file.is_file():
        yield f"{target} leads to no file"
    elif parts.fragment and file in pages and unquote(parts.fragment) not in pages[file].anchors:
        yield f"{target} leads to no anchor"


def style_loads(text: str) -> Iterator[str]:
    """Yield the foreign addresses that a style sheet loads."""
    for found in STYLE_LOAD.finditer(text):
        if FOREIGN.match(found["address"]):
            yield found["address"]


def main(arguments: list[str]) -> int:
    """Print the problems of a built site; the exit code is 1 if there are any."""
    found = list(problems(Path(arguments[0]).resolve()))
    for problem in found:
        print(problem, file=sys.stderr)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
