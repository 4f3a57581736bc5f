"""Other ways into a behaviour than `start_link`: with a monitor, or from within a process that runs already."""

from __future__ import annotations

from collections.abc import Generator
from typing import Any

from regrow.behaviours import starting
from regrow.behaviours.starting import Body, Starter
from regrow.kernel import exits, links, names, process
from regrow.kernel.current import living
from regrow.kernel.pid import Monitor, Pid, Process


async def start_monitor(
    body: Body, given: object, who: object, *, initial_call: object, name: object = None, timeout: float | None = None
) -> tuple[Pid, Monitor]:
    """Start a process without a link and monitor it before its first step: its `Down` says why it ended, however early.

    Of a start that fails there is no `Down`.

    Raises:
        RuntimeError: this runs in a plain asyncio task, which has no mailbox.
        Exception: what `starting.start` raises.
    """
    watcher = living()
    watching: list[Monitor] = []

    def watched(process: Process, starter: Starter, given: object) -> Generator[Any, Any, Any] | None:
        watching.append(links.monitor(watcher, process.pid, process.pid))
        return body(process, starter, given)

    try:
        pid = await starting.start(
            watched, given, who, initial_call=initial_call, name=name, link=False, timeout=timeout
        )
    except BaseException:
        if watcher.alive and watching:
            process.demonitor(watching[0], flush=True)
        raise
    return pid, watching[0]


class Entered:
    """A loop, to be awaited by the process that goes on as one."""

    def __init__(self, loop: Generator[Any, Any, Any]) -> None:
        self.loop = loop

    def __await__(self) -> Generator[Any, Any, Any]:
        return self.loop


def entering(name: object) -> tuple[Process, Pid]:
    """The running process, which is going to enter a loop, and its parent.

    Raises:
        Exit: `name` is not its own: "process_not_registered", "process_not_registered_globally" or
            ("process_not_registered_via", registry).
        RuntimeError: this runs in an asyncio task.
    """
    running = process.running()
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
