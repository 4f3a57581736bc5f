"""The runner of documents accepts correct documents and finds wrong ones."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.snippets.document import Document, SnippetFailed
from tests.snippets.markdown import snippets, unexplained


def run(tmp_path: Path, text: str) -> None:
    """Run a document as the tests run those of regrow."""
    Document(tmp_path).run(list(snippets("page.md", text)))


def test_statements_and_sessions_share_their_names(tmp_path: Path) -> None:
    run(
        tmp_path,
        "```python\nfrom regrow import process\npid = process.current()\n```\n\n```pycon\n>>> pid\n<0.2.0>\n```\n",
    )


def test_a_session_awaits_and_its_time_is_virtual(tmp_path: Path) -> None:
    run(tmp_path, "```pycon\n>>> from regrow import process\n>>> await process.sleep(3600.0)\n>>> 1 + 1\n2\n```\n")


def test_a_link_ends_the_process_of_the_prompt_and_a_new_one_replaces_it(tmp_path: Path) -> None:
    crash = ">>> from regrow import Exit, process\n>>> async def crash():\n...     await process.sleep(0.5)\n...     raise Exit('bad')\n>>> pid = process.spawn_link(crash)\n"
    ended = (
        ">>> await process.sleep(1.0)\n** the shell's process <0.2.0> has ended: 'bad'. <0.4.0> has taken its place\n"
    )
    run(tmp_path, f"```pycon\n{crash}{ended}>>> process.current()\n<0.4.0>\n```\n")


def test_time_does_not_pass_between_two_entries(tmp_path: Path) -> None:
    timer = ">>> from regrow import process\n>>> timer = process.send_after('nobody', 'tick', 1.0)\n"
    run(tmp_path, f"```pycon\n{timer}```\n\nSome words.\n\n```pycon\n>>> process.read_timer(timer)\n1.0\n```\n")


def test_a_wrong_output_fails_at_its_line(tmp_path: Path) -> None:
    with pytest.raises(SnippetFailed, match=r"page\.md:3: the result differs"):
        run(tmp_path, "```pycon\n>>> one = 1\n>>> one\n2\n```\n")


def test_an_output_that_is_left_out_fails(tmp_path: Path) -> None:
    with pytest.raises(SnippetFailed, match=r"page\.md:2"):
        run(tmp_path, "```pycon\n>>> 1\n```\n")


def test_a_session_that_raises_fails(tmp_path: Path) -> None:
    with pytest.raises(SnippetFailed, match="ZeroDivisionError"):
        run(tmp_path, "```pycon\n>>> 1 / 0\n```\n")


def test_a_session_may_show_an_exception(tmp_path: Path) -> None:
    run(
        tmp_path,
        "```pycon\n>>> 1 / 0\nTraceback (most recent call last):\n  ...\nZeroDivisionError: division by zero\n```\n",
    )


def test_another_exception_than_the_one_shown_fails(tmp_path: Path) -> None:
    with pytest.raises(SnippetFailed, match="division"):
        run(tmp_path, "```pycon\n>>> 1 / 0\nTraceback (most recent call last):\n  ...\nValueError: no\n```\n")


def test_statements_that_raise_fail(tmp_path: Path) -> None:
    with pytest.raises(SnippetFailed, match="NameError"):
        run(tmp_path, "```python\nnobody\n```\n")


def test_a_named_file_is_written_and_run_by_a_command(tmp_path: Path) -> None:
    run(
        tmp_path,
        "```python\n# some/hello.py\nprint('hello')\n```\n\n```console\n$ cd some\n$ python hello.py\nhello\n```\n",
    )


def test_a_command_with_another_output_fails(tmp_path: Path) -> None:
    with pytest.raises(SnippetFailed, match=r"page\.md:2"):
        run(tmp_path, "```console\n$ python -c 'print(1)'\n2\n```\n")


@pytest.mark.parametrize(
    ("shown", "printed"),
    [
        ("14:03:27.118 [info] up", "09:59:00.001 [info] up"),
        ("==== 3 passed in 0.41s ====", "======== 3 passed in 75.20s (0:01:15) ======"),
    ],
)
def test_a_command_may_show_the_times_of_another_run(tmp_path: Path, shown: str, printed: str) -> None:
    run(tmp_path, f"```console\n$ python -c \"print('{printed}')\"\n{shown}\n```\n")


def test_a_command_shows_the_level_beside_the_time(tmp_path: Path) -> None:
    with pytest.raises(SnippetFailed, match=r"\[error\] up"):
        run(tmp_path, "```console\n$ python -c \"print('09:59:00.001 [error] up')\"\n14:03:27.118 [info] up\n```\n")


def test_a_forbidden_command_fails(tmp_path: Path) -> None:
    with pytest.raises(SnippetFailed, match="may run"):
        run(tmp_path, "```console\n$ make demo\n```\n")


def test_a_block_with_a_reason_is_not_run(tmp_path: Path) -> None:
    run(tmp_path, "<!-- not run: it takes a day -->\n\n```python\nnobody\n```\n")


def test_a_reason_applies_only_to_the_next_block(tmp_path: Path) -> None:
    with pytest.raises(SnippetFailed, match=r"page\.md:6"):
        run(tmp_path, "<!-- not run: it takes a day -->\n```python\n```\n\n```python\nnobody\n```\n")


def test_a_block_without_a_language_is_found() -> None:
    assert unexplained(list(snippets("page.md", "```\nnobody\n```\n"))) != []


def test_a_session_that_is_marked_as_text_is_found() -> None:
    assert unexplained(list(snippets("page.md", "```text\n>>> nobody\n```\n"))) != []


def test_a_block_that_is_never_closed_is_found() -> None:
    with pytest.raises(ValueError, match="never closed"):
        list(snippets("page.md", "```python\nnobody\n"))
