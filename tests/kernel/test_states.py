"""The picture of a process's states, in `kernel/process_record.py`, is what the kernel does."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import regrow.kernel

KERNEL = Path(regrow.kernel.__file__).parent
RECORD = (KERNEL / "process_record.py").read_text(encoding="utf-8")
STATES = ["NEW", "READY", "RUNNING", "RECEIVING", "SELECTING", "AWAITING", "CALLING", "ENDED"]
ROW = re.compile(r"^    ([A-Z]+) +(.+?) {2,}(\S.*)$", re.MULTILINE)

Step = tuple[str, str]  # the state, and the function that sets it


def drawn() -> set[Step]:
    """Return the steps of the picture."""
    table = (ast.get_docstring(ast.parse(RECORD), clean=False) or "").partition("made by\n")[2]
    return {
        (state, function)
        for state, _, functions in ROW.findall(table)
        for function in functions.partition(":")[0].split(", ")
    }


def made() -> set[Step]:
    """Return the assignments to `.status` in the kernel."""
    return {
        (state, function)
        for path in KERNEL.glob("*.py")
        for function, node in functions_of(ast.parse(path.read_text(encoding="utf-8")), "")
        for state in states_set_in(node)
    }


def functions_of(node: ast.AST, prefix: str) -> Iterator[tuple[str, ast.AST]]:
    """Every function with its name, methods with that of their class in front."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.ClassDef):
            yield from functions_of(child, f"{child.name}.")
        elif isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef):
            yield prefix + child.name, child


def states_set_in(function: ast.AST) -> Iterator[str]:
    """The states that a function assigns to the `status` of a process."""
    for node in ast.walk(function):
        match node:
            case ast.Assign(targets=[ast.Attribute(attr="status")], value=value):
                yield from names_in(value)
            case ast.AnnAssign(target=ast.Attribute(attr="status"), value=ast.expr() as value):
                yield from names_in(value)
            case _:
                pass


def names_in(value: ast.expr) -> Iterator[str]:
    """The states that an assigned expression may be."""
    results = [value.body, value.orelse] if isinstance(value, ast.IfExp) else [value]
    for result in results:
        yield result.id if isinstance(result, ast.Name) else ast.unparse(result)


def test_each_step_of_the_kernel_is_in_the_picture() -> None:
    assert made() - drawn() == set()


def test_each_step_of_the_picture_is_in_the_kernel() -> None:
    assert drawn() - made() == set()


def test_each_state_is_in_the_picture() -> None:
    assert sorted({state for state, _ in drawn()}) == sorted(STATES)
