"""Removes the foreign addresses from the scripts of the built site.

    python -m website.local build/website/site

The theme's script holds the addresses of libraries that it would load for mathematics, diagrams or a repository's
figures. No page of this site has these, so nothing is lost, and website/check.py can ask that no address remains.
"""

from __future__ import annotations

import sys
from pathlib import Path

from website.check import ADDRESS, NAMESPACE


def without_addresses(script: str) -> str:
    """Return a script with an empty text in the place of each foreign address."""
    return ADDRESS.sub(lambda found: found[0] if found[0].startswith(NAMESPACE) else "", script)


def main(arguments: list[str]) -> int:
    """Rewrite the scripts of the site in a folder."""
    for path in Path(arguments[0]).rglob("*.js"):
        path.write_text(without_addresses(path.read_text(encoding="utf-8")), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
