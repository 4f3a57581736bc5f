"""The effect of each signal from another node, in the thread of the node that receives it.

| signal                   | effect                                                                           |
|--------------------------|----------------------------------------------------------------------------------|
| SendSignal, AliasSignal  | put the message into the mailbox, unless the process is dead or the alias is off |
| ExitSignal               | `links.exit_signal`                                                              |
| LinkSignal, UnlinkSignal | change the target's links; see the table in `links.py`                           |
| UnlinkAckSignal          | later link signals from that process count again                                 |
| LinkExitSignal           | remove the link, then `links.exit_signal`, unless the link is gone already       |
| MonitorSignal            | add a watcher; answer with a `DownSignal` ("noproc") if the process is dead      |
| DemonitorSignal          | remove the watcher                                                               |
| DownSignal               | `links.fire`, once                                                               |
| CallSignal               | add a watcher and put the request; fail it with "noproc" if the process is dead  |
| AbandonSignal            | remove the watcher                                                               |
| ReplySignal              | `requests.settle`                                                                |
"""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from regrow.kernel import aliases, links, requests, small_set
from regrow.kernel.mailbox import put
from regrow.kernel.signals import (
    AbandonSignal,
    AliasSignal,
    AnySignal,
    CallSignal,
    DemonitorSignal,
    DownSignal,
    ExitSignal,
    LinkExitSignal,
    LinkSignal,
    MonitorSignal,
    ReplySignal,
    SendSignal,
    UnlinkAckSignal,
    UnlinkSignal,
)

if TYPE_CHECKING:
    from regrow.kernel.peer import Signal
    from regrow.kernel.process_record import Pid


def receive(signal: Signal) -> None:
    """Handle a signal from another node. Signals from one process arrive in the order in which it sent them."""
    known = cast("AnySignal", signal)
    match known:
        case SendSignal():
            receive_message(known)
        case AliasSignal():
            aliases.send(known.alias, known.message)
        case ExitSignal():
            receive_exit(known)
        case LinkSignal():
            links.linked_from_elsewhere(known, known.target.process)
        case UnlinkSignal():
            links.unlinked_from_elsewhere(known, known.target.process)
        case UnlinkAckSignal():
            links.unlink_acknowledged(known, known.target.process)
        case LinkExitSignal():
            receive_link_exit(known)
        case MonitorSignal():
            receive_monitor(known)
        case DemonitorSignal():
            forget_watcher(known.target, known.monitor)
        case DownSignal():
            links.fire(known.monitor, known.reason)
        case CallSignal():
            receive_call(known)
        case AbandonSignal():
            forget_watcher(known.target, known.request)
        case ReplySignal():
            requests.settle(known.request, known.state, known.answer)


def receive_message(signal: SendSignal) -> None:
    """Put a message into the mailbox; drop it if the process is dead."""
    target = signal.target.process
    if target is not None:
        put(target, signal.message)


def receive_exit(signal: ExitSignal) -> None:
    """Give a process the exit signal of `exit(pid, reason)`."""
    target = signal.target.process
    if target is not None:
        links.exit_signal(target, signal.source, signal.reason, False)


def receive_link_exit(signal: LinkExitSignal) -> None:
    """Give a process the exit signal of a link, unless it has removed that link."""
    target = signal.target.process
    if target is not None and small_set.contains(target.links, signal.source):
        target.links = small_set.discard(target.links, signal.source)
        links.exit_signal(target, signal.source, signal.reason, True)


def receive_monitor(signal: MonitorSignal) -> None:
    """Let a process of another node watch this one; a dead one is down at once."""
    target = signal.target.process
    if target is not None:
        target.watchers = small_set.add(target.watchers, signal.monitor)
    else:
        signal.source.node.deliver(DownSignal(signal.target, signal.source, signal.monitor, "noproc"))


def receive_call(signal: CallSignal) -> None:
    """Put a request into the mailbox, and let it watch the server."""
    target = signal.target.process
    if target is not None:
        target.watchers = small_set.add(target.watchers, signal.request)
        put(target, signal.request)
    else:
        requests.answer(signal.request, requests.FAILED, "noproc")


def forget_watcher(target: Pid, watcher: object) -> None:
    """Remove a watcher of another node, if the process still lives."""
    if target.process is not None:
        target.process.watchers = small_set.discard(target.process.watchers, watcher)
