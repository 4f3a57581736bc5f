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
from typing import Any, cast

from regrow.kernel import exits, links, mailbox, names
from regrow.kernel.current import current as current  # what is imported under its own name is this module's, too
from regrow.kernel.current import living, unless_doomed
from regrow.kernel.current import running as running
from regrow.kernel.current import unwind as unwind
from regrow.kernel.messages import Address
from regrow.kernel.messages import alias as alias
from regrow.kernel.messages import receive as receive
from regrow.kernel.messages import send as send
from regrow.kernel.messages import sleep as sleep
from regrow.kernel.messages import unalias as unalias
from regrow.kernel.node import here, lineage
from regrow.kernel.pid import RUNNING, STATUS_WORDS, Alias, Monitor, Pid, Process, Ref, rare
from regrow.kernel.signals import Request, Signal
from regrow.kernel.timing import apply_after as apply_after
from regrow.kernel.timing import apply_interval as apply_interval
from regrow.kernel.timing import cancel_timer as cancel_timer
from regrow.kernel.timing import monotonic as monotonic
from regrow.kernel.timing import read_timer as read_timer
from regrow.kernel.timing import send_after as send_after
from regrow.kernel.timing import send_interval as send_interval
from regrow.kernel.timing import start_timer as start_timer

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
    if caller is not None and not caller.alive:
        living()
    process = node.launch(function, args, caller)
    links.link(node.init if caller is None else caller, process.pid)
    return process.pid


def spawn_monitor(function: Callable[..., Any], *args: Any) -> tuple[Pid, Monitor]:
    """Start a process and monitor it (`erlang:spawn_monitor/1`)."""
    caller = living()
    process = caller.node.launch(function, args, caller)
    return process.pid, links.monitor(caller, process.pid, process.pid)


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
        node.adopted.pop(task, None)
        links.die(process, exits.reason_of(error))
        raise
    finally:
        node.adopted.pop(task, None)
        links.die(process, "normal")


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
        exits.framed_off(reason)
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
    if not isinstance(cast("object", ref), Ref):
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
    if process.node is not here():
        raise ValueError(f"could not register {pid} as {name!r}: it belongs to another node, {process.node!r}")
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
