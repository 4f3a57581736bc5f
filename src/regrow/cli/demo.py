"""`make demo`: an application at work. Its tree is shown, one of its servers is killed, and it goes on."""

from __future__ import annotations

import asyncio
from typing import Any

from regrow import process
from regrow.cli.run import say
from regrow.ops import tree
from regrow.ops.tree import Branch
from regrow.program import StopSignals

BEFORE_THE_CRASH = 3.4  # seconds; between two ticks of the silly_worker


async def show(app: Any, stop_signals: StopSignals) -> None:
    """Show the tree, kill the last worker in it after a while, and show that it is back."""
    root = await shown(app)
    await asyncio.sleep(BEFORE_THE_CRASH)
    victim = last_worker(root)
    if victim is None or victim.pid is None or stop_signals.asked.done():
        return
    say(f"\nNow {victim.label} is killed: {victim.pid}. Its supervisor will start it again.")
    process.exit(victim.pid, "kill")
    await shown(app)


async def shown(app: Any) -> Branch | None:
    """Print the application's tree."""
    root = await tree.application_tree(app)
    if root is not None:
        say("\n" + "\n".join(f"    {line}" for line in tree.lines(root)) + "\n")
    return root


def last_worker(root: Branch | None) -> Branch | None:
    """The worker that was started last."""
    found = None
    for branch in root.each() if root is not None else ():
        if branch.kind == "worker":
            found = branch
    return found
