"""The finished site has no foreign address in its scripts, and no internal path in its pages."""

from __future__ import annotations

import pytest

from website.finish import with_public_titles, without_addresses, without_internal_bases

HOMES = {"regrow.kernel.pid.Pid": "regrow.Pid", "regrow.behaviours.task.Task": "regrow.Task"}


def test_scripts_lose_foreign_addresses_and_keep_names_of_formats() -> None:
    script = 'load("https://a.b/c.js");create("http://www.w3.org/2000/svg")'
    assert without_addresses(script) == 'load("");create("http://www.w3.org/2000/svg")'


@pytest.mark.parametrize(
    ("title", "expected"),
    [
        ("regrow.kernel.pid.Pid", "regrow.Pid"),
        ("Pid (regrow.kernel.pid.Pid)", "regrow.Pid"),
        ("  class  Task.start (regrow.behaviours.task.Task.start)", "regrow.Task.start"),
        ("regrow.Pid", "regrow.Pid"),
    ],
)
def test_title_is_the_path_to_import(title: str, expected: str) -> None:
    assert with_public_titles(f'<a title="{title}" href="#x">', HOMES) == f'<a title="{expected}" href="#x">'


def test_name_that_users_do_not_import_has_no_title() -> None:
    assert with_public_titles('<span title="regrow.kernel.links.Edge">Edge</span>', HOMES) == "<span>Edge</span>"


@pytest.mark.parametrize(
    ("bases", "expected"),
    [
        ("<code><span>Functions</span></code>", ""),
        ("<code><span>Functions</span>[<span>T</span>]</code>", ""),
        (
            '<code><span title="Exception">Exception</span></code>, <code><span>Functions</span></code>',
            '<p class="doc doc-class-bases">Bases: <code><span title="Exception">Exception</span></code></p>',
        ),
    ],
)
def test_bases_that_users_do_not_import_are_not_shown(bases: str, expected: str) -> None:
    assert without_internal_bases(f'<p class="doc doc-class-bases">\n  Bases: {bases}</p>') == expected


def test_other_titles_stay() -> None:
    assert with_public_titles('<a title="Copy">', HOMES) == '<a title="Copy">'
