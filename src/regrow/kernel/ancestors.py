"""The ancestors of a process (`$ancestors`): its parent, the parent of that, and so on.

A process keeps one link of a chain: its parent, as it was called, and the chain of its parent. Brothers and sisters
share theirs, and all share what is above. A chain that has grown long is cut to the nearest ancestors, so that neither
the last of many generations keeps something of each, nor a start takes the longer the more there were.
"""

from __future__ import annotations

from typing import Final

from regrow.kernel.lineage import Lineage, joined, nearest
from regrow.kernel.process_record import Process

NEAREST: Final = 50  # that are kept at the least, where there were so many
MOST: Final = 2 * NEAREST


def descend(process: Process, parent: Process) -> None:
    """Record the parent of a new process."""
    node = process.node
    called: object = parent.pid if parent.name is None else parent.name
    above = parent.lineage
    if above is not None and above.depth >= MOST:
        above = parent.lineage = joined(nearest(above, NEAREST))
    shared = node.last_lineage
    if shared is None or shared.called is not called or shared.above is not above:
        shared = node.last_lineage = Lineage(called, above)
    process.parent = parent.pid
    process.lineage = shared
    process.application = parent.application


def ancestors(process: Process) -> list[object]:
    """The parent of a process, by name where it had one, then that one's parent, and so on: the nearest fifty."""
    return nearest(process.lineage, NEAREST)
