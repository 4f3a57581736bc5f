"""The end of a node: in order if that is possible, otherwise by force; it always comes to its end.

    in order   processes linked to the first process, newest first; then the processes whose parent has ended before
               them. Unlinked processes are killed, and the processes that they started get their time
    killed     all processes that are left, and those that start meanwhile
    closed     the coroutines that have not ended even then

A process that is asked to end has a limit, like the child of a supervisor:

    a function, a server      5 s if it traps exits; else the signal ends it at once
    a supervisor              none: it has a limit for each of its children
    an application            none, or `shutdown_timeout` in the environment of "kernel"

The end runs in a separate task: the cancellation of a caller of `Node.stop` hurries the end, and does not stop it.
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

SHUTDOWN: Final = 5.0  # seconds: the default time that a supervisor gives a worker
MOST_ROUNDS: Final = 5  # processes that start during the end are ended, too, in at most this many rounds

# In the context of a supervisor, its pid. Its children have a copy of the context, where the pid is not their own.
KEEPER: ContextVar[Pid | None] = ContextVar("regrow_keeper", default=None)


async def leave(node: Host, error: BaseException | None) -> None:
    """Leave the block in which a node is up: end the node, and raise the error that made it fail.

    If a part of the program has called `sys.exit`, SystemExit replaces any exception that the block has raised since.
    """
    node.leaving = True
    if node.failure is not None and not isinstance(error, asyncio.CancelledError):
        with suppress(asyncio.CancelledError):
            await OTHERS  # the block ended without another `await`: the cancellation by `fail` arrives here
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

    A process of the node does not wait, because it would wait for its own end.

    Raises:
        CancelledError: the caller was cancelled. The node has ended, without waiting for the order.
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
    """Run the end of a node, as a task. Its first cancellation ends the order, its second the wait for the killed."""
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
    """End the processes linked to the first one, newest first, then those whose parent has ended, then the unlinked."""
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
    if process.alive and allowed(process) is None:  # it became a supervisor meanwhile, or it is giving up its start
        await node.ended(process)
    kill_late(process, reason)


async def end_children(node: Host, process: Process, reason: object) -> None:
    """End the linked children of a process, newest first, before the process itself ends.

    A child that traps exits gets the exit signal that the end of the process would send. Any other child gets
    "shutdown", because it would ignore a reason such as "normal".
    """
    for pid in list(small_set.items(process.links))[::-1]:
        child: Process | None = pid.process
        if child is not None and pid.node is node and child.parent is process.pid:
            links.unlink(process, pid)
            await end(node, pid, process.pid, reason if child.trap_exit else "shutdown")


async def orphans_end(node: Host, application: object = None) -> None:
    """Wait for the processes that end because their parent has ended, and kill each when its time is over.

    Args:
        node: the node that ends.
        application: the application whose processes these are; None for all.
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
            if runs_a_function(process):  # the exit signal of its parent may be an old message, already handled
                links.exit_signal(process, node.init.pid, "shutdown", True)
        await asyncio.wait(waiting)
        for process in found:
            kill_late(process, "shutdown")


async def unlinked_end(node: Host) -> None:
    """Kill the processes that are not linked to their parent, such as spawned ones; those they started end in order."""
    for process in list(node.processes.values())[::-1]:
        parent = process.parent
        if process is not node.init and (parent is None or not small_set.contains(process.links, parent)):
            links.die(process, "killed")
    await orphans_end(node, None)


def allowed(process: Process) -> float | None:
    """Return the seconds that a process may take to end; None for a supervisor, which limits each of its children."""
    return None if process.context.get(KEEPER) is process.pid else SHUTDOWN


def runs_a_function(process: Process) -> bool:
    """Return whether a process runs a user's function, and not an internal loop."""
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
    """Kill all processes that are left, and wait until their coroutines have ended; each has a limit."""
    for _ in range(MOST_ROUNDS):
        kill_each(node)
        await node.remnants.all_done()
        if len(node.processes) == 1 and not node.remnants.kept:
            return


def close_all(node: Host) -> None:
    """Close what has not ended: processes that were started again and again, or a wait that was cancelled."""
    for _ in range(MOST_ROUNDS):
        kill_each(node)
        for process in list(node.remnants.kept):
            close_body(process)
            node.remnants.done(process)
        if len(node.processes) == 1 and not node.remnants.kept:
            return


def kill_each(node: Host) -> None:
    """Kill all processes except the first one, newest first."""
    for process in list(node.processes.values())[::-1]:
        if process is not node.init:
            links.die(process, "killed")
