"""The rules of prose find the patterns to avoid, in the parts to which they apply."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.architecture import prose
from tests.architecture.source import Package


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the folder for a test's package; the rules apply to all of its modules."""
    monkeypatch.setattr(prose, "NOT_YET", ())
    return tmp_path / "house"


def write(folder: Path, source: str, name: str = "kernel/pid.py") -> Package:
    """Write a package that has this one module."""
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(source, encoding="utf-8")
    return Package(folder)


@pytest.mark.parametrize(
    "docstring",
    ["The same, monitored.", "The same as `spawn`, but linked.", "As `get`.", "As of `get`.", "Its own pid.", "Wait."],
)
def test_a_docstring_that_leans_on_its_neighbour_is_found(folder: Path, docstring: str) -> None:
    assert prose.docstrings_stand_alone(write(folder, f'def f():\n    """{docstring}"""\n'))
    assert prose.docstrings_stand_alone(write(folder, f'class F:\n    """{docstring}"""\n'))


@pytest.mark.parametrize(
    "source",
    [
        'def f():\n    """Start a process and monitor it."""\n',
        'def f():\n    """As soon as a child ends, start it again."""\n',
        'def _private():\n    """The same, monitored."""\n',
        'def f():\n    """Return a function that waits."""\n    def inner():\n        """Waits."""\n',
        "def f():\n    pass\n",
    ],
)
def test_a_docstring_that_stands_alone_is_allowed(folder: Path, source: str) -> None:
    assert not prose.docstrings_stand_alone(write(folder, source))


@pytest.mark.parametrize(
    "docstring",
    [
        "With what a task ends whose function has raised.",
        "What to start and how to stop it.",
        "Which task is done, and how.",
        "Whom to send to.",
        "How a child ends.",
        "To whom it goes.",
    ],
)
@pytest.mark.parametrize("name", ["f", "_f"])
def test_a_relative_clause_as_a_docstring_is_found(folder: Path, name: str, docstring: str) -> None:
    assert prose.docstrings_are_sentences(write(folder, f'def {name}():\n    """{docstring}"""\n'))


@pytest.mark.parametrize(
    "docstring",
    [
        "Return the exception that ends a task whose function raised.",
        "A reference that equals no other.",
        "Whether the process is alive.",
        "To be awaited by the caller.",
    ],
)
def test_a_main_clause_or_a_noun_is_allowed(folder: Path, docstring: str) -> None:
    assert not prose.docstrings_are_sentences(write(folder, f'def f():\n    """{docstring}"""\n'))


@pytest.mark.parametrize(
    "source",
    [
        '"""Whoever asks\nis answered."""\n',
        "x = 1  # nobody waits for it\n",
        "# those who wait\n",
        'raise ValueError("it was told nothing")\n',
        'raise ValueError(f"{x} was told {y}")\n',
        'def f():\n    """Report it.\n\n    The starter hears of it.\n    """\n',
        "# a lookup is dear there\n",
        "# it runs in a context of its own\n",
    ],
)
def test_a_word_of_dialect_is_found(folder: Path, source: str) -> None:
    assert prose.plain_words(write(folder, source))


@pytest.mark.parametrize(
    "source",
    [
        "told = 1\n",
        '"""Return `told`, which is a name."""\n',
        "x = {'told': 1}\n",
        "# the starter is notified\n",
    ],
)
def test_plain_words_are_allowed(folder: Path, source: str) -> None:
    assert not prose.plain_words(write(folder, source))


@pytest.mark.parametrize(
    "source",
    [
        "def test_the_caller_is_told():\n    pass\n",
        "def test_nobody_waits():\n    pass\n",
        "async def test_the_watcher_hears_of_it():\n    pass\n",
        'def test_a_call():\n    """The server tells the caller."""\n',
        'def helper():\n    """What a call returns."""\n',
        "x = 1  # whoever waits\n",
    ],
)
def test_dialect_in_a_test_is_found(folder: Path, source: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(prose, "PLAIN_TESTS", ("kernel",))
    assert prose.plain_tests(write(folder, source, "kernel/test_pid.py"))
    assert not prose.plain_tests(write(folder.with_name("other"), source, "behaviours/test_pid.py"))


@pytest.mark.parametrize(
    "source",
    [
        "def test_the_caller_gets_the_reply():\n    told = 'nobody is told'\n",
        'def tell():\n    """Return the reply of a call."""\n',
    ],
)
def test_plain_english_in_a_test_is_allowed(folder: Path, source: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(prose, "PLAIN_TESTS", ("kernel",))
    assert not prose.plain_tests(write(folder, source, "kernel/test_pid.py"))


def test_a_complaint_names_the_line_of_the_word(folder: Path) -> None:
    [complaint] = prose.plain_words(write(folder, 'def f():\n    """Return it.\n\n    Told once.\n    """\n'))
    assert "pid.py:4: 'Told'" in complaint


def test_the_rules_do_not_apply_to_the_listed_parts(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package = write(folder, "# whoever\n", "kernel/pid.py")
    write(folder, "# whoever\n", "kernel_extra/clock.py")
    write(folder, "# whoever\n", "ops/logs.py")
    write(folder, "# whoever\n", "ops/tree.py")
    monkeypatch.setattr(prose, "NOT_YET", ("kernel", "ops.tree"))
    found = [Path(complaint.partition(":")[0]).name for complaint in prose.plain_words(package)]
    assert found == ["clock.py", "logs.py"]


def test_every_listed_part_exists() -> None:
    names = Package(Path(__file__).parents[2] / "src" / "regrow").modules
    assert [part for part in prose.NOT_YET if f"regrow.{part}" not in names] == []


def test_every_listed_folder_of_tests_exists() -> None:
    tests = Path(__file__).parents[1]
    assert [part for part in prose.PLAIN_TESTS if not (tests / part).is_dir()] == []
