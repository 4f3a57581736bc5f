# pyright: basic, reportMissingImports=false
"""Extensions of griffe, which reads the docstrings from the source."""

from __future__ import annotations

from typing import Any

import griffe

from website.options import with_lists


class Names(griffe.Extension):  # type: ignore[misc] # mypy does not see griffe
    """Makes a name of a package what its `__init__` imports.

    `regrow.testing` imports the function `probe` from its module `probe`, and a program that imports
    `regrow.testing.probe` gets the function. griffe would describe the module.
    """

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


class Options(griffe.Extension):  # type: ignore[misc] # mypy does not see griffe
    """Makes a Markdown list of the options that a docstring lists after a colon."""

    def on_object(self, *, obj: Any, **_kwargs: Any) -> None:
        """Rewrite the docstring of an object."""
        if obj.docstring is not None:
            obj.docstring.value = with_lists(obj.docstring.value)
