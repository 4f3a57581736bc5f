"""Put, take, and take the one I want.

A mailbox is absent until a message has to wait, and absent again when it is drained: an empty deque is 760 bytes.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Container
from typing import TYPE_CHECKING, Any

from regrow.kernel.pid import Ref
from regrow.kernel.process_record import READY, RECEIVING, SELECTING, Process
from regrow.kernel.signals import Down, Exited
from regrow.kernel.yields import EMPTY, RESCAN, TIMEOUT, Awaited, Launch, Receive, Throw

if TYPE_CHECKING:
    from regrow.kernel.pid import Pid
    from regrow.kernel.process_record import Process


def put(process: Process, message: object) -> None:
    """Hand `message` to a process that waits for any, or leave it in its mailbox."""
    if process.status == RECEIVING:
        scheduler = process.node.scheduler
        if process.deadline is None and process.rare is None and scheduler.scheduled:
            scheduler.queue.append(process)  # what `wake` would do, without its calls
            process.value = message
            process.status = READY
        else:
            scheduler.wake(process, message)
        return
    if process.status == SELECTING:
        if is_outcome(process, message):  # all that is in the mailbox has been looked at
            process.node.scheduler.wake(process, message)
            return
        # What it waits for may be decided by code of its own, which must not run on the sender's stack.
        process.node.scheduler.wake(process, RESCAN)
    if process.mailbox is None:
        process.mailbox = deque((message,))
    else:
        process.mailbox.append(message)  # last: what raises before has delivered nothing


def is_outcome(process: Process, message: object) -> bool:
    """Whether a process waits for this, and for nothing that code of its own would have to look at."""
    waiting = process.waiting
    return type(waiting) is Receive and type(waiting.kind) is Awaited and waiting.fits(message)


def put_back(process: Process, message: object, place: int) -> None:
    """Give back a message that was taken and not handled: so many stand before it, which came earlier and stayed."""
    if process.mailbox is None:
        process.mailbox = deque((message,))
    else:
        process.mailbox.insert(place, message)


def take(process: Process) -> Any:
    """The oldest message of a mailbox that is not None."""
    mailbox = process.mailbox
    assert mailbox is not None
    message = mailbox.popleft()
    if not mailbox:
        process.mailbox = None
    return message


def take_wanted(process: Process, wanted: Receive) -> Any:
    """The oldest message that fits, or EMPTY; the others stay in their order."""
    mailbox = process.mailbox
    if mailbox is None:
        return EMPTY
    if wanted.kind is None and wanted.predicate is None:
        return take(process)
    position = wanted.seen
    while position < len(mailbox):
        message = mailbox[position]
        if wanted.fits(message):
            wanted.seen = position
            del mailbox[position]
            if not mailbox:
                process.mailbox = None
            return message
        position += 1
    wanted.seen = position
    return EMPTY


def remove_down(process: Process, ref: Ref) -> None:
    """Take the `Down` of a monitor, of which there is at most one, out of the mailbox."""
    mailbox = process.mailbox
    if mailbox is None:
        return
    for position, message in enumerate(mailbox):
        if type(message) is Down and message.ref is ref:
            del mailbox[position]
            if not mailbox:
                process.mailbox = None
            return


def on_its_way(process: Process) -> bool:
    """Whether a message has been taken off the mailbox for a process that has not seen it yet."""
    if process.status != READY:
        return False
    value = process.value
    if value is TIMEOUT or value is RESCAN or isinstance(value, Throw | Launch):
        return False
    return value is not None if not process.as_task else type(process.waiting) is Receive


def queued(process: Process) -> list[object]:
    """The messages that wait, oldest first; one that is already on its way in stands in the place that it had."""
    waiting = list(process.mailbox) if process.mailbox is not None else []
    if on_its_way(process):
        wanted = process.waiting
        waiting.insert(wanted.seen if type(wanted) is Receive else 0, process.value)
    return waiting


def take_exits(keeper: Process, pids: Container[Pid]) -> dict[Pid, object]:
    """Take the exit messages of those that have gone already, all at once; gives the reasons of their ends."""
    ended: dict[Pid, object] = {}
    mailbox = keeper.mailbox
    if mailbox is None:
        return ended
    left: list[Any] = []
    for message in mailbox:
        if type(message) is Exited and message.pid in pids:
            ended.setdefault(message.pid, message.reason)
        else:
            left.append(message)
    if ended:
        mailbox.clear()
        mailbox.extend(left)
        if not left:
            keeper.mailbox = None
    return ended
