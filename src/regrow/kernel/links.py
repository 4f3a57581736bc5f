"""Links and monitors, the answers that callers wait for, and what a death does to all of them.

An end is told in this order: the process is dead to everyone, its name is free, its links get an exit signal each, its
monitors a `Down` each, its callers a `CalleeExit`. Deaths that follow from a death are told after it, one by one, so
that a chain of ten thousand links needs no deep stack.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, cast

from regrow.kernel.here import CALLBACK_FRAMES, swallow
from regrow.kernel.mailbox import put
from regrow.kernel.pid import AWAITING, CALLING, ENDED, NEW, READY, RUNNING, Monitor, Pid, Process, Ref, rare
from regrow.kernel.signals import (
    BY_MESSAGE,
    CLOSED,
    FAILED,
    PENDING,
    Down,
    Exited,
    Request,
    Signal,
    Throw,
)
from regrow.kernel.trace import watch_the_dead
from regrow.kernel.waits import close_body, stop_waiting

if TYPE_CHECKING:
    from regrow.kernel.node import Node
    from regrow.kernel.timers import Timer

# Who else is concerned: None, then the one, then a dict.


def added(kept: object, one: object) -> object:
    """`kept` with `one` in it."""
    if kept is None or kept is one:
        return one
    if type(kept) is dict:
        many: Any = kept  # pyright: ignore[reportUnknownVariableType]
        many[one] = None
        return many
    return {kept: None, one: None}


def removed(kept: object, one: object) -> object:
    """`kept` without `one`."""
    if type(kept) is dict:
        many: Any = kept  # pyright: ignore[reportUnknownVariableType]
        many.pop(one, None)
        return many or None
    return None if kept is one else kept


def each(kept: object) -> Iterable[Any]:
    """All that is in `kept`, in the order in which it came."""
    if type(kept) is dict:
        return tuple(cast("dict[object, None]", kept))
    return () if kept is None else (kept,)


def contains(kept: object, one: object) -> bool:
    """Whether `one` is in `kept`."""
    return one in kept if type(kept) is dict else kept is one


# Links


def link(process: Process, other: Pid) -> None:
    """Tie two processes: when one ends, the other gets an exit signal (`erlang:link/1`)."""
    if other is process.pid:
        return
    if other.node is not process.node:
        link_elsewhere(process, other)
    elif other.process is None:
        exit_signal(process, other, "noproc", True)
    else:
        process.links = added(process.links, other)
        other.process.links = added(other.process.links, process.pid)
        if process.node.trace is not None:
            process.node.trace.tell("link", process.pid, other)


def unlink(process: Process, other: Pid) -> None:
    """Untie them. An exit message that has come before stays in the mailbox (`erlang:unlink/1`)."""
    if other.node is not process.node:
        unlink_elsewhere(process, other)
        return
    process.links = removed(process.links, other)
    if other.process is not None:
        other.process.links = removed(other.process.links, process.pid)


# Links to other nodes. Both ends keep the link, and signals cross; so both do as the ends of OTP's distribution do:
#
#   link      is sent where there is no link; where there is one nothing is to be done
#   unlink    has a ref, and is sent where there is a link; until it is acknowledged, a "link" from there is older than
#             it, and counts for nothing
#   unlinked  acknowledges it, from a dead process, too
#
# A process that links again does not wait for that: its "link" comes behind its "unlink".


def link_elsewhere(process: Process, other: Pid) -> None:
    """Tie a process to one of another node."""
    if contains(process.links, other):
        return
    if not other.node.door(Signal("link", process.pid, other, None, None)):
        exit_signal(process, other, "noconnection", True)
        return
    if process.rare is not None and process.rare.unlinking is not None:
        process.rare.unlinking.pop(other, None)
    process.links = added(process.links, other)
    if process.node.trace is not None:
        process.node.trace.tell("link", process.pid, other)


def unlink_elsewhere(process: Process, other: Pid) -> None:
    """Untie a process from one of another node."""
    if not contains(process.links, other):
        return
    process.links = removed(process.links, other)
    ref = Ref()
    if other.node.door(Signal("unlink", process.pid, other, ref, None)):
        kept = rare(process)
        if kept.unlinking is None:
            kept.unlinking = {}
        kept.unlinking[other] = ref


def admit_link(signal: Signal, target: Process | None) -> None:
    """The signals that concern a link to another node, which have come to this one."""
    source = signal.source
    assert source is not None
    unlinking = None if target is None or target.rare is None else target.rare.unlinking
    if signal.kind == "link":
        if target is None:
            source.node.door(Signal("exit_link", signal.target, source, "noproc", None))
        elif unlinking is None or source not in unlinking:
            target.links = added(target.links, source)
    elif signal.kind == "unlink":
        if target is not None:
            target.links = removed(target.links, source)
        source.node.door(Signal("unlinked", signal.target, source, signal.reason, None))
    elif unlinking is not None and unlinking.get(source) is signal.reason:
        del unlinking[source]


def exit_signal(process: Process, source: Pid, reason: object, linked: bool) -> None:
    """What an exit signal does to a process: `kill` ends it, a trapping one gets a message, `normal` is ignored."""
    if process.node.trace is not None:
        process.node.trace.tell("signal", source, process.pid, reason)
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
    """Let `process` be told when `watched` ends, or that it is `absent`. `target` is what the user wrote, a pid or a name."""
    ref = Monitor(process.pid, watched, target)
    ref.tag = tag
    if watched is process.pid:  # a ref, and nothing behind it
        ref.watched = None
        return ref
    if mode:
        ref.mode = mode
        process.node.add_alias(process, ref)
    if watched is None or (watched.process is None and watched.node is process.node):
        ref.watched = None
        tell(process, ref, absent)
    else:
        process.monitors = added(process.monitors, ref)
        if watched.node is not process.node:
            if not watched.node.door(Signal("monitor", process.pid, watched, None, ref)):
                fire(ref, "noconnection")
        elif watched.process is not None:
            watched.process.watchers = added(watched.process.watchers, ref)
    return ref


def demonitor(process: Process, ref: Monitor) -> bool:
    """Take a monitor back; whether it was still there."""
    if ref.mode in ("demonitor", "reply_demonitor"):
        process.node.drop_alias(process, ref)
    watched = ref.watched
    if watched is None or ref.owner is not process.pid:
        return False
    ref.watched = None
    process.monitors = removed(process.monitors, ref)
    if watched.node is not process.node:
        watched.node.door(Signal("demonitor", process.pid, watched, None, ref))
    elif watched.process is not None:
        watched.process.watchers = removed(watched.process.watchers, ref)
    return True


def fire(ref: Monitor, reason: object) -> None:
    """The watched process has ended: tell the watcher, once."""
    if ref.watched is None:
        return
    watched, watcher = ref.watched, ref.owner.process
    try:
        ref.watched = None
        if watcher is not None:
            tell(watcher, ref, reason)
    except BaseException:
        ref.watched = watched  # it has not been told: the burial that is broken off here tells it when it goes on
        raise
    if watcher is not None:
        watcher.monitors = removed(watcher.monitors, ref)


def tell(watcher: Process, ref: Monitor, reason: object) -> None:
    """Give a watcher the `Down` of its monitor; an alias that lives as long as the monitor is off before that."""
    if ref.mode in ("demonitor", "reply_demonitor"):
        watcher.node.drop_alias(watcher, ref)
    if watcher.node.trace is not None:
        watcher.node.trace.tell("down", ref.target, watcher.pid, reason)
    put(watcher, Down(ref, ref.target, reason, ref.tag))


# Answers


def settle(request: Request, state: int, answer: object) -> bool:
    """A request is answered, has failed or is given up. What comes after the first of these is dropped."""
    if request.state != PENDING:
        if request.state == BY_MESSAGE and state != CLOSED:
            request.pid.node.answer_by_message(request, state, answer)
        return False
    waiter = request.waiter
    if waiter is None:
        request.state = state
        request.answer = answer
    elif waiter.__class__ is Process:
        scheduler = waiter.node.scheduler
        if not scheduler.scheduled:
            scheduler.want_turn()  # what needs most stack comes first: the caller hears of it, or nothing is done
        stop_watching(request)
        request.state = state
        request.answer = answer
        request.waiter = None
        if waiter.status == CALLING and waiter.waiting is request:
            waiter.waiting = None
            scheduler.ready(waiter, None)
    else:
        if request.pid.node.scheduler.stack.value < CALLBACK_FRAMES:
            raise RecursionError  # a future that is done, and cannot schedule its callbacks, never wakes its task
        stop_watching(request)
        request.state = state
        request.answer = answer
        request.waiter = None
        if not waiter.done():
            waiter.set_result(None)
    return True


def watch_for(request: Request, server: Process, timeout: float | None) -> None:
    """The caller is going to wait: it has to know if the server ends, or if the time is over."""
    if not server.alive:  # it ended while the request was handed over
        settle(request, FAILED, server.reason)
        return
    request.server = server
    server.watchers = added(server.watchers, request)
    if timeout is not None:
        request.pid.node.scheduler.timers.start(request, timeout)


def stop_watching(request: Request) -> None:
    """The wait is over."""
    server = request.server
    if server is not None:
        if server.node is request.pid.node:
            unwatch(server, request)
        else:
            server.node.post(unwatch, server, request)
        request.server = None
    if request.due != 0.0:
        request.pid.node.scheduler.timers.cancel(request)


def unwatch(server: Process, request: Request) -> None:
    """Nobody waits for this server's answer any more."""
    server.watchers = removed(server.watchers, request)


# Death


def die(process: Process, reason: object) -> None:
    """End `process` with `reason`. It is dead at once to everybody else, whatever its body still has to unwind.

    It cannot fail half way: where the stack is too short for all that follows, or a signal's exception comes in between,
    the next turn does the rest. See `broken_off.py`.
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
        if len(scheduler.dying) == 1:  # hot: `bury_all`, of one
            node.burying = True
            try:
                bury(process, reason)
                scheduler.dying.popleft()
            finally:
                node.burying = False
        if scheduler.dying:
            bury_all(node)
    except BaseException as error:
        scheduler.steps, scheduler.turn_ends = 0, -1.0  # this turn is over
        if type(error) is not RecursionError:
            swallow(error)


def bury_all(node: Node) -> None:
    """Bury all that have died, one by one, and those that die of it."""
    node.burying = True
    dying = node.scheduler.dying
    try:
        while dying:
            process = dying[0]
            if process.pid in node.processes:  # what `die` was to do first was broken off
                node.remove(process)
            bury(process, process.reason)
            dying.popleft()
    finally:
        node.burying = False


def bury(process: Process, reason: object) -> None:
    """Tell all who are concerned that a process has ended, and let go of what it held.

    Done again from its beginning after it was broken off, it tells nobody twice: who has been told is linked no more,
    monitors no more, or has its answer.
    """
    if process.node.trace is not None:
        process.node.trace.tell("exit", process.pid, reason)
    forget(process)
    links, watchers = process.links, process.watchers
    other: Pid
    for other in each(links) if links is not None else ():
        if other.node is not process.node:
            other.node.door(Signal("exit_link", process.pid, other, reason, None))
        elif other.process is not None:
            linked = other.process
            if linked.links is not process.pid and not contains(linked.links, process.pid):
                continue
            try:
                linked.links = removed(linked.links, process.pid)
                exit_signal(linked, process.pid, reason, True)
            except BaseException:
                linked.links = added(linked.links, process.pid)  # as above
                raise
    for watcher in each(watchers) if watchers is not None else ():
        if type(watcher) is Monitor:
            if watcher.owner.node is process.node:
                fire(watcher, reason)
            else:
                watcher.owner.node.door(Signal("down", process.pid, watcher.owner, reason, watcher))
        else:
            request: Request = watcher
            if request.pid.node is process.node:  # the fields of another node's request are for its thread alone
                request.server = None
            request.pid.node.settle(request, FAILED, reason)
    process.links = process.watchers = None
    end_body(process)


def forget(process: Process) -> None:
    """What a dead process asked for: its monitors, aliases and the timers that were to reach it."""
    if process.monitors is not None:
        for ref in each(process.monitors):
            demonitor(process, ref)
        process.monitors = None
    process.mailbox = None
    process_rare = process.rare
    if process_rare is not None:
        for alias in process_rare.aliases:
            alias.mode = ""
        process_rare.aliases.clear()
        timers: list[Timer] = list(process_rare.timers)
        for timer in timers:
            process.node.scheduler.timers.cancel(timer)
        process_rare.timers.clear()


def end_body(process: Process) -> None:
    """Unwind the body of a dead process: close a loop of ours, cancel a coroutine of the user's at its await."""
    scheduler = process.node.scheduler
    status = process.status
    if process.rare is not None and process.rare.adopted is not None:
        process.node.end_adopted(process)
    elif status == RUNNING:
        watch_the_dead(process)  # it is on the stack, and the kernel unwinds it when it comes back
    elif status == ENDED:
        return  # it has come to its own end
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
