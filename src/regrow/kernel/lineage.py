"""The chain of a process's ancestors, which brothers and sisters share: see `ancestors.py`."""

from __future__ import annotations


class Lineage:
    """A parent, with its own lineage."""

    __slots__ = ("above", "called", "depth")

    def __init__(self, called: object, above: Lineage | None) -> None:
        self.called: object = called  # its name, or else its pid
        self.above: Lineage | None = above
        self.depth: int = 1 if above is None else above.depth + 1


def nearest(lineage: Lineage | None, most: int) -> list[object]:
    """Return at most `most` ancestors, nearest first."""
    found: list[object] = []
    while lineage is not None and len(found) < most:
        found.append(lineage.called)
        lineage = lineage.above
    return found


def joined(ancestors: list[object]) -> Lineage | None:
    """Return the lineage of these ancestors, nearest first."""
    lineage: Lineage | None = None
    for called in reversed(ancestors):
        lineage = Lineage(called, lineage)
    return lineage
