"""Exit, link, monitor and register: the built-in functions (BIFs) of a process that wait for nothing."""

from __future__ import annotations

from typing import Any, cast

from regrow.kernel import bounded_repr, exits, links, mailbox, names
from regrow.kernel.addresses import Address, Addressed, LocalName, Target
from regrow.kernel.current_node import current_node
from regrow.kernel.info import as_pid, is_addressed
from regrow.kernel.process_record import Alias, Monitor, Pid
from regrow.kernel.refs import Ref
from regrow.kernel.running import (
    exit_if_killed,
    running,
    running_alive,
    unless_dead,
)
from regrow.kernel.signals import ExitSignal
from regrow.kernel.spawning import (
    check_alias,
)

# Ends


def exit(pid: Pid | Addressed, reason: object) -> bool:
    """Send an exit signal (`erlang:exit/2`). "kill" cannot be trapped; "normal" ends a process only if it is its sender.

    To end the running process, `raise Exit(reason)`.

    Raises:
        TypeError: `pid` is not a pid.
    """
    if is_addressed(pid):
        pid = as_pid(pid, "exit")
    if type(pid) is not Pid:
        raise TypeError(
            f"exit: wanted a pid, got {bounded_repr.safe_repr(pid)}. For a name: exit(whereis(name), reason)"
        )
    node = current_node()
    caller = node.caller()
    if caller is not None and not caller.alive:
        unless_dead(caller)
    target = pid.process
    source = node.guest if caller is None else caller.pid
    if pid.node is not node:
        pid.node.deliver(ExitSignal(source, pid, exits.apart(reason)))
    elif target is not None:
        # A copy, apart from the exception that the caller may be handling.
        links.exit_signal(target, source, exits.apart(reason), False)
    exit_if_killed(caller)
    return True


def trap_exit(flag: bool) -> bool:
    """Receive exit signals as `Exited` messages from now on, or no longer; return the previous setting.

    Raises:
        TypeError: neither True nor False.
    """
    if type(cast("object", flag)) is not bool:
        raise TypeError(f"trap_exit: wanted True or False, got {bounded_repr.safe_repr(flag)}")
    process = running()
    before, process.trap_exit = process.trap_exit, flag
    return before


def flag(name: str, value: bool) -> bool:
    """Set a flag of this process, and return its previous value (`erlang:process_flag/2`). The only one is "trap_exit".

    Raises:
        ValueError: an unknown flag.
        TypeError: a value of another kind.
    """
    if name != "trap_exit":
        raise ValueError(f'flag: the only flag of a process is "trap_exit"; got {bounded_repr.safe_repr(name)}')
    return trap_exit(value)


def link(pid: Pid | Addressed) -> bool:
    """Link this process with another (`erlang:link/1`). A dead one is an `Exited` with "noproc" to one that traps exits.

    Raises:
        TypeError: this is no pid.
        NoProcess: the other is dead, and this process does not trap exits.
    """
    process = running_alive()
    other = as_pid(pid, "link")
    if other.process is None and other.node is process.node and not process.trap_exit:
        raise exits.NoProcess(("noproc", ("process", "link", [other])), f"cannot link to {other}: it is not alive")
    links.link(process, other)
    exit_if_killed(process)
    return True


def unlink(pid: Pid | Addressed) -> bool:
    """Undo the link; an `Exited` message that is already in the mailbox stays there (`erlang:unlink/1`)."""
    links.unlink(running_alive(), as_pid(pid, "unlink"))
    return True


def monitor(address: Target, *, alias: str | None = None, tag: object = None) -> Monitor:
    """Get a `Down` message when a process ends (`erlang:monitor/3`).

    If there is no such process the `Down` comes at once, with "noproc"; if there is no such node, with "noconnection".

    Args:
        address: a pid or a name; the `Down` names it as it was given.
        alias: make the ref an alias, too: "explicit_unalias", "demonitor" or "reply_demonitor".
        tag: comes back as `Down.tag`.

    Raises:
        TypeError: this is no address.
        ValueError: unknown kind of alias.
    """
    process = running_alive()
    check_alias(alias, "monitor")
    if isinstance(address, Alias):
        raise TypeError(f"monitor: wanted a pid or a name, got the alias {address!r}")
    if is_addressed(address):
        address = address.__regrow_address__
    watched = names.find(process.node, address)
    absent = "noproc"
    if watched is None and names.unknown_node(process.node, address) is not None:
        absent = "noconnection"
    return links.monitor(process, address, watched, tag, alias or "", absent)


def demonitor(ref: Ref, *, flush: bool = False, info: bool = False) -> bool:
    """Remove a monitor; with `flush`, remove its `Down` from the mailbox, too (`erlang:demonitor/2`).

    Returns:
        True; with `info`, whether the monitor was still there.

    Raises:
        TypeError: this is no reference.
    """
    process = running_alive()
    if not isinstance(cast("object", ref), Ref):
        raise TypeError(f"demonitor: wanted the ref that monitor() returned, got {bounded_repr.safe_repr(ref)}")
    found = isinstance(ref, Monitor) and links.demonitor(process, ref)
    if flush and not found:
        mailbox.remove_down(process, ref)
    return found if info else True


# Names


def register(name: LocalName, pid: Pid | Addressed) -> bool:
    """Give a process a name, a string or a class (`erlang:register/2`).

    Raises:
        TypeError: a name of another kind, or no pid.
        ValueError: the name is taken, the process has a name already, or it is not alive; or the name is
            "undefined", which OTP returns for a name without a process.
    """
    if not names.is_name(name):
        raise TypeError(f"register: wanted a name (a string or a class), got {bounded_repr.safe_repr(name)}")
    if name == "undefined":
        raise ValueError(
            f'could not register {bounded_repr.safe_repr(pid)} as "undefined": no process can have this name'
        )
    process = as_pid(pid, "register").process
    if process is None:
        raise ValueError(f"could not register {pid} as {name!r}: it is not alive")
    if process.node is not current_node():
        raise ValueError(f"could not register {pid} as {name!r}: it belongs to another node, {process.node!r}")
    if process.name is not None:
        raise ValueError(f"could not register {pid} as {name!r}: it has the name {process.name!r} already")
    held = names.claim(process, name)
    if held is not None:
        raise ValueError(f"could not register {pid} as {name!r}: {held} has that name")
    return True


def unregister(name: LocalName) -> bool:
    """Free a name (`erlang:unregister/1`).

    Raises:
        TypeError: this is no name.
        ValueError: no process has the name.
    """
    if not names.is_name(name):
        raise TypeError(f"unregister: wanted a name (a string or a class), got {bounded_repr.safe_repr(name)}")
    process = current_node().names.pop(name, None)
    if process is None:
        raise ValueError(f"could not unregister {bounded_repr.safe_repr(name)}: no process has this name")
    process.name = None
    return True


def whereis(name: Address | None) -> Pid | None:
    """Return the pid that has this name now, or None (`erlang:whereis/1`).

    Raises:
        TypeError: this is no address.
    """
    return names.find(current_node(), name)


def registered() -> list[LocalName]:
    """Return all names of this node (`erlang:registered/0`)."""
    found: list[Any] = list(current_node().names)
    return found


# Companions


def make_ref() -> Ref:
    """Return a reference that equals no other (`erlang:make_ref/0`)."""
    return Ref()


def node(of: Pid | Alias | None = None) -> str:
    """Return the name of this node, or of the node of a process or an alias (`erlang:node/1`).

    Raises:
        TypeError: neither a pid nor an alias.
    """
    if of is None:
        return current_node().name
    if isinstance(of, Alias):
        return of.owner.node.name
    return as_pid(of, "node").node.name
