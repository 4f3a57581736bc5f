"""`import regrow`: what it costs, and what it gives."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from pathlib import Path
from typing import cast

import regrow

FRESH_IMPORT = """
import json, sys
before = set(sys.modules)
import regrow
print(json.dumps(sorted(set(sys.modules) - before)))
"""


def names_given(source: str) -> set[str]:
    """The public names that a module's own statements define, or import from the package."""
    names: set[str] = set()
    for node in ast.parse(source).body:
        match node:
            case ast.ImportFrom(module=str(module)) if module.split(".")[0] == "regrow":
                names |= {alias.asname or alias.name for alias in node.names}
            case ast.ClassDef(name=name) | ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name):
                names.add(name)
            case ast.Assign(targets=targets):
                names |= {target.id for target in targets if isinstance(target, ast.Name)}
            case ast.AnnAssign(target=ast.Name(id=name)):
                names.add(name)
            case _:
                pass
    return {name for name in names if not name.startswith("_")}


def test_import_loads_the_standard_library_alone() -> None:
    fresh = subprocess.run([sys.executable, "-c", FRESH_IMPORT], capture_output=True, text=True, check=True)
    loaded = {name.split(".")[0] for name in cast("list[str]", json.loads(fresh.stdout))}
    assert "regrow" in loaded
    # A compiled module brings a helper of its own, whose name ends in __mypyc.
    others = {name for name in loaded - {"regrow"} - sys.stdlib_module_names if not name.endswith("__mypyc")}
    assert not others


def test_every_name_in_all_is_there() -> None:
    assert [name for name in regrow.__all__ if not hasattr(regrow, name)] == []


def test_no_name_in_all_stands_twice() -> None:
    assert len(regrow.__all__) == len(set(regrow.__all__))


def test_every_public_name_is_in_all() -> None:
    source = Path(regrow.__file__).read_text(encoding="utf-8")
    assert names_given(source) - set(regrow.__all__) == set()


def test_public_names_are_seen() -> None:
    source = """
from __future__ import annotations
import importlib
from regrow.kernel.pid import Pid, _hidden
from regrow.kernel import process as process
LIMIT: int = 3
depth = 4
def run(): ...
class Node: ...
"""
    assert names_given(source) == {"Pid", "process", "LIMIT", "depth", "run", "Node"}
