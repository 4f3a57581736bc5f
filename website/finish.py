"""Finishes the built site: removes foreign addresses from its scripts, and internal paths from its pages.

    python -m website.finish build/website/site

The theme's script holds the addresses of libraries that it would load for mathematics, diagrams or a repository's
figures. No page of this site has these, so nothing is lost, and website/check.py can ask that no address remains.

A type in a signature has the path of its definition as its title, which a browser shows beside the pointer. The title
becomes the path at which users import the name; a name that they do not import has no title, and is not shown as the
base of a class: the page shows what the class inherits from it.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

from website import api
from website.check import ADDRESS, NAMESPACE

ROOT = Path(__file__).parents[1]
TITLE = re.compile(r' title="(?:[^"(]*\()?(?P<path>regrow\.[\w.]+)\)?"')
BASES = re.compile(r'<p class="doc doc-class-bases">\s*Bases: (?P<bases>.*?)</p>', re.DOTALL)
# A name without a title is internal: with_public_titles has removed it.
INTERNAL_BASE = re.compile(r"<code><span>\w+</span>.*?</code>(?:, )?", re.DOTALL)


def without_addresses(script: str) -> str:
    """Return a script with an empty text in the place of each foreign address."""
    return ADDRESS.sub(lambda found: found[0] if found[0].startswith(NAMESPACE) else "", script)


def with_public_titles(text: str, homes: dict[str, str]) -> str:
    """Return a page whose titles are public paths.

    Args:
        text: the HTML.
        homes: the public path of each name by the path of its definition.
    """
    public = set(homes.values())

    def title(found: re.Match[str]) -> str:
        path, rest = found["path"], ""
        while path:
            if path in public or path in homes:
                return f' title="{homes.get(path, path)}{rest}"'
            path, _, last = path.rpartition(".")
            rest = f".{last}{rest}"
        return ""

    return TITLE.sub(title, text)


def without_internal_bases(text: str) -> str:
    """Return a page, whose titles are public paths, without the bases that users do not import."""

    def shown(found: re.Match[str]) -> str:
        bases = INTERNAL_BASE.sub("", found["bases"]).strip().removesuffix(",")
        return f'<p class="doc doc-class-bases">Bases: {bases}</p>' if bases else ""

    return BASES.sub(shown, text)


def main(arguments: list[str]) -> int:
    """Rewrite the scripts and the pages of the site in a folder."""
    site = Path(arguments[0])
    homes = api.public_paths(ROOT)
    for path in site.rglob("*.js"):
        path.write_text(without_addresses(path.read_text(encoding="utf-8")), encoding="utf-8")
    for path in (site / "api").glob("*.html"):
        text = with_public_titles(path.read_text(encoding="utf-8"), homes)
        path.write_text(without_internal_bases(text), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
