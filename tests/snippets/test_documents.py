"""Every snippet of README, docs and examples runs, and gives the result that the document shows."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.snippets.document import FILE, Document
from tests.snippets.markdown import snippets, unexplained

ROOT = Path(__file__).parents[2]
DOCUMENTS = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("examples/**/*.md")])
NAMES = [str(path.relative_to(ROOT)) for path in DOCUMENTS]


def text_of(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


@pytest.mark.timeout(240)  # a guide runs a dozen commands, each of which starts a Python
@pytest.mark.parametrize("name", NAMES)
def test_document_gives_the_results_that_it_shows(name: str, tmp_path: Path) -> None:
    Document(tmp_path).run(list(snippets(name, text_of(name))))


@pytest.mark.parametrize("name", NAMES)
def test_every_snippet_is_run_or_has_a_reason(name: str) -> None:
    problems = unexplained(list(snippets(name, text_of(name))))
    assert not problems, "\n".join(problems)


def test_documents_are_found() -> None:
    assert {"README.md", "docs/lesson.md", "docs/reference.md"} <= set(NAMES)


def test_the_lesson_writes_the_files_of_the_example() -> None:
    """The files that the lesson writes equal the files of the example."""
    source = ROOT / "examples" / "silly_worker"
    written = {
        named["path"]: snippet.text[named.end() :]
        for snippet in snippets("docs/lesson.md", text_of("docs/lesson.md"))
        if snippet.language == "python" and (named := FILE.match(snippet.text))
    }
    assert written
    assert written == {path: (source / path).read_text(encoding="utf-8") for path in written}
