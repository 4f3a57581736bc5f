"""Send and receive."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any, TypeVar

from regrow.kernel import bounded_repr, links, mailbox, names
from regrow.kernel.addresses import Address
from regrow.kernel.awaitables import OTHERS, Settled
from regrow.kernel.clock import seconds
from regrow.kernel.current_node import CURRENT, current_node
from regrow.kernel.node import Node
from regrow.kernel.pid import Alias, Monitor, Pid
from regrow.kernel.process_record import RUNNING, SELECTING, Process
from regrow.kernel.running import running
from regrow.kernel.signals import Signal
from regrow.kernel.yields import EMPTY, TIMEOUT, Receive

Message = TypeVar("Message")


def send(address: Address, message: Message) -> Message:
    """Send `message` to a pid, a name, an alias or `(name, node)`, and return it (`erlang:send/2`). Never waits.

    What is sent to a dead process, a switched off alias or a foreign node's name is dropped.

    Raises:
        NoNode: there is no node in this thread.
        ValueError: nobody has this name.
        TypeError: this is no address.
    """
    node = CURRENT.node or current_node()
    if node.trace is not None:
        caller = node.caller()
        node.trace.tell("send", node.guest if caller is None else caller.pid, address, message)
    if type(address) is not Pid:
        found = _receiver(node, address, message)
        if found is None:
            return message
        address = found
    target = address.process
    if target is not None:
        if target.node is node:
            mailbox.put(target, message)
        else:
            target.node.door(Signal("send", node.guest, address, message, None))
    return message


def _receiver(node: Node, address: Address, message: object) -> Pid | None:
    """Whom a message to something that is not a pid reaches."""
    if isinstance(address, Alias):
        if address.owner.node is node:
            return _behind(address)
        address.owner.node.post(_arrive, address, message)  # an alias is switched off by its own node alone
        return None
    pid = names.find(node, address)
    if pid is None and type(address) is not tuple:
        raise ValueError(f"cannot send to {bounded_repr.safe_repr(address)}: nobody has this name. See `whereis(name)`")
    return pid


def _behind(address: Alias) -> Pid | None:
    """Whose alias this is, if it is on; one that is for a single message is off from now on."""
    owner = address.owner
    if address.mode == "":
        return None
    if address.mode in ("reply", "reply_demonitor") and owner.process is not None:
        if isinstance(address, Monitor):
            links.demonitor(owner.process, address)
        owner.node.drop_alias(owner.process, address)
    return owner


def _arrive(address: Alias, message: object) -> None:
    """A message from another node has come to an alias of this one."""
    owner = _behind(address)
    if owner is not None and owner.process is not None:
        mailbox.put(owner.process, message)


async def receive_adopted(process: Process, wanted: Receive) -> Any:
    """The same in an asyncio task that is a process: it waits for a future, which its mail completes."""
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
            await Settled(future)  # mail has come, or the time is over: look again
        finally:
            process.status = RUNNING
            process.waiting = None
            if process.deadline is not None:
                process.node.scheduler.timers.cancel(process.deadline)
                process.deadline = None


async def sleep(delay: float | timedelta | None) -> None:
    """Let this process wait for `delay` seconds of its node's clock, None for ever (`timer:sleep/1`). Its mail waits too."""
    wanted = Receive((), seconds(delay, "sleep"))
    process = running()
    if process.rare is not None and process.rare.adopted is not None:
        await receive_adopted(process, wanted)
    else:
        await wanted
