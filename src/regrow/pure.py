"""The choice between the compiled kernel and the pure Python one.

A compiled wheel has its hot modules twice: as `scheduler.py`, and as an extension module of the same name, which Python
prefers. With REGROW_PURE=1 in the environment regrow imports the Python sources.

    >>> isinstance(compiled, bool)
    True
"""

import sys
from collections.abc import Sequence
from importlib.machinery import FileFinder, ModuleSpec, SourceFileLoader
from importlib.util import find_spec
from os import environ
from types import ModuleType


class PureFinder:
    """An import finder that finds the Python sources of regrow's modules, and ignores extension modules."""

    @staticmethod
    def find_spec(name: str, path: Sequence[str] | None = None, _target: ModuleType | None = None) -> ModuleSpec | None:
        """Return the spec of a module's Python source; None for modules outside regrow."""
        if not name.startswith("regrow."):
            return None
        for folder in path or ():
            found = FileFinder(folder, (SourceFileLoader, [".py"])).find_spec(name)
            if found is not None:
                return found
        return None


def runs_compiled() -> bool:
    """Whether `regrow.kernel.scheduler` is imported as an extension module."""
    spec = find_spec("regrow.kernel.scheduler")
    return spec is not None and spec.origin is not None and not spec.origin.endswith(".py")


if environ.get("REGROW_PURE") == "1":
    sys.meta_path.insert(0, PureFinder)
compiled: bool = runs_compiled()
