"""docs/reference.md leaves no public name out, and invents none."""

from __future__ import annotations

import ast
import inspect
import re
from pathlib import Path
from types import ModuleType

import pytest

import regrow
from regrow import application, gen_server, proc_lib, process, system, testing, timer

PAGE = (Path(__file__).parents[2] / "docs" / "reference.md").read_text(encoding="utf-8")

# Functions without an underscore that the layers above use, and no user should.
INSIDE: dict[str, set[str]] = {
    "process": {"running", "unwind"},
    "system": {"stop", "Debug", "Held"},
    "proc_lib": {"Ignore"},
    "application": {"controller", "not_started", "check_application", "find", "name_of"},
    "gen_server": {"run", "loop", "other_message", "settled", "end", "overrides", "check_then"},
    "timer": set(),
}
MODULES = [process, system, application, gen_server, timer, proc_lib]


def names_told() -> set[str]:
    """The names that stand in backticks: `spawn(function, *args)` tells spawn, `regrow.system` tells system."""
    told: set[str] = set()
    for quoted in re.findall(r"`([^`\n]+)`", PAGE):
        told |= set(re.findall(r"[A-Za-z_]+", quoted.partition("(")[0]))
    return told


def short_name(module: ModuleType) -> str:
    return module.__name__.rpartition(".")[2]


def public_functions(module: ModuleType) -> set[str]:
    """What a module defines, or imports under its own name to give it on."""
    names: set[str] = set()
    for node in ast.parse(inspect.getsource(module)).body:
        match node:
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name):
                names.add(name)
            case ast.ImportFrom(names=imported):
                names |= {one.name for one in imported if one.asname == one.name}
            case _:
                pass
    return {name for name in names if not name.startswith("_")} - INSIDE[short_name(module)]


def test_every_public_name_is_told() -> None:
    assert set(regrow.__all__) - names_told() == set()


def test_every_name_for_tests_is_told() -> None:
    assert set(testing.__all__) - names_told() == set()


@pytest.mark.parametrize("module", MODULES, ids=short_name)
def test_every_function_of_a_module_is_told(module: ModuleType) -> None:
    assert public_functions(module) - names_told() == set()


@pytest.mark.parametrize("module", [process, system, application, timer, proc_lib], ids=short_name)
def test_no_function_is_told_that_is_not_there(module: ModuleType) -> None:
    _, _, section = PAGE.partition(f"## `regrow.{short_name(module)}`\n")
    rows = re.findall(r"^\| (`.*?`) \|", section.partition("\n## ")[0], re.MULTILINE)
    told = {name for row in rows for name in re.findall(r"`(\w+)\(", row)}
    assert told
    assert {name for name in told if not hasattr(module, name)} == set()
