"""The rules that a compiled kernel needs: docs/decisions/0007."""

from __future__ import annotations

import ast
import importlib.util
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
SOURCE = ROOT / "src" / "regrow"


def compiled_modules() -> tuple[str, ...]:
    """Return the modules that `hatch_build.py` compiles; hatchling need not be installed."""
    tree = ast.parse((ROOT / "hatch_build.py").read_text(encoding="utf-8"))
    for node in tree.body:
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "COMPILED":
            names: tuple[str, ...] = ast.literal_eval(node.value)
            return names
    raise AssertionError("hatch_build.py names no COMPILED")


def imported(tree: ast.Module) -> dict[str, str]:
    """Return each name that a module imports from regrow, with its file."""
    found: dict[str, str] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module is not None and node.module.startswith("regrow."):
            for name in node.names:
                module = node.module.removeprefix("regrow.").replace(".", "/")
                found[name.asname or name.name] = f"{module}.py"
                found[f"{name.asname or name.name}."] = f"{module}/{name.name}.py"
    return found


def homes_of_bases(tree: ast.Module) -> dict[str, set[str]]:
    """Return the files that define the bases of a module's classes."""
    known = imported(tree)
    found: dict[str, set[str]] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.ClassDef):
            for base in node.bases:
                written = ast.unparse(base).partition("[")[0]
                outer, dot, _ = written.rpartition(".")
                home = known.get(f"{outer}.") if dot else known.get(written)
                if home is not None:
                    found.setdefault(node.name, set()).add(home)
    return found


def test_compiled_modules_exist() -> None:
    for name in compiled_modules():
        assert (SOURCE / name).is_file(), name


@pytest.mark.parametrize("path", sorted(SOURCE.rglob("*.py")), ids=lambda path: str(path.relative_to(SOURCE)))
def test_no_interpreted_class_inherits_from_a_compiled_one(path: Path) -> None:
    """Creating such a class fails, and mypyc's `isinstance` of a compiled class knows only compiled subclasses."""
    compiled = compiled_modules()
    if path.relative_to(SOURCE).as_posix() in compiled:
        return
    for name, homes in homes_of_bases(ast.parse(path.read_text(encoding="utf-8"))).items():
        assert homes.isdisjoint(compiled), f"{name} inherits from {homes.intersection(compiled)}"


def awaited_in(statements: list[ast.stmt]) -> Iterator[ast.AST]:
    """Yield the awaited expressions of these statements, without those of nested functions."""
    left: list[ast.AST] = [*statements]
    while left:
        node = left.pop()
        if isinstance(node, ast.Await | ast.Yield | ast.YieldFrom | ast.AsyncFor | ast.AsyncWith):
            yield node
        elif not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            left.extend(ast.iter_child_nodes(node))


@pytest.mark.parametrize("name", compiled_modules())
def test_nothing_is_awaited_while_an_exception_is_handled(name: str) -> None:
    """A compiled coroutine leaves the handled exception set while it waits: other coroutines would see it."""
    for node in ast.walk(ast.parse((SOURCE / name).read_text(encoding="utf-8"))):
        if isinstance(node, ast.Try):
            for body in [node.finalbody, *(handler.body for handler in node.handlers)]:
                assert not list(awaited_in(body)), f"{name}:{node.lineno}"


def test_the_build_needs_no_compiler(monkeypatch: pytest.MonkeyPatch) -> None:
    """If compilation fails, the wheel is still built, with a warning; unless compilation is required."""
    spec = importlib.util.spec_from_file_location("hatch_build", ROOT / "hatch_build.py")
    assert spec is not None
    assert spec.loader is not None
    build = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(build)
    warnings: list[str] = []

    class App:
        def display_warning(self, text: str) -> None:
            warnings.append(text)

    def no_compiler(root: Path, folder: Path) -> list[Path]:
        raise OSError("no cc here")

    monkeypatch.setattr(build, "compile_into", no_compiler)
    data: dict[str, Any] = {"force_include": {}}
    hook: Any = build.CompiledKernel(str(ROOT), {}, None, None, "", "wheel", App())
    hook.initialize("standard", data)
    assert data == {"force_include": {}}
    assert warnings == ["regrow will run as plain Python, because its kernel could not be compiled: no cc here"]
    monkeypatch.setenv("REGROW_PURE", "0")
    with pytest.raises(OSError, match="no cc here"):
        hook.initialize("standard", data)
    monkeypatch.setenv("REGROW_PURE", "1")
    hook.initialize("standard", data)
    assert len(warnings) == 1


def declared_attributes(node: ast.ClassDef) -> set[str]:
    """Return the attributes that a class declares with a type, in its body and in its methods."""
    found: set[str] = set()
    for child in ast.walk(node):
        if isinstance(child, ast.AnnAssign):
            if isinstance(child.target, ast.Name) and child in node.body:
                found.add(child.target.id)
            elif isinstance(child.target, ast.Attribute) and ast.unparse(child.target.value) == "self":
                found.add(child.target.attr)
    return found


def declared_twice(trees: Iterable[ast.Module]) -> list[str]:
    """Return the attributes that a class and one of its bases both declare: `Class.attribute`."""
    classes = {node.name: node for tree in trees for node in ast.walk(tree) if isinstance(node, ast.ClassDef)}

    def bases(name: str) -> set[str]:
        found: set[str] = set()
        for base in classes[name].bases:
            written = ast.unparse(base).partition("[")[0].rpartition(".")[2]
            if written in classes:
                found |= {written, *bases(written)}
        return found

    return sorted(
        f"{name}.{attribute}"
        for name, node in classes.items()
        for attribute in declared_attributes(node)
        if any(attribute in declared_attributes(classes[base]) for base in bases(name))
    )


def test_no_compiled_class_declares_what_its_base_declares() -> None:
    """mypyc's classes show the garbage collector such an attribute twice.

    The collector then counts one reference too few, and clears what is alive: timers, in a young collection.
    """
    trees = [ast.parse((SOURCE / name).read_text(encoding="utf-8")) for name in compiled_modules()]
    assert declared_twice(trees) == []


def test_an_attribute_that_is_declared_twice_is_found() -> None:
    tree = ast.parse(
        "class A:\n    a: int\n    def __init__(self):\n        self.b: int = 1\n"
        "class B(A): pass\n"
        "class C(B):\n    a: int\n    c: int\n    def __init__(self):\n        self.b: int = 2\n"
    )
    assert declared_twice([tree]) == ["C.a", "C.b"]
