"""Sending messages, and the waits that also work in an adopted asyncio task."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any, Final, TypeVar

from regrow.kernel import aliases, bounded_repr, mailbox, names
from regrow.kernel.addresses import Address
from regrow.kernel.awaitables import OTHERS, Settled
from regrow.kernel.clock import seconds
from regrow.kernel.current_node import CURRENT, current_node
from regrow.kernel.process_record import RUNNING, SELECTING, Alias, Host, Pid, Process
from regrow.kernel.running import running
from regrow.kernel.signals import AliasSignal, SendSignal
from regrow.kernel.yields import EMPTY, TIMEOUT, Receive

Message = TypeVar("Message")
MOST_ROUNDS: Final = 16  # rounds of the loop, each with a turn, that `send_after_runnable` waits at most


def send(address: Address, message: Message) -> Message:
    """Send `message` to a pid, a name, an alias or `(name, node)`, and return it (`erlang:send/2`). Never waits.

    A message to a dead process, an inactive alias or a name on an unknown node is dropped.

    Raises:
        NoNode: there is no node in this thread.
        ValueError: no process has this name.
        TypeError: this is no address.
    """
    node = CURRENT.node or current_node()
    if node.trace is not None:
        caller = node.caller()
        node.trace.emit("send", node.guest if caller is None else caller.pid, address, message)
    if type(address) is not Pid:
        found = _receiver(node, address, message)
        if found is None:
            return message
        address = found
    target = address.process
    if target is not None and target.node is node:
        mailbox.put(target, message)
    elif address.node is not node:
        address.node.deliver(SendSignal(node.guest, address, message))
    return message


def _receiver(node: Host, address: Address, message: object) -> Pid | None:
    """Return the pid of an address that is none; None if there is no receiver, or if another node's alias got it."""
    if isinstance(address, Alias):
        if address.owner.node is node:
            return aliases.pid_behind(address)
        address.owner.node.deliver(AliasSignal(node.guest, address, message))
        return None
    pid = names.find(node, address)
    if pid is None and type(address) is not tuple:
        raise ValueError(
            f"cannot send to {bounded_repr.safe_repr(address)}: no process has this name. See `whereis(name)`"
        )
    return pid


def send_after_runnable(process: Process, message: object) -> None:
    """Put a message into a mailbox of this node when every process and task that is runnable now has had its step.

    A server that gathers requests sends itself such a message at the first one: when it comes, the others are there.
    The clock does not move meanwhile. A message to a process that has ended by then is dropped.
    """
    scheduler = process.node.scheduler
    if not scheduler.closed:
        scheduler.loop.call_soon(_put_after_runnable, process, message, MOST_ROUNDS)


def _put_after_runnable(process: Process, message: object, rounds: int) -> None:
    """Put the message, or wait for the next round of the loop, because the turn was over before the queue was empty."""
    scheduler = process.node.scheduler
    if scheduler.closed or not process.alive:
        return
    if scheduler.queue and rounds > 0:
        scheduler.loop.call_soon(_put_after_runnable, process, message, rounds - 1)
    else:
        mailbox.put(process, message)


async def receive_adopted(process: Process, wanted: Receive) -> Any:
    """Wait for a message in an asyncio task that is a process, by a future that the next message completes."""
    clock = process.node.clock
    ends = None if wanted.timeout is None else clock.now() + wanted.timeout
    while True:
        if not process.node.scheduler.has_time():
            await OTHERS
        message = mailbox.take_wanted(process, wanted)
        if message is not EMPTY:
            return message
        if ends is not None and clock.now() >= ends:
            return TIMEOUT
        future: asyncio.Future[Any] = process.node.loop.create_future()
        process.waiting = future
        process.status = SELECTING
        if ends is not None:
            process.node.scheduler.limit(process, ends - clock.now())
        try:
            await Settled(future)  # completed by a message or by the timeout: scan the mailbox again
        finally:
            process.status = RUNNING
            process.waiting = None
            if process.deadline is not None:
                process.node.scheduler.timers.cancel(process.deadline)
                process.deadline = None


async def sleep(delay: float | timedelta | None) -> None:
    """Suspend this process for `delay` seconds of its node's clock, None for ever (`timer:sleep/1`).

    Messages that arrive meanwhile stay in the mailbox.
    """
    wanted = Receive((), seconds(delay, "sleep"))
    process = running()
    if process.rare is not None and process.rare.adopted is not None:
        await receive_adopted(process, wanted)
    else:
        await wanted
