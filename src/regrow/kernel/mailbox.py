"""A process's mailbox: put, take, and take the message that is wanted. No other module changes one.

A mailbox is None until a message has to wait, and None again when it is empty: an empty deque is 760 bytes.

`put` returns whether it has accepted the message. It always does today: mailboxes are unbounded, as OTP's are. A limit
would be checked in one place, at the end of `put`, before a message begins to wait (a message that a waiting process
takes at once does not count). `put` would then return False, or drop the oldest message, by the limit's policy. The
callers that can react are `sending.send`, `requests.deliver` (which would fail the call) and `client.cast`; a direct
hand-over needs an empty mailbox, so no limit concerns it.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Container
from typing import TYPE_CHECKING, Any

from regrow.kernel.process_record import READY, RECEIVING, SELECTING, Process
from regrow.kernel.refs import Ref
from regrow.kernel.signals import Down, Exited
from regrow.kernel.yields import EMPTY, RESCAN, TIMEOUT, Awaited, Launch, Receive, Throw

if TYPE_CHECKING:
    from regrow.kernel.process_record import Pid, Process


def put(process: Process, message: object) -> bool:
    """Give a message to a process that waits for it, or leave it in the mailbox; return whether it was accepted."""
    # hot: the next branch repeats `Scheduler.wake`, which saves two method calls for each message to an idle process
    # ("ping" and "cast" in the benchmarks; `tests/kernel/test_costs.py`, "a cast is one step").
    if process.status == RECEIVING:
        scheduler = process.node.scheduler
        if process.deadline is None and process.rare is None and scheduler.scheduled:
            scheduler.queue.append(process)
            process.value = message
            process.status = READY
        else:
            scheduler.wake(process, message)
        return True
    if process.status == SELECTING:
        if is_outcome(process, message):  # every message in the mailbox has been examined already
            process.node.scheduler.wake(process, message)
            return True
        # A predicate is the receiver's code, and must not run on the sender's stack.
        process.node.scheduler.wake(process, RESCAN)
    # Last: if the wake above raises, no message is delivered. A limit would be checked before that wake.
    if process.mailbox is None:
        process.mailbox = deque((message,))
    else:
        process.mailbox.append(message)
    return True


def is_outcome(process: Process, message: object) -> bool:
    """Return whether a process waits for this message by its kind alone, so that no code of the receiver has to run."""
    waiting = process.waiting
    return type(waiting) is Receive and type(waiting.kind) is Awaited and waiting.fits(message)


def put_back(process: Process, message: object, place: int) -> None:
    """Put a message that was taken and not handled back, behind the `place` messages that came before it."""
    if process.mailbox is None:
        process.mailbox = deque((message,))
    else:
        process.mailbox.insert(place, message)


def take(process: Process) -> Any:
    """Take the oldest message out of a mailbox that is not None."""
    mailbox = process.mailbox
    assert mailbox is not None
    message = mailbox.popleft()
    if not mailbox:
        process.mailbox = None
    return message


def take_wanted(process: Process, wanted: Receive) -> Any:
    """Take the oldest message that fits, or return EMPTY; the others keep their order."""
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
    """Remove the `Down` of a monitor from the mailbox; there is at most one."""
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
    """Return whether a message has been taken off the mailbox for a process that has not seen it yet."""
    if process.status != READY:
        return False
    value = process.value
    if value is TIMEOUT or value is RESCAN or isinstance(value, Throw | Launch):
        return False
    return value is not None if not process.as_task else type(process.waiting) is Receive


def messages(process: Process) -> list[Any]:
    """Return the messages in the mailbox, oldest first."""
    return [] if process.mailbox is None else list(process.mailbox)


def queued(process: Process) -> list[Any]:
    """Return the waiting messages, oldest first, with one that is on its way to the process in its old place."""
    waiting = messages(process)
    if on_its_way(process):
        wanted = process.waiting
        waiting.insert(wanted.seen if type(wanted) is Receive else 0, process.value)
    return waiting


def remove(process: Process, fits: Callable[[Any], object]) -> list[Any]:
    """Take all messages that fit out of the mailbox and return them, oldest first; the others keep their order."""
    found: list[Any] = []
    if process.mailbox is None:
        return found
    left: deque[Any] = deque()
    for message in process.mailbox:
        (found if fits(message) else left).append(message)
    if found:
        process.mailbox = left or None
    return found


def clear(process: Process) -> None:
    """Drop all messages: the process has ended."""
    process.mailbox = None


def take_exits(process: Process, pids: Container[Pid]) -> dict[Pid, object]:
    """Take the exit messages of these processes, and return the reasons of their ends by pid."""
    ended: dict[Pid, object] = {}
    if process.mailbox is not None:
        for message in remove(process, lambda message: type(message) is Exited and message.pid in pids):
            ended.setdefault(message.pid, message.reason)
    return ended
