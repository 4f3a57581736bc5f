"""`make demo`: it shows the tree of a running application, kills one server, and shows that it was restarted."""

from __future__ import annotations

import asyncio
from typing import Any

from regrow import process
from regrow.behaviours.application.stop_signals import StopSignals
from regrow.cli.run import say
from regrow.ops import tree
from regrow.ops.tree import Branch

BEFORE_THE_CRASH = 3.4  # seconds; between two ticks of the silly_worker


async def show(app: Any, stop_signals: StopSignals) -> None:
    """Show the tree, kill its last worker after a while, and show the tree with the restarted worker."""
    root = await shown(app)
    await asyncio.sleep(BEFORE_THE_CRASH)
    victim = last_worker(root)
    if victim is None or victim.pid is None or stop_signals.asked.done():
        return
    say(f"\nKilling {victim.label}, {victim.pid}. Its supervisor will restart it.")
    process.exit(victim.pid, "kill")
    await shown(app)


async def shown(app: Any) -> Branch | None:
    """Print the application's tree, and return it."""
    root = await tree.application_tree(app)
    if root is not None:
        say("\n" + "\n".join(f"    {line}" for line in tree.lines(root)) + "\n")
    return root


def last_worker(root: Branch | None) -> Branch | None:
    """Return the worker that was started last; None if there is none."""
    worker = None
    for branch in root.each() if root is not None else ():
        if branch.kind == "worker":
            worker = branch
    return worker
