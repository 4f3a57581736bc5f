"""Lists of options in docstrings, as Markdown."""

from __future__ import annotations

import re

# Lines such as "    named: register it", right below an introduction that ends with a colon.
OPTIONS = re.compile(r"^(?P<intro>(?!\w+:$)\S.*:\n)(?P<items>(?: {4}[\w, ]+: .*\n?(?: {5,}\S.*\n?)*)+)", re.MULTILINE)
OPTION = re.compile(r"^ {4}(?P<names>[\w, ]+): ", re.MULTILINE)


def with_lists(docstring: str) -> str:
    """Return a docstring whose options are Markdown lists; sections such as `Args:` stay as they are."""
    return OPTIONS.sub(listed, docstring)


def listed(found: re.Match[str]) -> str:
    """Return an introduction and its options as a Markdown list."""
    return f"{found['intro']}\n{OPTION.sub(item, found['items'])}"


def item(found: re.Match[str]) -> str:
    """Return the beginning of an item of the list."""
    return f"- {', '.join(f'`{name}`' for name in found['names'].split(', '))}: "
