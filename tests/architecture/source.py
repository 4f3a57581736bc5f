"""A package's source as data: its modules, and what each of them imports."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

FunctionNode = ast.FunctionDef | ast.AsyncFunctionDef


class Imported(NamedTuple):
    """One name of an import statement, made absolute."""

    # The imported module and, in `from a import b`, the name b.
    module: str
    name: str | None
    line: int
    in_function: bool
    # The import is under `if TYPE_CHECKING:`, so it never runs.
    for_types: bool


@dataclass(frozen=True)
class Module:
    """One Python file of the package."""

    name: str
    path: Path

    @property
    def is_package(self) -> bool:
        return self.path.name == "__init__.py"

    @cached_property
    def lines(self) -> list[str]:
        return self.path.read_text(encoding="utf-8").splitlines()

    @cached_property
    def tree(self) -> ast.Module:
        return ast.parse(self.path.read_bytes(), str(self.path))

    @cached_property
    def imports(self) -> list[Imported]:
        return list(self._imports_in(self.tree, in_function=False, for_types=False))

    def at(self, line: int) -> str:
        """Return a place in the form that terminals and editors open."""
        return f"{self.path}:{line}"

    def _imports_in(self, node: ast.AST, *, in_function: bool, for_types: bool) -> Iterator[Imported]:
        match node:
            case ast.Import(names=names):
                for alias in names:
                    yield Imported(alias.name, None, node.lineno, in_function, for_types)
            case ast.ImportFrom(names=names):
                for alias in names:
                    yield Imported(self._absolute(node), alias.name, node.lineno, in_function, for_types)
            case ast.If(body=body, orelse=orelse) if _asks_for_type_checking(node.test):
                for statement in body:
                    yield from self._imports_in(statement, in_function=in_function, for_types=True)
                for statement in orelse:
                    yield from self._imports_in(statement, in_function=in_function, for_types=for_types)
            case _:
                inside = in_function or isinstance(node, FunctionNode)
                for child in ast.iter_child_nodes(node):
                    yield from self._imports_in(child, in_function=inside, for_types=for_types)

    def _absolute(self, node: ast.ImportFrom) -> str:
        """Return the module that `from ... import` names, with its leading dots resolved."""
        if not node.level:
            return node.module or ""
        home = self.name.split(".")
        if not self.is_package:
            home = home[:-1]
        home = home[: len(home) - (node.level - 1)]
        return ".".join([*home, *([node.module] if node.module else [])])


@dataclass(frozen=True)
class Package:
    """The modules of a package's folder."""

    folder: Path

    @property
    def name(self) -> str:
        return self.folder.name

    @cached_property
    def modules(self) -> dict[str, Module]:
        """Return each module by its dotted name. The templates of `regrow new` are text, not modules."""
        found: dict[str, Module] = {}
        for path in sorted(self.folder.rglob("*.py")):
            parts = path.relative_to(self.folder.parent).with_suffix("").parts
            if "templates" not in parts:
                name = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
                found[name] = Module(name, path)
        return found

    def own_imports(self, module: Module) -> Iterator[tuple[str, Imported]]:
        """Yield the modules of this package that a module imports, with the import."""
        for imported in module.imports:
            if imported.module.split(".")[0] == self.name:
                yield self._meant(imported), imported

    def _meant(self, imported: Imported) -> str:
        """Return the module that an import means: in `from regrow.kernel import pid` the module pid, if there is one."""
        submodule = f"{imported.module}.{imported.name}"
        return submodule if submodule in self.modules else imported.module


def _asks_for_type_checking(test: ast.expr) -> bool:
    match test:
        case ast.Name(id="TYPE_CHECKING") | ast.Attribute(attr="TYPE_CHECKING"):
            return True
        case _:
            return False
