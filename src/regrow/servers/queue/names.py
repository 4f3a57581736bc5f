"""Names: of the broker that a queue finds, and of the holder of a lease."""

from __future__ import annotations

import os
import socket
from functools import cache
from typing import Any, Final, TypeVar

from regrow.kernel.addresses import Name
from regrow.kernel.current_node import current_node

B = TypeVar("B", bound=type[Any])

_DEFAULT: Final[list[type[Any]]] = []


def default_broker(cls: B) -> B:
    """Make this class the name of the broker of each queue that names no other.

    A broker runs queues, and queues find their broker: with this decorator on `Broker`, only its module imports theirs.
    """
    _DEFAULT[:] = [cls]
    return cls


def name_of(broker: Name | None) -> Name:
    """Return the name that a queue's broker is registered by; None is the default one.

    Raises:
        LookupError: no class is the default.
    """
    if broker is not None:
        return broker
    if not _DEFAULT:
        raise LookupError("no module with a default broker was imported: import regrow.queue")
    return _DEFAULT[0]


@cache
def _program() -> str:
    return f"{socket.gethostname()}:{os.getpid()}:"


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_program.cache_clear)


def holder() -> str:
    """Return the words for the running process in the history of a job: host:pid:<0.12.0>.

    Raises:
        NoNode: there is no node in this thread.
    """
    node = current_node()
    caller = node.caller()
    return f"{_program()}{node.guest if caller is None else caller.pid}"
