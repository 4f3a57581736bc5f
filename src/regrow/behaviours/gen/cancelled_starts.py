"""Waiting for a process that is being started, and ending it when its starter is cancelled.

A cancelled start has failed: the process has ended, and its name is free, before the CancelledError leaves the starter.
The innermost start is ended; the starts that wait for it then fail like any failed start, so that a supervisor stops
the children that it started earlier, in order.

    starter                    supervisor                 child
    -------                    ----------                 -----
    is cancelled               waits for its child        is in its init
      give_up       ---------------------------------->   killed
    waits for its end          stops its children  <----
    cancelled       <------    has not started

This module stays interpreted when the loops are compiled: an `await` where an exception is handled is beyond mypyc.
"""

from __future__ import annotations

from asyncio import CancelledError
from typing import TYPE_CHECKING

from regrow.kernel import links
from regrow.kernel.exits import is_a
from regrow.kernel.mailbox import take_exits
from regrow.kernel.node_shutdown import SHUTDOWN
from regrow.kernel.process_record import CALLING, Host, Process
from regrow.kernel.requests import ANSWERED, CallRequest, wait

if TYPE_CHECKING:
    from regrow.behaviours.gen.start_request import StartRequest


class Attempt:
    """A call of a child's, or an application's, start function by the process that supervises it.

    Attributes:
        process: the process that calls the start function.
        request: the request that asked for this start; None at the start of the supervisor itself.
        given_up: the start was cancelled; a child that has started nevertheless must be stopped.
        interrupted: the number of cancellations of the process's task that this start caused.
    """

    __slots__ = ("given_up", "interrupted", "process", "request")

    def __init__(self, process: Process, request: CallRequest | None) -> None:
        self.process: Process = process
        self.request: CallRequest | None = request
        self.given_up: bool = False
        self.interrupted: int = 0
        process.node.attempts[process] = self

    def is_cancelled(self) -> bool:
        """Whether a CancelledError was meant for this start, and not for the process. Takes back the cancellation."""
        meant = self.interrupted > 0 and self.process.alive
        self.take_back()
        return meant

    def take_back(self) -> None:
        """Undo the cancellations of the process's task that `give_up` made."""
        task = self.process.task
        while self.interrupted > 0:
            self.interrupted -= 1
            if task is not None and self.process.alive:
                task.uncancel()

    def over(self) -> None:
        """End the attempt: the start function has returned or raised."""
        self.take_back()
        attempts = self.process.node.attempts
        if attempts.get(self.process) is self:
            del attempts[self.process]

    def told_to_end(self) -> None:
        """End the start, because the process's parent has sent it a shutdown.

        The process reads its mailbox only when the start is over, which may be never.
        """
        give_up(self.process)


async def wait_for_ack(
    node: Host, caller: Process | None, process: Process, starter: StartRequest, who: object, timeout: float | None
) -> None:
    """Wait until a process has acknowledged its start or has ended, for at most `timeout` seconds."""
    try:
        await wait(node, caller, process.pid, starter, timeout)
    except BaseException as error:
        if caller is None or caller.alive:  # if the caller was killed, its link ends the new process
            await cancelled(node, caller, process, starter, who, is_a(error, CancelledError))
        raise


async def cancelled(
    node: Host, caller: Process | None, process: Process, starter: StartRequest, who: object, may_wait: bool
) -> None:
    """End the process of a starter that was cancelled, and wait until it has ended.

    A process in its `init` is killed; a supervisor stops the children that it has started. A process that was already
    up when the cancellation came is shut down as its parent would shut it down. A second cancellation kills it.
    """
    starter.given_up = True
    parent = node.init if caller is None else caller
    links.unlink(parent, process.pid)
    take_exits(parent, (process.pid,))
    try:
        if not may_wait:
            return
        if starter.state == ANSWERED:
            if process.alive:
                links.exit_signal(process, starter.parent, "shutdown", True)
        else:
            give_up(process)
        if process.alive:
            await node.ended(process, getattr(who, "__regrow_shutdown_limit__", SHUTDOWN))
    finally:
        if process.alive:
            kill_starts(process)


def give_up(process: Process) -> None:
    """End the innermost start that a process is in; the starts that wait for it fail."""
    inner: Process | None = process
    while inner is not None:
        process = inner
        attempt: Attempt | None = process.node.attempts.get(process)
        if attempt is not None:
            attempt.given_up = True
        inner = started_by(process)
    attempt = process.node.attempts.get(process)
    if attempt is not None and process.task is not None:  # its start function awaits something that is no process
        attempt.interrupted += 1
        process.task.cancel()
    else:
        links.die(process, "killed")


def kill_starts(process: Process) -> None:
    """Kill a process, and the processes that it is starting."""
    inner: Process | None = process
    while inner is not None:
        process = inner
        inner = started_by(process)
        links.die(process, "killed")


def started_by(process: Process) -> Process | None:
    """Return the process whose acknowledgement this process waits for; None if it waits for none."""
    waited = process.waiting
    if process.status != CALLING or not isinstance(waited, CallRequest) or not hasattr(waited, "given_up"):
        return None
    return waited.server if type(waited.server) is Process else None
