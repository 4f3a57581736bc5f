"""`import regrow`: the modules that it loads, and the names that it gives."""

from __future__ import annotations

import ast
import importlib
import inspect
import json
import pydoc
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import cast

import pytest

import regrow

LOADED_BY = """
import json, sys
before = set(sys.modules)
{program}
print(json.dumps(sorted(set(sys.modules) - before)))
"""


def loaded_by(program: str) -> set[str]:
    """Return the modules that a program loads in a fresh Python."""
    fresh = subprocess.run(
        [sys.executable, "-c", LOADED_BY.format(program=program)], capture_output=True, text=True, check=True
    )
    return set(cast("list[str]", json.loads(fresh.stdout)))


def statements(body: list[ast.stmt]) -> Iterator[ast.stmt]:
    """Yield the statements of a module, with those under `if TYPE_CHECKING:`."""
    for node in body:
        match node:
            case ast.If(test=ast.Name(id="TYPE_CHECKING"), body=inner):
                yield from inner
            case _:
                yield node


def names_given(source: str) -> set[str]:
    """Return the public names that a module defines, or imports from the package."""
    names: set[str] = set()
    for node in statements(ast.parse(source).body):
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


def test_import_loads_only_the_standard_library() -> None:
    """This holds even after every name has been used."""
    loaded = loaded_by("from regrow import *")
    assert {"regrow.behaviours.gen_statem.gen_statem", "regrow.program"} <= loaded
    # A compiled module has a helper module, whose name ends in __mypyc.
    packages = {name.split(".")[0] for name in loaded}
    others = {name for name in packages - {"regrow"} - sys.stdlib_module_names if not name.endswith("__mypyc")}
    # `zoneinfo` asks `sysconfig` where the time zones are, which reads a module that is named after the platform.
    others = {name for name in others if not name.startswith("_sysconfigdata")}
    assert not others


def test_import_alone_loads_nothing() -> None:
    """A program does not wait for modules that it does not use."""
    assert loaded_by("import regrow") == {"regrow"}


def test_a_name_loads_what_it_needs() -> None:
    loaded = loaded_by("from regrow import GenServer, call")
    assert "regrow.behaviours.gen_server.gen_server" in loaded
    assert {f"regrow.behaviours.{name}" for name in ("gen_statem", "naming", "task", "application")} & loaded == set()


def test_the_command_loads_no_loop_before_it_needs_one() -> None:
    """`regrow --help` answers at once."""
    loaded = loaded_by("import regrow.cli")
    assert "typer" in loaded
    assert {"asyncio", "regrow.kernel.node", "regrow.behaviours", "IPython", "rich"} & loaded == set()


FACES = [*cast("str", vars(regrow)["_MODULES"]).split(), "testing"]


@pytest.mark.parametrize("name", FACES)
def test_a_public_module_shows_its_interface_and_nothing_else(name: str) -> None:
    """`dir`, completion at a prompt and `help` show the names of `__all__`."""
    module = importlib.import_module(f"regrow.{name}")
    assert getattr(regrow, name) is module
    shown = {one for one in dir(module) if one.isidentifier() and not one.startswith("_")}  # pytest adds other names
    assert shown - {"faults"} == set(module.__all__)
    assert len(module.__all__) == len(set(module.__all__))


@pytest.mark.parametrize("name", FACES)
def test_help_describes_each_name_of_a_public_module(name: str) -> None:
    module = importlib.import_module(f"regrow.{name}")
    # mypyc does not keep docstrings in compiled code.
    described = (
        []
        if regrow.compiled
        else [one for one in module.__all__ if inspect.isroutine(value := getattr(module, one)) or is_class(value)]
    )
    assert [one for one in described if not (getattr(module, one).__doc__ or "").strip()] == []
    text = pydoc.plain(pydoc.render_doc(module))
    assert [one for one in module.__all__ if re.search(rf"\b{re.escape(one)}\b", text) is None] == []
    assert text.splitlines()[3].strip().startswith(f"regrow.{name} - ")


def is_class(value: object) -> bool:
    """Whether a value is a defined class, and not a union or another alias of types."""
    return isinstance(value, type)


def test_a_public_module_loads_what_it_needs() -> None:
    loaded = loaded_by("import regrow.process, regrow.timer")
    assert not {name for name in loaded if name.startswith(("regrow.behaviours", "regrow.ops", "regrow.testing"))}
    loaded = loaded_by("from regrow.gen_server import call")
    assert not {name for name in loaded if name.startswith(("regrow.behaviours.gen_statem", "regrow.ops"))}


def test_every_file_beside_the_folders_is_known() -> None:
    """Each one is a public module, or its name has no other meaning."""
    beside = {path.stem for path in Path(regrow.__file__).parent.glob("*.py")}
    assert beside == {"__init__", "__main__", "program", "pure", "threads", *FACES} - {"testing"}


@pytest.mark.parametrize("module", ["program", "threads"])
def test_a_module_beside_the_folders_hides_no_name(module: str) -> None:
    """Importing a module sets an attribute of its package, which must not replace another name."""
    assert module not in regrow.__all__


def test_each_name_is_loaded_from_where_checkers_see_it() -> None:
    tree = ast.parse(Path(regrow.__file__).read_text(encoding="utf-8"))
    seen = {
        (node.module, alias.name)
        for node in statements(tree.body)
        if isinstance(node, ast.ImportFrom) and node.module is not None and node.module.startswith("regrow.")
        for alias in node.names
    }
    homes = cast("dict[str, str]", vars(regrow)["_HOMES"])
    assert {(f"regrow.{home}", name) for home, names in homes.items() for name in names.split()} == seen


def test_an_unknown_name_is_an_error() -> None:
    with pytest.raises(AttributeError, match="'regrow' has no attribute 'GenSrever'"):
        getattr(regrow, "GenSrever")  # noqa: B009 - checkers would tell


def test_a_prompt_completes_names_that_are_not_loaded_yet() -> None:
    assert set(dir(regrow)) >= set(regrow.__all__)


def test_every_name_in_all_exists() -> None:
    assert [name for name in regrow.__all__ if not hasattr(regrow, name)] == []


def test_no_name_in_all_is_repeated() -> None:
    assert len(regrow.__all__) == len(set(regrow.__all__))


def test_every_public_name_is_in_all() -> None:
    source = Path(regrow.__file__).read_text(encoding="utf-8")
    assert names_given(source) - set(regrow.__all__) == {"TYPE_CHECKING"}


def test_public_names_are_found() -> None:
    source = """
from __future__ import annotations
import importlib
from regrow.kernel.pid import Pid, _hidden
from regrow.kernel import process as process
if TYPE_CHECKING:
    from regrow.kernel.signals import Down
LIMIT: int = 3
depth = 4
def run(): ...
class Node: ...
"""
    assert names_given(source) == {"Pid", "process", "Down", "LIMIT", "depth", "run", "Node"}
