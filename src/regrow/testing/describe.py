"""Descriptions of processes for failure messages: what each one does, and what its mailbox holds."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, Final

from regrow.kernel import info
from regrow.kernel.bounded_repr import Limits, show
from regrow.kernel.current_node import current_node
from regrow.kernel.process_record import AWAITING, CALLING, ENDED, RECEIVING, SELECTING, Pid, Process
from regrow.kernel.requests import CallRequest
from regrow.kernel.tracebacks import OURS
from regrow.kernel.yields import Receive
from regrow.ops.reasons import innermost_words

SHORT: Final = Limits(depth=10, chars_limit=300)


def brief(value: object) -> str:
    """Return the repr of a value, shortened to 300 characters."""
    return show(value, SHORT)


def wish_words(match: Any) -> str:
    """Describe the messages that a match accepts, such as "of class Down"; empty if it accepts any message."""
    if match is None:
        return ""
    if isinstance(match, type):
        return f" of class {match.__name__}"
    if callable(match):
        return f" that {getattr(match, '__qualname__', brief(match))} accepts"
    return f" that fits {brief(match)}"


def mailbox_words(pid: Pid) -> str:
    """List the messages in a process's mailbox, oldest first."""
    waiting: list[Any] = info.info(pid, "messages") or []
    return ", ".join(map(brief, waiting)) if waiting else "nothing"


def doing(pid: Pid) -> str:
    """Describe what a process does now, in a sentence: "<0.5.0> (Counter) waits for a message. …"."""
    process = pid.process
    if process is None:
        return f"{pid} has ended."
    subject = described(process)
    waiting = info.info(pid, "message_queue_len")
    mail = f" In its mailbox: {mailbox_words(pid)}." if waiting else " Its mailbox is empty."
    return f"{subject} {_activity(process)}{_place(process)}.{mail}"


def described(process: Process) -> str:
    """Return a process's pid with its name, its label or the function that it began with."""
    if process.name is not None:
        name = process.name.__name__ if isinstance(process.name, type) else process.name
        return f"{process.pid} ({name})"
    if process.rare is not None and process.rare.label is not None:
        return f"{process.pid} ({brief(process.rare.label)})"
    function = process.initial_call
    # A compiled function has no __qualname__.
    name = getattr(function, "__qualname__", None) or getattr(function, "__name__", "")
    name = str(name).rpartition("<locals>.")[2].removesuffix(".init")
    return f"{process.pid} ({name})" if name else f"{process.pid}"


def describe_all(except_: Callable[[Process], bool]) -> list[str]:
    """Describe what each process of this node does, oldest first, except those for which `except_` is true."""
    return [doing(pid) for pid, process in current_node().processes.items() if not except_(process)]


def _activity(process: Process) -> str:
    waiting = process.waiting
    match process.status:
        case status if status == RECEIVING:
            return "waits for a message"
        case status if status == SELECTING and isinstance(waiting, Receive):
            wanted = waiting.kind if waiting.kind is not None else waiting.predicate
            limit = "" if waiting.timeout is None else f", for {waiting.timeout:g} s at most"
            return f"sleeps{limit}" if wanted == () else f"waits for a message{wish_words(wanted)}{limit}"
        case status if status == CALLING and isinstance(waiting, CallRequest):
            asked = waiting.server
            whom = described(asked) if isinstance(asked, Process) else "a server"
            return f"waits for the answer of {whom} to {brief(waiting.request)}"
        case status if status == AWAITING:
            return f"awaits {'a future' if isinstance(waiting, asyncio.Future) else brief(waiting)}"
        case status if status == ENDED:
            return "has ended"
        case _:
            return "runs"


def _place(process: Process) -> str:
    """Return the innermost line of the user's code at which a process waits, as ", at …"; empty if unknown."""
    frames = [] if process.task is None or not process.as_task else process.task.get_stack()
    users = [(frame.f_code, frame.f_lineno) for frame in frames if not frame.f_code.co_filename.startswith(OURS)]
    return f", at {innermost_words(tuple(users))}" if users else ""
