"""The Python or what was compiled from it: which of the two runs.

Where regrow was installed from a compiled wheel, its hot modules lie there twice, as `scheduler.py` and as a library of
the same name, which Python prefers. With REGROW_PURE=1 in the environment regrow runs as the Python alone.
"""

import sys
from collections.abc import Sequence
from importlib.machinery import FileFinder, ModuleSpec, SourceFileLoader
from importlib.util import find_spec
from os import environ
from types import ModuleType


class PureFinder:
    """Finds regrow's modules as if nothing had been compiled."""

    @staticmethod
    def find_spec(name: str, path: Sequence[str] | None = None, _target: ModuleType | None = None) -> ModuleSpec | None:
        """The source of a module of regrow's; None for all others."""
        if not name.startswith("regrow."):
            return None
        for folder in path or ():
            found = FileFinder(folder, (SourceFileLoader, [".py"])).find_spec(name)
            if found is not None:
                return found
        return None


def runs_compiled() -> bool:
    """Whether the kernel that runs here is compiled."""
    spec = find_spec("regrow.kernel.scheduler")
    return spec is not None and spec.origin is not None and not spec.origin.endswith(".py")


if environ.get("REGROW_PURE") == "1":
    sys.meta_path.insert(0, PureFinder)
compiled: bool = runs_compiled()
