"""Processes for their users: spawn, send, receive, link, monitor, exit, names, timers.

    pid, ref = process.spawn_monitor(worker, 42)      async def worker(number): ...
    process.send(pid, "hello")                        message = await process.receive(str, timeout=1.0)
    down = await process.receive(Down)

What may have to wait is awaited; all the rest are plain functions that return at once.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from contextvars import copy_context
from datetime import timedelta
from typing import Any, TypeVar, overload

from regrow.kernel import exits, links, mailbox, names
from regrow.kernel.clock import seconds
from regrow.kernel.node import HERE, Node, here, lineage
from regrow.kernel.pid import RUNNING, SELECTING, STATUS_WORDS, Alias, Monitor, Pid, Process, Ref, rare
from regrow.kernel.signals import DIE, EMPTY, TIMEOUT, Receive, Request, Signal
from regrow.kernel.timers import Timer

Message = TypeVar("Message")
Address = Any


def running() -> Process:
    """The process that runs now.

    Raises:
        NoNode: there is no node in this thread.
        RuntimeError: the code runs in a plain asyncio task.
    """
    process = here().caller()
    if process is None:
        raise RuntimeError(
            "this runs in a plain asyncio task, which is no process and has neither a pid nor a mailbox.\n"
            "  Run it in one with spawn(…), or make the task a process with `async with process.adopt():`"
        )
    return process


def living() -> Process:
    """The process that runs now, unless it has been ended under its own feet."""
    process = running()
    if not process.alive:
        raise exits.Doomed
    return process


def unless_doomed(process: Process | None) -> None:
    """Unwind the running process if what it did has ended it."""
    if process is not None and not process.alive and process.status == RUNNING:
        raise exits.Doomed


# Making processes


def spawn(function: Callable[..., Any], *args: Any) -> Pid:
    """Start a process that runs `function(*args)`, `async def` or `def` (`erlang:spawn/1`). It runs when its turn comes.

    It ends with reason "normal" when the function returns, and with the exception when it raises.
    """
    node = here()
    return node.launch(function, args, node.caller()).pid


def spawn_link(function: Callable[..., Any], *args: Any) -> Pid:
    """Start a process linked to this one (`erlang:spawn_link/1`); from a plain task, to the node's first process."""
    node = here()
    caller = node.caller()
    process = node.launch(function, args, caller)
    links.link(node.init if caller is None else caller, process.pid)
    return process.pid


def spawn_monitor(function: Callable[..., Any], *args: Any) -> tuple[Pid, Monitor]:
    """Start a process and monitor it (`erlang:spawn_monitor/1`)."""
    caller = living()
    process = caller.node.launch(function, args, caller)
    return process.pid, links.monitor(caller, process.pid, process.pid)


def current() -> Pid:
    """The pid of the running process (`erlang:self/0`).

    Raises:
        NoNode: there is no node in this thread.
        RuntimeError: the code runs in a plain asyncio task.
    """
    return running().pid


@asynccontextmanager
async def adopt() -> AsyncGenerator[Pid, None]:
    """Make the current asyncio task a process for the length of the block: it has a pid, a mailbox, links.

    An exit signal that would end the process cancels the task. The process ends with the block: "normal", or with
    the exception that leaves it.

    Raises:
        RuntimeError: the task is a process already.
    """
    node = here()
    if node.caller() is not None:
        raise RuntimeError(f"{node.caller()!r} is a process already")
    task = asyncio.current_task()
    process = node.new_process(copy_context())
    process.status = RUNNING
    process.ancestors = lineage(node.init)
    rare(process).adopted = task
    node.adopted[task] = process
    try:
        yield process.pid
    except BaseException as error:
        links.die(process, exits.reason_of(error))
        raise
    finally:
        node.adopted.pop(task, None)
        links.die(process, "normal")


# Messages


def send(address: Address, message: Message) -> Message:
    """Send `message` to a pid, a name, an alias or `(name, node)`, and return it (`erlang:send/2`). Never waits.

    What is sent to a dead process, a switched off alias or a foreign node's name is dropped.

    Raises:
        NoNode: there is no node in this thread.
        ValueError: nobody has this name.
        TypeError: this is no address.
    """
    node = HERE.node or here()
    if node.trace is not None:
        caller = node.caller()
        node.trace.tell("send", node.guest if caller is None else caller.pid, address, message)
    if type(address) is not Pid:
        found = _receiver(node, address)
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


def _receiver(node: Node, address: Address) -> Pid | None:
    """Whom a message to something that is not a pid reaches."""
    if isinstance(address, Alias):
        if address.mode == "":
            return None
        owner = address.owner
        if address.mode in ("reply", "reply_demonitor") and owner.process is not None:
            if isinstance(address, Monitor):
                links.demonitor(owner.process, address)
            owner.node.drop_alias(owner.process, address)
        return owner
    pid = names.find(node, address)
    if pid is None and type(address) is not tuple:
        raise ValueError(f"cannot send to {exits.safe_repr(address)}: nobody has this name. See `whereis(name)`")
    return pid


@overload
async def receive(match: type[Message], *, timeout: float | timedelta | None = None) -> Message: ...
@overload
async def receive(
    match: tuple[type, ...] | Callable[[Any], object] | None = None, *, timeout: float | timedelta | None = None
) -> Any: ...
async def receive(match: Any = None, *, timeout: float | timedelta | None = None) -> Any:
    """Wait for a message and take it out of the mailbox.

    Args:
        match: a class, a tuple of classes or a predicate: the first message that fits is taken and the others stay,
            in their order. None takes the oldest.
        timeout: seconds; 0 looks once, None waits for ever.

    Raises:
        TimeoutError: nothing fitting came in time.
        RuntimeError: the code runs in a plain asyncio task.
    """
    process = running()
    if timeout is not None:
        timeout = seconds(timeout, "receive(timeout=)")
    wanted = Receive(match, timeout)  # type: ignore[arg-type]
    if process.rare is not None and process.rare.adopted is not None:
        message = await _receive_adopted(process, wanted)
    else:
        message = await wanted
    if message is TIMEOUT:
        what = "" if match is None else f" that fits {getattr(match, '__name__', match)}"
        raise TimeoutError(f"{process.pid} got no message{what} within {timeout} s. {len(process.mailbox or ())} others wait")
    return message


async def _receive_adopted(process: Process, wanted: Receive) -> Any:
    """The same in an asyncio task that is a process: it waits for a future, which its mail completes."""
    while True:
        message = mailbox.take_wanted(process, wanted)
        if message is not EMPTY:
            return message
        if wanted.timeout == 0.0:
            return TIMEOUT
        future: asyncio.Future[Any] = process.node.loop.create_future()
        process.waiting = future
        process.status = SELECTING
        if wanted.timeout is not None:
            process.node.scheduler.limit(process, wanted.timeout)
        try:
            message = await future
        finally:
            process.status = RUNNING
            if process.deadline is not None:
                process.node.scheduler.timers.cancel(process.deadline)
                process.deadline = None
        if message is TIMEOUT:
            return TIMEOUT


class _Die:
    """Yields to the kernel for the last time."""

    def __await__(self) -> Any:
        yield DIE


async def unwind() -> None:
    """Give the running process, which is dead, back to the kernel; never returns."""
    await _Die()


async def sleep(delay: float | timedelta) -> None:
    """Let this process wait for `delay` seconds of its node's clock (`timer:sleep/1`). Its mail waits with it."""
    wanted = Receive((), seconds(delay, "sleep"))
    process = running()
    if process.rare is not None and process.rare.adopted is not None:
        await _receive_adopted(process, wanted)
    else:
        await wanted


# Ends


def exit(pid: Pid, reason: object) -> bool:
    """Send an exit signal (`erlang:exit/2`). "kill" cannot be trapped; "normal" is ignored by all but oneself.

    To end the running process, `raise Exit(reason)`.

    Raises:
        TypeError: `pid` is not a pid.
    """
    if type(pid) is not Pid:
        raise TypeError(f"exit: wanted a pid, got {exits.safe_repr(pid)}. For a name: exit(whereis(name), reason)")
    node = here()
    caller = node.caller()
    target = pid.process
    if target is not None:
        if isinstance(reason, BaseException):
            exits.without_frames(reason)
        source = node.guest if caller is None else caller.pid
        if target.node is node:
            links.exit_signal(target, source, reason, False)
        else:
            target.node.door(Signal("exit", source, pid, reason, None))
    unless_doomed(caller)
    return True


def trap_exit(flag: bool) -> bool:
    """Receive exit signals as `Exited` messages from now on, or no longer; returns what it was before."""
    process = running()
    before, process.trap_exit = process.trap_exit, flag
    return before


def link(pid: Pid) -> bool:
    """Link this process with another (`erlang:link/1`). A dead one answers at once, with reason "noproc"."""
    process = living()
    links.link(process, _pid(pid, "link"))
    unless_doomed(process)
    return True


def unlink(pid: Pid) -> bool:
    """Undo the link; an `Exited` message that is already in the mailbox stays there (`erlang:unlink/1`)."""
    links.unlink(living(), _pid(pid, "unlink"))
    return True


def monitor(address: Address, *, alias: str | None = None, tag: object = None) -> Monitor:
    """Ask to be told, with a `Down` message, when a process ends; at once, with "noproc", if it is not there.

    Args:
        address: a pid or a name; the `Down` names it as it was given.
        alias: make the ref an alias, too: "explicit_unalias", "demonitor" or "reply_demonitor".
        tag: comes back as `Down.tag`.

    Raises:
        TypeError: this is no address.
        ValueError: unknown kind of alias.
    """
    process = living()
    if alias is not None and alias not in ("explicit_unalias", "demonitor", "reply_demonitor"):
        raise ValueError(f'monitor: alias is one of "explicit_unalias", "demonitor", "reply_demonitor", got {alias!r}')
    if isinstance(address, Alias):
        raise TypeError(f"monitor: wanted a pid or a name, got the alias {address!r}")
    return links.monitor(process, address, names.find(process.node, address), tag, alias or "")


def demonitor(ref: Ref, *, flush: bool = False, info: bool = False) -> bool:
    """Take a monitor back; with `flush`, remove its `Down` from the mailbox too (`erlang:demonitor/2`).

    Returns:
        True; with `info`, whether the monitor was still there.

    Raises:
        TypeError: this is no reference.
    """
    process = living()
    if not isinstance(ref, Ref):
        raise TypeError(f"demonitor: wanted the ref that monitor() gave, got {exits.safe_repr(ref)}")
    found = isinstance(ref, Monitor) and links.demonitor(process, ref)
    if flush and not found and process.mailbox is not None:
        left = [message for message in process.mailbox if getattr(message, "ref", None) is not ref]
        process.mailbox.clear()
        process.mailbox.extend(left)
        if not left:
            process.mailbox = None
    return found if info else True


def _pid(value: object, what: str) -> Pid:
    if type(value) is not Pid:
        raise TypeError(f"{what}: wanted a pid, got {exits.safe_repr(value)}")
    return value


# Names


def register(name: object, pid: Pid) -> bool:
    """Give a process a name, a string or a class (`erlang:register/2`).

    Raises:
        TypeError: a name of another kind, or no pid.
        ValueError: the name is taken, the process has a name already, or it is not alive.
    """
    if not names.is_name(name):
        raise TypeError(f"register: wanted a name (a string or a class), got {exits.safe_repr(name)}")
    process = _pid(pid, "register").process
    if process is None:
        raise ValueError(f"could not register {pid} as {name!r}: it is not alive")
    if process.name is not None:
        raise ValueError(f"could not register {pid} as {name!r}: it has the name {process.name!r} already")
    held = names.claim(process, name)
    if held is not None:
        raise ValueError(f"could not register {pid} as {name!r}: {held} has that name")
    return True


def unregister(name: object) -> bool:
    """Free a name.

    Raises:
        ValueError: nobody has it.
    """
    process = here().names.pop(name, None)
    if process is None:
        raise ValueError(f"could not unregister {exits.safe_repr(name)}: nobody has this name")
    process.name = None
    return True


def whereis(name: Address) -> Pid | None:
    """The pid that has this name now, or None."""
    return names.find(here(), name)


def registered() -> list[object]:
    """All names of this node."""
    return list(here().names)


# Looking


def alive(pid: Pid) -> bool:
    """Whether the process lives."""
    return _pid(pid, "alive").process is not None


def processes() -> list[Pid]:
    """The pids of all processes of this node, oldest first."""
    return list(here().processes)


INFO = (
    "registered_name",
    "status",
    "links",
    "monitors",
    "monitored_by",
    "message_queue_len",
    "messages",
    "trap_exit",
    "parent",
    "ancestors",
    "initial_call",
    "dictionary",
    "label",
)


def info(pid: Pid, item: str | None = None) -> Any:
    """What the kernel knows of a process: a dict of all items, or one item; None for a dead one.

    Raises:
        ValueError: an unknown item.
    """
    process = _pid(pid, "info").process
    if item is not None and item not in INFO:
        raise ValueError(f"info: wanted one of {', '.join(INFO)}; got {item!r}")
    if process is None:
        return None
    if item is not None:
        return _info(process, item)
    return {one: _info(process, one) for one in INFO}


def _info(process: Process, item: str) -> Any:
    match item:
        case "registered_name":
            return process.name
        case "status":
            return STATUS_WORDS[process.status]
        case "links":
            return list(links.each(process.links))
        case "monitors":
            return [ref.target for ref in links.each(process.monitors)]
        case "monitored_by":
            watchers = links.each(process.watchers)
            return [one.pid if isinstance(one, Request) else one.owner for one in watchers]
        case "message_queue_len":
            return len(mailbox.queued(process))
        case "messages":
            return mailbox.queued(process)
        case "trap_exit":
            return process.trap_exit
        case "parent":
            return process.ancestors[0] if process.ancestors else None
        case "ancestors":
            return list(process.ancestors)
        case "initial_call":
            return process.initial_call
        case "dictionary":
            return {} if process.rare is None else dict(process.rare.dictionary)
        case _:
            return None if process.rare is None else process.rare.label


def put(key: object, value: object) -> object:
    """Set an entry of this process's dictionary; returns the old value or None (`erlang:put/2`)."""
    dictionary = rare(running()).dictionary
    before = dictionary.get(key)
    dictionary[key] = value
    return before


def get(key: object, default: Any = None) -> Any:
    """An entry of this process's dictionary."""
    process = running()
    return default if process.rare is None else process.rare.dictionary.get(key, default)


def get_keys() -> list[object]:
    """The keys of this process's dictionary."""
    process = running()
    return [] if process.rare is None else list(process.rare.dictionary)


def erase(key: object) -> object:
    """Remove an entry of this process's dictionary; returns its value or None."""
    process = running()
    return None if process.rare is None else process.rare.dictionary.pop(key, None)


def set_label(label: object) -> None:
    """Describe this process in reports and tools (`proc_lib:set_label/1`)."""
    rare(running()).label = label


# Aliases


def alias(mode: str = "explicit_unalias") -> Alias:
    """A second address of this process, until `unalias`; with "reply", for one message (`erlang:alias/1`).

    Raises:
        ValueError: unknown mode.
    """
    if mode not in ("explicit_unalias", "reply"):
        raise ValueError(f'alias: wanted "explicit_unalias" or "reply", got {mode!r}')
    process = living()
    made = Alias(process.pid, mode)
    process.node.add_alias(process, made)
    return made


def unalias(made: Alias) -> bool:
    """Switch an alias of this process off; whether it was on and its own."""
    process = living()
    return process.node.drop_alias(process, made)


# Timers


def send_after(address: Address, message: object, delay: float | timedelta, *, absolute: bool = False) -> Timer:
    """Send `message` in `delay` seconds (`erlang:send_after/3`). A name is looked up when the timer fires.

    Args:
        address: a pid or a name. The timer of a pid ends with its process.
        message: what to send.
        delay: seconds from now; with `absolute`, a time of `monotonic()`.
        absolute: take `delay` as a time.

    Raises:
        TypeError: not a number of seconds, or no address.
        ValueError: negative.
    """
    node = here()
    if not absolute:
        delay = _delay(delay, "send_after")
    elif isinstance(delay, timedelta):
        delay = delay.total_seconds()
    timer = Timer(node.scheduler.timers, address, message, _deliver)
    owner: Process | None = None
    if type(address) is Pid:
        owner = address.process
        if owner is None:
            return timer
        if owner.node is node:
            rare(owner).timers[timer] = None
            timer.owner = owner
    elif not names.is_name(address):
        names.find(node, address)
    if absolute:
        node.scheduler.timers.start_at(timer, delay)
    else:
        node.scheduler.timers.start(timer, delay)
    return timer


def _delay(delay: object, what: str) -> float:
    found = seconds(delay, what)
    if found is None:
        raise TypeError(f"{what}: wanted seconds or a timedelta, got {delay!r}")
    return found


def _deliver(timer: Timer) -> None:
    if timer.owner is not None:
        rare(timer.owner).timers.pop(timer, None)
    try:
        send(timer.address, timer.message)
    except ValueError:  # nobody has the name now: dropped, as everything that is sent to nobody
        return


def cancel_timer(timer: Timer) -> float | None:
    """Cancel a timer; the seconds that were left, or None if it had fired or was cancelled (`erlang:cancel_timer/1`).

    Raises:
        TypeError: this is no timer.
    """
    left = read_timer(timer)
    if left is not None:
        timer.timers.cancel(timer)
        if timer.owner is not None:
            rare(timer.owner).timers.pop(timer, None)
    return left


def read_timer(timer: Timer) -> float | None:
    """The seconds until a timer fires, or None if it has fired or was cancelled (`erlang:read_timer/1`).

    Raises:
        TypeError: this is no timer.
    """
    if not isinstance(timer, Timer):
        raise TypeError(f"wanted the timer that send_after() gave, got {exits.safe_repr(timer)}")
    if timer.due == 0.0:
        return None
    return max(0.0, timer.due - timer.timers.clock.now())


def monotonic() -> float:
    """The time of this node's clock in seconds (`erlang:monotonic_time/0`)."""
    return here().clock.now()

