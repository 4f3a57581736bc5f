# pyright: basic, reportMissingImports=false
"""An extension of griffe, which reads the source: a name of a package is what its `__init__` imports.

`regrow.testing` imports the function `probe` from its module `probe`, and a program that imports `regrow.testing.probe`
gets the function. griffe would describe the module.
"""

from __future__ import annotations

from typing import Any

import griffe


class Shadows(griffe.Extension):  # type: ignore[misc] # mypy does not see griffe
    """Puts a name that a package imports in the place of the module of the same name."""

    def on_package(self, *, pkg: Any, **_kwargs: Any) -> None:
        """Mend a package that griffe has read, and the packages in it."""
        for name, member in list(pkg.members.items()):
            if member.is_alias or not member.is_module:
                continue
            imported = pkg.imports.get(name, "")
            if imported.startswith(f"{member.path}."):
                pkg.members[name] = griffe.Alias(name, member[imported.removeprefix(f"{member.path}.")], parent=pkg)
            else:
                self.on_package(pkg=member)
