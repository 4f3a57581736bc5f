"""The ancestors of a process (`$ancestors`): its parent, the parent of that, and so on.

A process keeps one link of a chain: the name or pid of its parent, and the chain of its parent. Siblings share their
link, and all descendants share the links above. A long chain is cut to the nearest ancestors, so that neither memory
nor the time of a start grows with the number of generations.
"""

from __future__ import annotations

from typing import Final

from regrow.kernel.lineage import Lineage, joined, nearest
from regrow.kernel.process_record import Process

NEAREST: Final = 50  # the number of ancestors that a cut keeps
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
    """Return the nearest fifty ancestors of a process, its parent first, by name if they had one."""
    return nearest(process.lineage, NEAREST)
