"""The check of the built site finds broken references, foreign addresses and Markdown that was not read."""

from __future__ import annotations

from pathlib import Path

import pytest

from website.check import main, problems

GOOD = """<!doctype html><html><head>
<link rel="stylesheet" href="style.css"><link rel="canonical" href="https://example.org/">
<style>p { background: url(picture.svg) }</style></head>
<body><h1 id="top">A title</h1>
<p>One <code>**two**</code> <a href="#top">up</a> <a href="other.html#there">other</a> <a href="https://example.org">out</a>
<img src="picture.svg"> a * b * c</p>
<pre>- one
- two</pre>
<a href="sub/">sub</a></body></html>
"""


@pytest.fixture
def site(tmp_path: Path) -> Path:
    """A site without problems."""
    for name, text in {
        "index.html": GOOD,
        "other.html": '<p id="there">text</p><a href="index.html">back</a>',
        "sub/index.html": '<a href="../index.html#top">back</a><a href="/other.html">other</a>',
        "style.css": "@import 'more.css'; p { mask: url('picture.svg') }",
        "more.css": "p { mask: url(data:image/svg+xml;xyz) }",
        "picture.svg": '<svg xmlns="http://www.w3.org/2000/svg"/>',
        "script.js": 'createElementNS("http://www.w3.org/2000/svg")',
    }.items():
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return tmp_path


def test_a_good_site_has_no_problem(site: Path) -> None:
    assert list(problems(site)) == []
    assert main([str(site)]) == 0


def test_a_folder_without_a_page_is_a_problem(tmp_path: Path) -> None:
    assert main([str(tmp_path)]) == 1


@pytest.mark.parametrize(
    ("name", "text", "problem"),
    [
        ("a.html", '<a href="nowhere.html">x</a>', "a.html:1: nowhere.html leads to no file"),
        ("a.html", '\n<img src="nowhere.svg">', "a.html:2: nowhere.svg leads to no file"),
        ("a.html", '<a href="other.html#where">x</a>', "a.html:1: other.html#where leads to no anchor"),
        ("a.html", '<a href="#where">x</a>', "a.html:1: #where leads to no anchor"),
        ("a.html", '<script src="https://example.org/x.js">', "a.html:1: loads https://example.org/x.js"),
        ("a.html", '<img src="//example.org/x.png">', "a.html:1: loads //example.org/x.png"),
        ("a.html", '<link rel="preconnect" href="https://a.b">', "a.html:1: loads https://a.b"),
        ("a.html", "<style>@import 'https://a.b/c.css'</style>", "a.html: loads https://a.b/c.css"),
        ("a.html", '<p style="mask: url(https://a.b/c)">x</p>', "a.html: loads https://a.b/c"),
        ("a.css", 'p { mask: url( "https://a.b/c.svg") }', "a.css: loads https://a.b/c.svg"),
        ("a.js", 'load("https://a.b/c.js")', "a.js: loads https://a.b/c.js"),
        ("a.svg", '<svg><image href="https://a.b/c.png"/></svg>', "a.svg: loads https://a.b/c.png"),
        ("a.svg", "<svg><style>@font-face { src: url(https://a.b/c) }</style></svg>", "a.svg: loads https://a.b/c"),
        ("api/a.html", "<p>of regrow.kernel.pid</p>", "api/a.html: names regrow.kernel.pid, which is internal"),
        ("a.html", "<p>See **that</p>", "a.html:1: unread Markdown: '**t' in 'See **that'"),
        ("a.html", "<p>Two:\n- one\n- two</p>", "unread Markdown"),
        ("a.html", "<p>| a | b |</p>", "unread Markdown"),
        ("a.html", "<p>[a](b.md)</p>", "unread Markdown"),
    ],
)
def test_a_problem_is_found(site: Path, name: str, text: str, problem: str) -> None:
    (site / name).parent.mkdir(exist_ok=True)
    (site / name).write_text(text, encoding="utf-8")
    (found,) = problems(site)
    assert problem in found
    assert main([str(site)]) == 1
