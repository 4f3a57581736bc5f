"""Information about processes: the list of them, and the kernel's record of each."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, TypeGuard, overload

from regrow.kernel import bounded_repr, mailbox, names, small_set
from regrow.kernel.addresses import Addressed
from regrow.kernel.ancestors import ancestors
from regrow.kernel.current_node import current_node
from regrow.kernel.process_record import STATUS_WORDS, Pid, Process
from regrow.kernel.requests import CallRequest

INFO: Final = (
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


def alive(pid: Pid | Addressed) -> bool:
    """Return whether the process is alive (`erlang:is_process_alive/1`)."""
    found = names.find(current_node(), pid) if is_addressed(pid) else as_pid(pid, "alive")
    return found is not None and found.process is not None and found.node.is_up()


def processes() -> list[Pid]:
    """Return the pids of all processes of this node, oldest first (`erlang:processes/0`)."""
    return list(current_node().processes)


@overload
def info(pid: Pid | Addressed, item: str | None = None) -> Any: ...
@overload
def info(pid: Pid | Addressed, item: Sequence[str]) -> list[tuple[str, Any]] | None: ...
def info(pid: Pid | Addressed, item: str | Sequence[str] | None = None) -> Any:
    """Return information about a process: a dict of all items, or None for a dead one (`erlang:process_info/2`).

    Args:
        pid: the process.
        item: one item, to get only its value; or several, to get a list of `(item, value)` in this order. The items:
            `registered_name` ([] if it has none), `status` ("new", "runnable", "running", "waiting", "exiting"),
            `links`, `monitors` (pids, or names as they were given), `monitored_by`, `message_queue_len`, `messages`,
            `trap_exit`, `parent`, `ancestors` (the nearest fifty), `initial_call`, `dictionary`, `label`.

    Raises:
        TypeError: this is no pid.
        ValueError: an unknown item.
    """
    process = as_pid(pid, "info").process
    wanted = INFO if item is None else (item,) if isinstance(item, str) else item
    for one in wanted:
        if one not in INFO:
            raise ValueError(f"info: wanted one of {', '.join(INFO)}; got {bounded_repr.safe_repr(one)}")
    if process is None:
        return None
    if isinstance(item, str):
        return _info(process, item)
    found = [(one, _info(process, one)) for one in wanted]
    return dict(found) if item is None else found


def is_addressed(value: object) -> TypeGuard[Addressed]:
    """Return whether a value has the address of a process, without being a pid or a name."""
    return type(value) is not Pid and not names.is_name(value) and hasattr(value, "__regrow_address__")


def as_pid(value: object, what: str) -> Pid:
    """Return `value` if it is a pid, or the pid of the process at a handle's address now.

    Raises:
        TypeError: `value` is neither a pid nor a handle.
        ValueError: there is no process at the handle's address.
    """
    if type(value) is not Pid:
        if is_addressed(value):
            found = names.find(current_node(), value)
            if found is None:
                raise ValueError(f"{what}: there is no process at {bounded_repr.safe_repr(value)} now")
            return found
        raise TypeError(f"{what}: wanted a pid, got {bounded_repr.safe_repr(value)}")
    return value


def _info(process: Process, item: str) -> Any:
    match item:
        case "registered_name":
            return [] if process.name is None else process.name
        case "status":
            return STATUS_WORDS[process.status]
        case "links":
            return list(small_set.items(process.links))
        case "monitors":
            return [ref.target for ref in small_set.items(process.monitors)]
        case "monitored_by":
            watchers = small_set.items(process.watchers)
            return [one.pid if isinstance(one, CallRequest) else one.owner for one in watchers]
        case "message_queue_len":
            return len(mailbox.queued(process))
        case "messages":
            return mailbox.queued(process)
        case "trap_exit":
            return process.trap_exit
        case "parent":
            return process.parent
        case "ancestors":
            return ancestors(process)
        case "initial_call":
            return process.initial_call
        case "dictionary":
            return {} if process.rare is None else dict(process.rare.dictionary)
        case _:
            return None if process.rare is None else process.rare.label
