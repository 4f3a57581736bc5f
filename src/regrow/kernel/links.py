"""Links, monitors, and what a process's end does to them.

The order at an end: the process is dead for all others, its name is free, each link gets an exit signal, each monitor a
`Down`, each waiting caller a failed request. Processes that end because of it follow one by one, in a queue, so that a
chain of ten thousand links needs no deep stack.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from regrow.kernel.mailbox import clear, put
from regrow.kernel.process_record import (
    AWAITING,
    ENDED,
    NEW,
    READY,
    RUNNING,
    Monitor,
    Pid,
    Process,
    add_alias,
    drop_alias,
    extras,
)
from regrow.kernel.refs import Ref
from regrow.kernel.requests import FAILED, CallRequest, answer
from regrow.kernel.signals import (
    DemonitorSignal,
    Down,
    DownSignal,
    Exited,
    LinkExitSignal,
    LinkSignal,
    MonitorSignal,
    UnlinkAckSignal,
    UnlinkSignal,
)
from regrow.kernel.small_set import add, contains, discard, items
from regrow.kernel.trace import watch_the_dead
from regrow.kernel.user_errors import swallow
from regrow.kernel.wakeups import close_body, stop_waiting
from regrow.kernel.yields import Throw

if TYPE_CHECKING:
    from regrow.kernel.deadlines import Deadline
    from regrow.kernel.process_record import Host

# Links


def link(process: Process, other: Pid) -> None:
    """Link two processes: when one ends, the other gets an exit signal (`erlang:link/1`)."""
    if other is process.pid:
        return
    if other.node is not process.node:
        link_elsewhere(process, other)
    elif other.process is None:
        exit_signal(process, other, "noproc", True)
    else:
        process.links = add(process.links, other)
        other.process.links = add(other.process.links, process.pid)
        if process.node.trace is not None:
            process.node.trace.emit("link", process.pid, other)


def unlink(process: Process, other: Pid) -> None:
    """Remove a link. An exit message that came before it stays in the mailbox (`erlang:unlink/1`)."""
    if other.node is not process.node:
        unlink_elsewhere(process, other)
        return
    process.links = discard(process.links, other)
    if other.process is not None:
        other.process.links = discard(other.process.links, process.pid)


# Links to other nodes. Both ends keep the link, and signals may cross, so both ends follow the protocol of OTP's
# distribution:
#
#   link      is sent if there is no link; otherwise nothing is to be done
#   unlink    has a ref, and is sent if there is a link; until it is acknowledged, a "link" from the other node is older
#             than it, and is ignored
#   unlinked  acknowledges an unlink, also for a dead process
#
# A process that links again does not wait for the acknowledgement: its "link" follows its "unlink".


def link_elsewhere(process: Process, other: Pid) -> None:
    """Link a process to a process of another node."""
    if contains(process.links, other):
        return
    if not other.node.deliver(LinkSignal(process.pid, other)):
        exit_signal(process, other, "noconnection", True)
        return
    if process.rare is not None and process.rare.unlinking is not None:
        process.rare.unlinking.pop(other, None)
    process.links = add(process.links, other)
    if process.node.trace is not None:
        process.node.trace.emit("link", process.pid, other)


def unlink_elsewhere(process: Process, other: Pid) -> None:
    """Remove the link of a process to a process of another node."""
    if not contains(process.links, other):
        return
    process.links = discard(process.links, other)
    id = Ref()
    if other.node.deliver(UnlinkSignal(process.pid, other, id)):
        rare = extras(process)
        if rare.unlinking is None:
            rare.unlinking = {}
        rare.unlinking[other] = id


def linked_from_elsewhere(signal: LinkSignal, target: Process | None) -> None:
    """Add the link that a process of another node has made, unless this end has removed it since."""
    source = signal.source
    if target is None:
        source.node.deliver(LinkExitSignal(signal.target, source, "noproc"))
    elif target.rare is None or target.rare.unlinking is None or source not in target.rare.unlinking:
        target.links = add(target.links, source)


def unlinked_from_elsewhere(signal: UnlinkSignal, target: Process | None) -> None:
    """Remove the link that a process of another node has removed, and acknowledge it."""
    if target is not None:
        target.links = discard(target.links, signal.source)
    signal.source.node.deliver(UnlinkAckSignal(signal.target, signal.source, signal.id))


def unlink_acknowledged(signal: UnlinkAckSignal, target: Process | None) -> None:
    """Note that the other node has handled the last unlink: a link signal from there is newer than it."""
    unlinking = None if target is None or target.rare is None else target.rare.unlinking
    if unlinking is not None and unlinking.get(signal.source) is signal.id:
        del unlinking[signal.source]


def exit_signal(process: Process, source: Pid, reason: object, linked: bool) -> None:
    """Give a process an exit signal: `kill` ends it, one that traps exits gets a message, `normal` is ignored."""
    if process.node.trace is not None:
        process.node.trace.emit("signal", source, process.pid, reason)
    word = reason if type(reason) is str else ""
    if word == "kill" and not linked:
        die(process, "killed")
    elif process.trap_exit:
        if source is process.parent:
            process.node.told_by_parent(process)
        put(process, Exited(source, reason))
    elif word != "normal" or (source is process.pid and not linked):
        die(process, reason)


# Monitors


def monitor(
    process: Process,
    target: object,
    watched: Pid | None,
    tag: object = None,
    mode: str = "",
    absent: str = "noproc",
) -> Monitor:
    """Send `process` a `Down` when `watched` ends, or at once with the reason `absent`; `target` is the user's address."""
    ref = Monitor(process.pid, watched, target)
    ref.tag = tag
    if watched is process.pid:  # a process that monitors itself gets a ref without effect
        ref.watched = None
        return ref
    if mode:
        ref.mode = mode
        add_alias(process, ref)
    if watched is None or (watched.process is None and watched.node is process.node):
        ref.watched = None
        deliver_down(process, ref, absent)
    else:
        process.monitors = add(process.monitors, ref)
        if watched.node is not process.node:
            if not watched.node.deliver(MonitorSignal(process.pid, watched, ref)):
                fire(ref, "noconnection")
        elif watched.process is not None:
            watched.process.watchers = add(watched.process.watchers, ref)
    return ref


def demonitor(process: Process, ref: Monitor) -> bool:
    """Remove a monitor; return whether it was still active."""
    if ref.mode in ("demonitor", "reply_demonitor"):
        drop_alias(process, ref)
    watched = ref.watched
    if watched is None or ref.owner is not process.pid:
        return False
    ref.watched = None
    process.monitors = discard(process.monitors, ref)
    if watched.node is not process.node:
        watched.node.deliver(DemonitorSignal(process.pid, watched, ref))
    elif watched.process is not None:
        watched.process.watchers = discard(watched.process.watchers, ref)
    return True


def fire(ref: Monitor, reason: object) -> None:
    """Send the watcher its `Down`, once: the watched process has ended."""
    if ref.watched is None:
        return
    watched, watcher = ref.watched, ref.owner.process
    try:
        ref.watched = None
        if watcher is not None:
            deliver_down(watcher, ref, reason)
    except BaseException:
        ref.watched = watched  # the `Down` was not sent: `notify_death`, interrupted here, sends it when it is repeated
        raise
    if watcher is not None:
        watcher.monitors = discard(watcher.monitors, ref)


def deliver_down(watcher: Process, ref: Monitor, reason: object) -> None:
    """Give a watcher the `Down` of its monitor; an alias that lives as long as the monitor is off before that."""
    if ref.mode in ("demonitor", "reply_demonitor"):
        drop_alias(watcher, ref)
    if watcher.node.trace is not None:
        watcher.node.trace.emit("down", ref.target, watcher.pid, reason)
    put(watcher, Down(ref, ref.target, reason, ref.tag))


# Death


def die(process: Process, reason: object) -> None:
    """End `process` with `reason`. It is dead for all others at once, whatever its body still has to unwind.

    It cannot stop half-way: if the stack is too short for what follows, or the handler of a signal raises in between,
    the next turn does the rest (`unfinished.py`).
    """
    if not process.alive:
        return
    node = process.node
    scheduler = node.scheduler
    if not scheduler.scheduled and not node.loop.is_closed():
        scheduler.want_turn()  # if it cannot be had, nothing has changed
    process.reason = reason
    scheduler.dying.append(process)
    process.alive = False
    process.pid.process = None
    try:
        node.remove(process)
        if node.burying:
            return
        # hot: repeats `bury_all` for one process, which saves a call and a look-up for each end ("spawn" in the
        # benchmarks; `tests/kernel/test_costs.py`, "a process that ends is one step").
        if len(scheduler.dying) == 1:
            node.burying = True
            try:
                notify_death(process, reason)
                scheduler.dying.popleft()
            finally:
                node.burying = False
        if scheduler.dying:
            bury_all(node)
    except BaseException as error:
        scheduler.steps, scheduler.turn_ends = 0, -1.0  # this turn is over
        if type(error) is not RecursionError:
            swallow(error)


def bury_all(node: Host) -> None:
    """Bury all processes that have ended, one by one, and those that end because of it."""
    node.burying = True
    dying = node.scheduler.dying
    try:
        while dying:
            process = dying[0]
            if process.pid in node.processes:  # `die` was interrupted before it removed the process
                node.remove(process)
            notify_death(process, process.reason)
            dying.popleft()
    finally:
        node.burying = False


def notify_death(process: Process, reason: object) -> None:
    """Send exit signals, `Down` messages and failed requests for a process that has ended, and release what it held.

    It may be repeated from its beginning after an exception: each signal is sent once, because a process that has got
    its signal is no longer linked, no longer monitors, or has its answer.
    """
    if process.node.trace is not None:
        process.node.trace.emit("exit", process.pid, reason)
    forget(process)
    links, watchers = process.links, process.watchers
    other: Pid
    for other in items(links) if links is not None else ():
        if other.node is not process.node:
            other.node.deliver(LinkExitSignal(process.pid, other, reason))
        elif other.process is not None:
            linked = other.process
            if linked.links is not process.pid and not contains(linked.links, process.pid):
                continue
            try:
                linked.links = discard(linked.links, process.pid)
                exit_signal(linked, process.pid, reason, True)
            except BaseException:
                linked.links = add(linked.links, process.pid)  # the signal was not sent: the repetition sends it
                raise
    for watcher in items(watchers) if watchers is not None else ():
        if type(watcher) is Monitor:
            if watcher.owner.node is process.node:
                fire(watcher, reason)
            else:
                watcher.owner.node.deliver(DownSignal(process.pid, watcher.owner, watcher, reason))
        else:
            request: CallRequest = watcher
            if request.pid.node is process.node:  # the fields of another node's request are for its thread alone
                request.server = None
            answer(request, FAILED, reason)
    process.links = process.watchers = None
    end_body(process)


def forget(process: Process) -> None:
    """Drop the monitors, aliases and timers of a process that has ended."""
    if process.monitors is not None:
        for ref in items(process.monitors):
            demonitor(process, ref)
        process.monitors = None
    clear(process)
    process_rare = process.rare
    if process_rare is not None:
        for alias in process_rare.aliases:
            alias.mode = ""
        process_rare.aliases.clear()
        timers: list[Deadline] = list(process_rare.timers)
        for timer in timers:
            process.node.scheduler.timers.cancel(timer)
        process_rare.timers.clear()


def end_body(process: Process) -> None:
    """Unwind the body of a dead process: close the loop of a behaviour, cancel a user's coroutine where it awaits."""
    scheduler = process.node.scheduler
    status = process.status
    if process.rare is not None and process.rare.adopted is not None:
        process.node.end_adopted(process)
    elif status == RUNNING:
        watch_the_dead(process)  # it is on the stack, and the kernel unwinds it when it comes back
    elif status == ENDED:
        return  # the body has ended already
    elif process.as_task and status != NEW:
        process.node.remnants.begin(process)
        if status == AWAITING and process.task is not None:
            process.task.cancel()
        else:
            stop_waiting(process)
            if status != READY or not isinstance(process.value, Throw):
                scheduler.ready_first(process, Throw(process.node.remnants.cancelled()))
    else:
        stop_waiting(process)
        close_body(process)
