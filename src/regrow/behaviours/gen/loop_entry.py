"""Entering the loop of a behaviour from a process that runs already (`enter_loop`)."""

from __future__ import annotations

from collections.abc import Generator
from typing import Any

from regrow.kernel import exits, names
from regrow.kernel.addresses import Name
from regrow.kernel.process_record import Pid, Process
from regrow.kernel.running import running as running_process


class LoopAwaitable:
    """The generator of a behaviour's loop, as an awaitable for the coroutine of the process that enters the loop."""

    def __init__(self, loop: Generator[Any, Any, Any]) -> None:
        self.loop = loop

    def __await__(self) -> Generator[Any, Any, Any]:
        return self.loop


def check_enter_loop(name: Name | None) -> tuple[Process, Pid]:
    """Return the running process, which is going to enter a loop, and the pid of its parent.

    Raises:
        Exit: `name` is not registered for this process: "process_not_registered", "process_not_registered_globally" or
            ("process_not_registered_via", registry).
        RuntimeError: the caller is an asyncio task, not a process that was spawned.
    """
    running = running_process()
    if running.rare is not None and running.rare.adopted is not None:
        raise RuntimeError(f"{running.pid} is an adopted asyncio task, which cannot enter a loop. Use spawn() for it")
    names.check_name(name)
    if name is not None and names.find(running.node, name) is not running.pid:
        match name:
            case names.Global():
                raise exits.Exit("process_not_registered_globally")
            case names.Via(registry=registry):
                raise exits.Exit(("process_not_registered_via", registry))
            case _:
                raise exits.Exit("process_not_registered")
    parent = None if running.lineage is None else running.lineage.called
    found = names.find(running.node, parent)
    return running, running.node.init.pid if found is None else found
