"""Every session in a docstring of regrow runs, and prints the output that it shows."""

from __future__ import annotations

import ast
import doctest
import importlib
import logging
import pkgutil
import re
import textwrap
from collections.abc import Iterator
from pathlib import Path

import pytest

import regrow

EXAMPLES = doctest.DocTestParser()


def module_names() -> Iterator[str]:
    """Return the names of all modules of the package; templates are no modules."""
    yield "regrow"
    for found in pkgutil.walk_packages(regrow.__path__, "regrow."):
        if not found.name.endswith("__main__"):
            yield found.name


NAMES = sorted(module_names())


def docstrings(name: str) -> Iterator[tuple[str, int, str]]:
    """Return the docstrings of a module with their owners and lines; reading the source runs no descriptor."""
    module = importlib.import_module(name)
    assert module.__file__ is not None
    folder = Path(module.__file__).parent
    source = folder / ("__init__.py" if hasattr(module, "__path__") else f"{name.rpartition('.')[2]}.py")
    tree = ast.parse(source.read_text(encoding="utf-8"))  # the source of a compiled module is beside it
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            text = ast.get_docstring(node, clean=True)
            if text:
                yield getattr(node, "name", name), node.body[0].lineno, text


def unrun_code(text: str) -> Iterator[str]:
    """Return the indented blocks of runnable Python that are no sessions."""
    for block in re.split(r"\n(?=\S)|\n\n(?=    \S)", text):
        inside = textwrap.dedent(block)
        if not block.startswith("    ") or inside.startswith(">>> "):
            continue
        try:
            tree = compile(inside, "block", "exec", ast.PyCF_ONLY_AST | ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
        except SyntaxError:
            continue
        if any(isinstance(node, ast.Await | ast.ClassDef | ast.FunctionDef | ast.Call) for node in ast.walk(tree)):
            yield inside.strip()


@pytest.mark.parametrize("name", NAMES)
def test_sessions_print_the_output_that_they_show(name: str) -> None:
    """A session can use the names of its module, and all public names of regrow."""
    module = importlib.import_module(name)
    given = {**{public: getattr(regrow, public) for public in regrow.__all__}, **vars(module)}
    output: list[str] = []
    runner = doctest.DocTestRunner(verbose=False, optionflags=doctest.ELLIPSIS)
    logging.disable(logging.ERROR)  # a session may fail on purpose
    try:
        for owner, line, text in docstrings(name):
            test = EXAMPLES.get_doctest(text, dict(given), owner, module.__file__, line - 1)
            if test.examples:
                runner.run(test, out=output.append)
    finally:
        logging.disable(logging.NOTSET)
    assert not output, "".join(output)


@pytest.mark.parametrize("name", NAMES)
def test_all_code_in_docstrings_is_run(name: str) -> None:
    shown = [f"{owner}:\n{block}" for owner, _, text in docstrings(name) for block in unrun_code(text)]
    assert not shown, "\n".join(["write it as a session, with >>>, or as a drawing", *shown])


def test_a_wrong_docstring_is_found() -> None:
    output: list[str] = []
    test = EXAMPLES.get_doctest(">>> 1 + 1\n3\n", {}, "wrong", None, 0)
    doctest.DocTestRunner(verbose=False).run(test, out=output.append)
    assert "Expected:\n    3\nGot:\n    2" in "".join(output)


def test_code_without_a_session_is_found() -> None:
    assert list(unrun_code("Opens.\n\n    pid = spawn(worker)\n\nMore.")) == ["pid = spawn(worker)"]
