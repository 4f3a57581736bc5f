"""The running process, and the unwinding of a process that is ended while it runs."""

from __future__ import annotations

import asyncio
from asyncio import CancelledError
from sys import exception
from typing import Any

from regrow.kernel import exits
from regrow.kernel.current_node import CURRENT, current_node
from regrow.kernel.process_record import RUNNING, Pid, Process
from regrow.kernel.yields import DIE


def running() -> Process:
    """The process that runs now.

    Raises:
        NoNode: there is no node in this thread.
        RuntimeError: the code runs in a plain asyncio task.
    """
    node = CURRENT.node or current_node()
    process = node.scheduler.current
    if process is None:
        process = node.caller()
    if process is None:
        raise RuntimeError(
            "this runs in a plain asyncio task, which is no process and has neither a pid nor a mailbox.\n"
            "  Run it in one with spawn(…), or make the task a process with `async with process.adopt():`"
        )
    return process


def running_alive() -> Process:
    """Return the running process; raise KilledWhileRunning if something it called has killed it."""
    process = running()
    if not process.alive:
        exit_if_killed(process)
        raise exits.KilledWhileRunning
    return process


def exit_if_killed(process: Process | None) -> None:
    """Unwind the running process if what it did has ended it."""
    if process is None or process.alive or process.status != RUNNING:
        return
    if process.rare is not None and process.rare.adopted is not None:
        raise CancelledError  # its asyncio task ends as cancelled
    if process.as_task:
        process.node.remnants.begin(process)  # it is unwound from here on: its later awaits are not cancelled again
    raise exits.KilledWhileRunning


def unless_dead(process: Process) -> None:
    """Unwind again a dead process that has caught the exception that unwinds it, and continues.

    Code in a `finally` or an `__exit__` that releases resources is not unwound: it runs while that exception is being
    handled; see `remnants.py`.
    """
    if not process.alive and exception() is None:
        exit_if_killed(process)
        raise exits.KilledWhileRunning


def current() -> Pid:
    """The pid of the running process (`erlang:self/0`).

    Raises:
        NoNode: there is no node in this thread.
        RuntimeError: the code runs in a plain asyncio task.
    """
    return running().pid


class _Die:
    """Yields to the kernel for the last time."""

    def __await__(self) -> Any:
        yield DIE


async def unwind() -> None:
    """Return control from the running process, which is dead, to the kernel; never returns.

    Raises:
        CancelledError: it runs as a task of asyncio's own, which the kernel cannot take off its stack.
    """
    caller = current_node().caller()
    task: Any = asyncio.current_task()
    if caller is None or caller.task is None or caller.task is not task:
        raise CancelledError
    await _Die()
