"""How a node ends: in order where that is possible, by force where it is not, and in every case.

    in order   what is linked to the first process, newest first; then the processes whose parent has ended before them;
               what nobody is linked to is killed, and what that has started has its time
    killed     all that is left, and all that starts meanwhile
    closed     what has not ended even then, where it stands

A process that is asked to end has a limit, as the child of a supervisor has one:

    a function, a server      5 s, if it traps exits; else the signal ends it at once
    a supervisor              none: it knows what its children are allowed
    an application            none, or `shutdown_timeout` in the environment of "kernel"

The end runs in a task of its own: a caller of `Node.stop` that is cancelled hurries it, and does not break it off.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Coroutine
from contextlib import suppress
from contextvars import ContextVar
from typing import TYPE_CHECKING, Final

from regrow.kernel import links, report, small_set
from regrow.kernel.awaitables import OTHERS
from regrow.kernel.bounded_repr import safe_repr
from regrow.kernel.process_record import Pid, Process
from regrow.kernel.wakeups import close_body

if TYPE_CHECKING:
    from regrow.kernel.process_record import Host

LOG = logging.getLogger("regrow")

SHUTDOWN: Final = 5.0  # seconds: what a worker gets of its supervisor, if nothing else is said
MOST_ROUNDS: Final = 5  # what starts during the end is ended, too, so many times

# In the context of a supervisor its own pid. Its children have a copy of this, which names another process than theirs.
KEEPER: ContextVar[Pid | None] = ContextVar("regrow_keeper", default=None)


async def leave(node: Host, error: BaseException | None) -> None:
    """Leave the block in which a node is up: end the node, and raise what has made it fail.

    Where a part of the program has called `sys.exit`, that is raised in place of whatever the block has raised since.
    """
    node.leaving = True
    if node.failure is not None and not isinstance(error, asyncio.CancelledError):
        with suppress(asyncio.CancelledError):
            await OTHERS  # the block had nothing more to wait for: this is where it hears of the failure
    await stop(node, "shutdown")
    failure = node.failure
    if failure is None:
        return
    if node.block is not None and node.cancelled:
        node.block.uncancel()
    interrupt = isinstance(failure, KeyboardInterrupt | SystemExit)
    if interrupt or error is None or isinstance(error, asyncio.CancelledError):
        raise failure from None


async def stop(node: Host, reason: object) -> None:
    """End a node, once for all callers, and wait until it has ended.

    A process of the node does not wait, for it would wait for its own end.

    Raises:
        CancelledError: the caller was cancelled. The node has ended, in a hurry.
    """
    if not node.running:
        return
    node.begin_end(reason)
    end_task = node.end_task
    assert end_task is not None
    own = node.caller()
    adopted = own is not None and own.rare is not None and own.rare.adopted is not None
    if asyncio.current_task() is end_task or (own is not None and not adopted):
        return
    cancelled: asyncio.CancelledError | None = None
    while not end_task.done():
        try:
            await asyncio.wait({end_task})
        except asyncio.CancelledError as error:
            by_the_end = own is not None and not own.alive and cancelled is None
            if not by_the_end and (cancelled is not None or not end_task.cancelling()):
                end_task.cancel()
            cancelled = error
    if cancelled is not None:
        raise cancelled


async def run(node: Host, reason: object) -> None:
    """The task that ends a node. The first cancellation of it ends the order, the second one the wait for the killed."""
    try:
        try:
            await in_order(node, reason)
        except asyncio.CancelledError:
            pass
        except Exception:
            report.log(
                LOG, logging.ERROR, "%r could not end in order, and its processes are killed", node, exc_info=True
            )
        with suppress(asyncio.CancelledError):
            await kill_all(node)
    finally:
        close_all(node)
        links.die(node.init, reason)
        node.close()


# In order


async def in_order(node: Host, reason: object) -> None:
    """End what is linked to the first process, newest first, and wait for the processes whose parent has ended."""
    if node.controller is not None:
        await node.controller.before_stop(reason)
    for _ in range(MOST_ROUNDS):
        linked = list(small_set.items(node.init.links))[::-1]
        if not linked:
            break
        for pid in linked:
            await node.end(pid, reason)
    await orphans_end(node)
    await unlinked_end(node)


async def end(node: Host, pid: Pid, source: Pid, reason: object) -> None:
    """Send a process an exit signal, wait until it has ended, and kill it when its time is over."""
    process = pid.process
    if process is None or pid.node is not node:
        return
    gone = node.ended(process, allowed(process))
    links.exit_signal(process, source, reason, True)
    await gone
    if process.alive and allowed(process) is None:  # it has become a supervisor, or gives up its own start
        await node.ended(process)
    kill_late(process, reason)


async def end_children(node: Host, process: Process, reason: object) -> None:
    """End what a process has started and is linked to, newest first, before the process itself ends.

    Each child gets the exit signal that the end of the process would send; one that ignores it, as "normal" is ignored,
    gets "shutdown".
    """
    for pid in list(small_set.items(process.links))[::-1]:
        child: Process | None = pid.process
        if child is not None and pid.node is node and child.parent is process.pid:
            links.unlink(process, pid)
            await end(node, pid, process.pid, reason if child.trap_exit else "shutdown")


async def orphans_end(node: Host, application: object = None) -> None:
    """Wait for the processes that end because their parent has ended, and kill each when its time is over.

    Args:
        node: the node.
        application: whose processes; None for all.
    """
    for _ in range(MOST_ROUNDS):
        found = [
            process
            for process in node.told
            if process.parent is not None
            and process.parent.process is None
            and (application is None or process.application is application)
        ]
        if not found:
            return
        waiting: list[asyncio.Future[object]] = []
        for process in found:
            waiting.append(node.ended(process, allowed(process)))
            if runs_a_function(process):  # it has been told of its parent's end, perhaps long ago
                links.exit_signal(process, node.init.pid, "shutdown", True)
        await asyncio.wait(waiting)
        for process in found:
            kill_late(process, "shutdown")


async def unlinked_end(node: Host) -> None:
    """Kill what is not linked to its parent, as a spawned function is not; what that has started ends in order."""
    for process in list(node.processes.values())[::-1]:
        parent = process.parent
        if process is not node.init and (parent is None or not small_set.contains(process.links, parent)):
            links.die(process, "killed")
    await orphans_end(node, None)


def allowed(process: Process) -> float | None:
    """The seconds that a process may take to end; None for a supervisor, which knows what its children may take."""
    return None if process.context.get(KEEPER) is process.pid else SHUTDOWN


def runs_a_function(process: Process) -> bool:
    """Whether a process runs a function of the user's, and no loop of ours."""
    body: object = process.body
    return isinstance(body, Coroutine)


def kill_late(process: Process, reason: object) -> None:
    """Kill a process that has not ended in time."""
    if process.alive and allowed(process) is not None:
        words = "%s has not ended %g s after it was sent %s, and is killed"
        report.log(LOG, logging.WARNING, words, process.pid, SHUTDOWN, safe_repr(reason))
        links.die(process, "killed")


# By force


async def kill_all(node: Host) -> None:
    """Kill all that is left, and wait until the killed have released what they held. None outlives its patience."""
    for _ in range(MOST_ROUNDS):
        kill_each(node)
        await node.remnants.all_done()
        if len(node.processes) == 1 and not node.remnants.kept:
            return


def close_all(node: Host) -> None:
    """Close what has not ended: what is started without end, or what nobody waits for any more."""
    for _ in range(MOST_ROUNDS):
        kill_each(node)
        for process in list(node.remnants.kept):
            close_body(process)
            node.remnants.done(process)
        if len(node.processes) == 1 and not node.remnants.kept:
            return


def kill_each(node: Host) -> None:
    """Kill all processes but the first, the newest first."""
    for process in list(node.processes.values())[::-1]:
        if process is not node.init:
            links.die(process, "killed")
