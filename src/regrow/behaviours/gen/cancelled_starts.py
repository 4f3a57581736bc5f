"""The word of a process that is being started, and what becomes of it when its starter is cancelled.

A start that is cancelled is a start that has failed: the process is gone, and its name free, when the cancellation
leaves the starter. What that ends is the innermost start; those that wait for it fail as they do when a start fails, so
that a supervisor stops the children before it in order.

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

from regrow.behaviours.gen.request import wait
from regrow.kernel import links
from regrow.kernel.exits import is_a
from regrow.kernel.mailbox import take_exits
from regrow.kernel.node import Node
from regrow.kernel.node_shutdown import SHUTDOWN
from regrow.kernel.process_record import CALLING, Process
from regrow.kernel.requests import ANSWERED, CallRequest

if TYPE_CHECKING:
    from regrow.behaviours.gen.starting import StartRequest


class Attempt:
    """A process calls the start function of a child, or of an application, in its own name.

    Attributes:
        request: what it was asked to start, if it was asked.
        given_up: the start was cancelled: what has started all the same is to be stopped.
        interrupted: so often has that cancelled the process's task.
    """

    __slots__ = ("given_up", "interrupted", "process", "request")

    def __init__(self, process: Process, request: CallRequest | None) -> None:
        self.process: Process = process
        self.request: CallRequest | None = request
        self.given_up: bool = False
        self.interrupted: int = 0
        process.node.attempts[process] = self

    def is_cancelled(self) -> bool:
        """Whether a CancelledError that has come means this start, and not the process; it is taken back then."""
        meant = self.interrupted > 0 and self.process.alive
        self.take_back()
        return meant

    def take_back(self) -> None:
        """The process's task is cancelled no more."""
        task = self.process.task
        while self.interrupted > 0:
            self.interrupted -= 1
            if task is not None and self.process.alive:
                task.uncancel()

    def over(self) -> None:
        """The start function has returned or raised."""
        self.take_back()
        attempts = self.process.node.attempts
        if attempts.get(self.process) is self:
            del attempts[self.process]

    def told_to_end(self) -> None:
        """The process has been told to end by its parent. It would hear of it when the start is over, or never."""
        give_up(self.process)


async def word(
    node: Node, caller: Process | None, process: Process, starter: StartRequest, who: object, timeout: float | None
) -> None:
    """Wait until a process has acknowledged its start, has ended, or has had its time."""
    try:
        await wait(node, caller, process.pid, starter, timeout)
    except BaseException as error:
        if caller is None or caller.alive:  # one that was killed leaves what it started to its link
            await cancelled(node, caller, process, starter, who, is_a(error, CancelledError))
        raise


async def cancelled(
    node: Node, caller: Process | None, process: Process, starter: StartRequest, who: object, may_wait: bool
) -> None:
    """The starter is cancelled: end the process, and wait until it has ended.

    A process in its `init` is killed, a supervisor stops the children that it has. One that is up already, in the moment
    of the cancellation, is ended as its parent would end it. A second cancellation kills it.
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
            await node.ended(process, getattr(who, "__regrow_patience__", SHUTDOWN))
    finally:
        if process.alive:
            kill_starts(process)


def give_up(process: Process) -> None:
    """End the innermost start that a process is in: those that wait for it hear that it has failed."""
    inner: Process | None = process
    while inner is not None:
        process = inner
        attempt: Attempt | None = process.node.attempts.get(process)
        if attempt is not None:
            attempt.given_up = True
        inner = started_by(process)
    attempt = process.node.attempts.get(process)
    if attempt is not None and process.task is not None:  # it waits for something else than a start of ours
        attempt.interrupted += 1
        process.task.cancel()
    else:
        links.die(process, "killed")


def kill_starts(process: Process) -> None:
    """Kill a process, and what it is starting."""
    inner: Process | None = process
    while inner is not None:
        process = inner
        inner = started_by(process)
        links.die(process, "killed")


def started_by(process: Process) -> Process | None:
    """The process for whose word this one waits."""
    waited = process.waiting
    if process.status != CALLING or not isinstance(waited, CallRequest) or not hasattr(waited, "given_up"):
        return None
    return waited.server
