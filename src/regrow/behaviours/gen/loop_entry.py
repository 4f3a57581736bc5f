"""Other ways into a behaviour than `start_link`: with a monitor, or from within a process that runs already."""

from __future__ import annotations

from collections.abc import Generator
from typing import Any

from regrow.kernel import exits, names
from regrow.kernel.pid import Pid
from regrow.kernel.process_record import Process
from regrow.kernel.running import running as running_process


class LoopAwaitable:
    """A loop, to be awaited by the process that goes on as one."""

    def __init__(self, loop: Generator[Any, Any, Any]) -> None:
        self.loop = loop

    def __await__(self) -> Generator[Any, Any, Any]:
        return self.loop


def check_enter_loop(name: object) -> tuple[Process, Pid]:
    """The running process, which is going to enter a loop, and its parent.

    Raises:
        Exit: `name` is not its own: "process_not_registered", "process_not_registered_globally" or
            ("process_not_registered_via", registry).
        RuntimeError: this runs in an asyncio task.
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
