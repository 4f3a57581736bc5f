"""docs/reference.md describes every public name, and no other."""

from __future__ import annotations

import importlib
import re
from pathlib import Path
from types import ModuleType
from typing import cast

import pytest

import regrow
from regrow import testing

PAGE = (Path(__file__).parents[2] / "docs" / "reference.md").read_text(encoding="utf-8")
NAMES = cast("str", vars(regrow)["_MODULES"]).split()
MODULES = [importlib.import_module(f"regrow.{name}") for name in NAMES]


def names_told(page: str = PAGE) -> set[str]:
    """Return the names in backticks: spawn for `spawn(function, *args)`, system for `regrow.system`."""
    told: set[str] = set()
    for quoted in re.findall(r"`([^`\n]+)`", page):
        told |= set(re.findall(r"[A-Za-z_]+", quoted.partition("(")[0]))
    return told


def short_name(module: ModuleType) -> str:
    return module.__name__.rpartition(".")[2]


def section(module: ModuleType) -> str:
    """Return the section with the module's name, and the sections below it."""
    _, heading, rest = PAGE.partition(f"\n## `{module.__name__}`\n")
    assert heading, f"{module.__name__} has no section"
    return rest.partition("\n## ")[0]


def first_cells(module: ModuleType) -> list[str]:
    """Return the first column of the section's tables."""
    return re.findall(r"^\| (`.*?) \|", section(module), re.MULTILINE)


def is_there(module: ModuleType, name: str) -> bool:
    """Whether the module, or one of its classes, has the name."""
    return name in module.__all__ or any(hasattr(getattr(module, one), name) for one in module.__all__)


def test_every_public_name_is_described() -> None:
    assert set(regrow.__all__) - names_told() == set()


def test_every_name_for_tests_is_described() -> None:
    assert set(testing.__all__) - names_told(section(testing)) == set()


@pytest.mark.parametrize("module", MODULES, ids=short_name)
def test_every_function_of_a_module_is_described(module: ModuleType) -> None:
    assert set(module.__all__) - names_told(section(module)) == set()


@pytest.mark.parametrize("module", [*MODULES, testing], ids=short_name)
def test_every_described_function_exists(module: ModuleType) -> None:
    told = {name for cell in first_cells(module) for name in re.findall(r"`(\w+)[(`]", cell)}
    told -= {"Queue", "fixture"}
    assert told
    assert {name for name in told if not is_there(module, name)} - {
        "DropReply",
        "Slow",
        "ClockStep",
        "Request",
    } == set()


@pytest.mark.parametrize("module", MODULES, ids=short_name)
def test_every_function_of_a_docstring_exists(module: ModuleType) -> None:
    """Return the names that a module's page calls by the module's name, as in `timer.cancel(lease)`."""
    called = set(re.findall(rf"(?<![\w.]){short_name(module)}\.(\w+)\(", module.__doc__ or ""))
    assert called - set(module.__all__) == set()


def test_a_section_with_the_name_of_a_module_is_found() -> None:
    headed = re.findall(r"^## `regrow\.(\w+)`$", PAGE, re.MULTILINE)
    assert sorted(headed) == sorted([*NAMES, "testing"])
