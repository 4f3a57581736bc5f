"""Telemetry: events with measurements, and the handlers that a program has attached to them. `regrow.telemetry` is the page.

Code that emits an event looks first whether it has a handler, and makes the mappings only then:

    >>> if handlers := HANDLERS.get("regrow.queue.put"):
    ...     emit(handlers, "regrow.queue.put", {"bytes": 12, "wait": 0.5}, {"queue": "mail"})

A handler never harms the code that emits: what it raises is caught, reported and counted.
"""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from inspect import isasyncgenfunction, iscoroutinefunction, isgeneratorfunction
from typing import Any, Final, cast

from regrow.kernel import exits, report
from regrow.kernel.awaitables import is_coroutine
from regrow.kernel.bounded_repr import safe_repr
from regrow.kernel.clock import Clock
from regrow.kernel.current_node import CURRENT
from regrow.kernel.telemetry_events import EVENTS

Function = Callable[[str, dict[str, Any], dict[str, Any]], object]

LOG: Final = logging.getLogger("regrow.telemetry")
MOST_FAILURES: Final = 10  # in a row; then a handler is detached
LOG_SECONDS: Final = 60.0  # between two records of one handler's failures
NEAREST: Final = 3  # names that the error for an unknown name shows
OUTSIDE: Final = Clock()  # the clock of code that runs in no node


@dataclass(frozen=True, slots=True)
class Handler:
    """A function that is attached to events, as `handlers()` shows it.

    Attributes:
        id: by which it can be detached.
        events: the names of its events.
        function: what is called.
        failures: how many times in a row it has raised an exception; 0 after a call that returned.
        last_error: the last exception that it raised, without its frames; None if it never did.
    """

    id: str
    events: tuple[str, ...]
    function: Function
    failures: int
    last_error: BaseException | None


class Attached:
    """A handler with its failures; `Handler` is what users see of it."""

    __slots__ = ("detached", "events", "failures", "function", "id", "last_error", "logged_at", "unlogged")

    def __init__(self, id: str, events: tuple[str, ...], function: Function) -> None:
        self.id: str = id
        self.events: tuple[str, ...] = events
        self.function: Function = function
        self.failures: int = 0
        self.last_error: BaseException | None = None
        self.logged_at: float | None = None  # by the clock of the node where it failed
        self.unlogged: int = 0  # failures since then
        self.detached: bool = False


class Calling(threading.local):
    """The handlers that this thread is calling: they are not called for the events that they cause."""

    def __init__(self) -> None:
        self.handlers: list[Attached] = []


class Ids:
    """The number of the last id that `attach` has made."""

    last: int = 0


IDS = Ids()
ATTACHED: dict[str, Attached] = {}  # by id, in the order of attachment
HANDLERS: dict[str, tuple[Attached, ...]] = {}  # by event; an event without a handler has no entry
LOCK = threading.RLock()
CALLING = Calling()

if hasattr(os, "register_at_fork"):  # otherwise a thread that the child does not have could hold it there
    os.register_at_fork(before=LOCK.acquire, after_in_parent=LOCK.release, after_in_child=LOCK.release)


# Attaching


def attach(events: str | Iterable[str], handler: Function, *, id: str | None = None) -> str:
    """Call `handler(event, measurements, metadata)` at each of these events, from the next one on (`telemetry:attach`).

    The handler is called at once, in the process, task or thread in which the event happens, after those that were
    attached before it. Both mappings are dicts that all handlers of one event share. It may `send` and `cast`, and must
    not block. It is not called for events that it causes itself.

    What it raises is caught, logged on `regrow.telemetry` at most once a minute, and emitted as
    `regrow.telemetry.failed`. KeyboardInterrupt and SystemExit are passed on. After ten failures in a row the handler is
    detached, and `regrow.telemetry.detached` is emitted.

    Handlers are those of the program: `metadata["node"]` is the name of the node where the event happened, None outside.

    Args:
        events: the name of an event, or several names. Names that begin with `regrow.` are in `EVENTS`.
        handler: a plain function.
        id: by which it can be detached; None for a new one.

    Returns:
        The id.

    Raises:
        TypeError: an event or the id is no string, or the handler is no plain function.
        ValueError: there is no event, regrow has no event of a name, or the id is taken.
    """
    names = checked_names(events)
    check_handler(handler)
    if id is not None and not isinstance(id, str):  # pyright: ignore[reportUnnecessaryIsInstance]
        raise TypeError(f"telemetry.attach(id=): wanted a string, got {safe_repr(id)}")
    with LOCK:
        chosen = free_id() if id is None else id
        if chosen in ATTACHED:
            raise ValueError(
                f"telemetry.attach: a handler with the id {safe_repr(chosen)} is attached already: "
                f"{safe_repr(ATTACHED[chosen].function)}. Choose another id, or detach that one first"
            )
        made = ATTACHED[chosen] = Attached(chosen, names, handler)
        for name in names:
            HANDLERS[name] = (*HANDLERS.get(name, ()), made)
    return chosen


def free_id() -> str:
    """Return an id that no handler has, and none has had."""
    while True:
        IDS.last += 1
        found = f"handler-{IDS.last}"
        if found not in ATTACHED:
            return found


def detach(id: str) -> bool:
    """Detach a handler (`telemetry:detach`). It is not called again, also not for an event that is being handled now.

    Args:
        id: what `attach` returned.

    Returns:
        False if no handler has this id.
    """
    with LOCK:
        found = ATTACHED.get(id)
        return found is not None and remove(found)


def remove(attached: Attached) -> bool:
    """Detach a handler; false if it is detached already."""
    with LOCK:
        if attached.detached:
            return False
        attached.detached = True
        del ATTACHED[attached.id]
        for name in attached.events:
            left = tuple(one for one in HANDLERS[name] if one is not attached)
            if left:
                HANDLERS[name] = left
            else:
                del HANDLERS[name]
    return True


def handlers(prefix: str = "") -> list[Handler]:
    """Return the handlers of events whose names begin with `prefix`, in the order of attachment.

    Args:
        prefix: the beginning of an event's name; "" for all handlers.
    """
    with LOCK:
        return [
            Handler(one.id, one.events, one.function, one.failures, one.last_error)
            for one in ATTACHED.values()
            if any(name.startswith(prefix) for name in one.events)
        ]


def checked_names(events: object) -> tuple[str, ...]:
    """Return the events to attach to, each once.

    Raises:
        TypeError: a name is no string.
        ValueError: there is none, one is empty, or regrow has no event of that name.
    """
    names = [events] if isinstance(events, str) else listed(events)
    if names is None:
        raise TypeError(f"telemetry.attach: wanted the name of an event, or several names; got {safe_repr(events)}")
    found: dict[str, None] = {}
    for name in names:
        if not isinstance(name, str):
            raise TypeError(f'telemetry.attach: wanted names of events, as "regrow.queue.put"; got {safe_repr(name)}')
        if name.startswith("regrow.") and name not in EVENTS:
            raise ValueError(
                f"telemetry.attach: regrow has no event {safe_repr(name)}. The nearest names are "
                f"{', '.join(nearest(name))}; telemetry.EVENTS has all"
            )
        found[name] = None
    if not found or "" in found:
        raise ValueError(f"telemetry.attach: wanted at least one event, each with a name; got {safe_repr(events)}")
    return tuple(found)


def listed(events: Any) -> list[object] | None:
    """Return the members of an iterable; None for anything else."""
    return None if getattr(events, "__iter__", None) is None else list(events)


def nearest(name: str) -> list[str]:
    """Return the names of regrow's events that are most like a name."""
    from difflib import get_close_matches

    return get_close_matches(name, EVENTS, NEAREST, 0.0)


def check_handler(handler: Any) -> None:
    """Raise TypeError unless the handler is a plain function, or another object that is called like one."""
    if not callable(handler):
        raise TypeError(
            f"telemetry.attach: wanted a function (event, measurements, metadata), got {safe_repr(handler)}"
        )
    called = getattr(type(handler), "__call__", None)  # noqa: B004 - the method is inspected, not asked for
    if is_async(handler) or is_async(called):
        raise TypeError(
            f"telemetry.attach: a handler is called where the event happens, and cannot wait; got {safe_repr(handler)}, "
            f"which is async or a generator. Let a plain function cast to a server, or send to a process"
        )


def is_async(function: Any) -> bool:
    """Whether a call of this function only makes something that has to be awaited or iterated."""
    return iscoroutinefunction(function) or isasyncgenfunction(function) or isgeneratorfunction(function)


# Emitting


def execute(
    event: str, measurements: Mapping[str, Any] | None = None, metadata: Mapping[str, Any] | None = None
) -> None:
    """Call the handlers of an event of your program (`telemetry:execute`). Without a handler this does nothing.

    Args:
        event: the event's name. Names that begin with `regrow.` are those of regrow.
        measurements: numbers by name, such as a duration in seconds. The handlers get a copy.
        metadata: what the event is about, by name. The handlers get a copy, with the node's name as `node`.

    Raises:
        TypeError: the name is no string, or one of the others no mapping.
    """
    if type(event) is not str:
        check_event(event, "telemetry.execute")
    for given in (measurements, metadata):
        if given is not None and type(given) is not dict:
            check_mapping(given, event, "telemetry.execute")
    found = HANDLERS.get(event)
    if found:
        emit(
            found, event, {} if measurements is None else dict(measurements), {} if metadata is None else dict(metadata)
        )


def emit(found: tuple[Attached, ...], event: str, measurements: dict[str, Any], metadata: dict[str, Any]) -> None:
    """Call handlers of an event, as `HANDLERS` has them; both dicts are given away to them.

    Raises:
        KeyboardInterrupt, SystemExit: a handler raised it, or a signal handler while a handler ran.
    """
    node = CURRENT.node
    metadata["node"] = None if node is None else node.name
    calling = CALLING.handlers
    for attached in found:
        if attached.detached or (calling and attached in calling):
            continue
        calling.append(attached)
        try:
            result = attached.function(event, measurements, metadata)
            if result is not None and is_coroutine(result):
                refuse(result, attached)
            if attached.failures:
                attached.failures = 0
        except (KeyboardInterrupt, SystemExit):
            raise
        except exits.KilledWhileRunning:
            pass  # the handler has ended its own process, which is unwound where it waits next
        except BaseException as error:
            failed(attached, event, error)
        finally:
            calling.pop()


def refuse(result: Any, attached: Attached) -> None:
    """Raise TypeError, because a handler has returned a coroutine."""
    result.close()
    raise TypeError(
        f"the handler {safe_repr(attached.function)} has returned a coroutine, which telemetry does not await. "
        "Let it cast to a server, or send to a process"
    )


def failed(attached: Attached, event: str, error: BaseException) -> None:
    """Report a handler's failure; detach the handler after ten in a row. Nothing but an interrupt leaves this."""
    try:
        without_frames = exits.apart(error)  # its frames would keep their variables alive
        with LOCK:
            attached.failures += 1
            attached.last_error = cast("BaseException", without_frames)
            failures = attached.failures
        log_failure(attached, event, error)
        about = {"id": attached.id, "event": event, "error": error}
        own_event("regrow.telemetry.failed", failures, about)
        if failures >= MOST_FAILURES and remove(attached):
            words = "the telemetry handler %s was detached: it has failed %d times in a row, last at %s"
            report.log(LOG, logging.ERROR, words, shown(attached), failures, event)
            own_event("regrow.telemetry.detached", failures, about)
    except (KeyboardInterrupt, SystemExit):
        raise
    except BaseException:
        pass


def log_failure(attached: Attached, event: str, error: BaseException) -> None:
    """Log a failure with its traceback, at most once a minute for each handler."""
    now = clock().now()
    # The clocks of two nodes may differ by anything, so an earlier time counts as long ago, too.
    if attached.logged_at is not None and abs(now - attached.logged_at) < LOG_SECONDS:
        attached.unlogged += 1
        return
    more = f" ({attached.unlogged} more failures since the last record)" if attached.unlogged else ""
    attached.logged_at = now
    attached.unlogged = 0
    words = "the telemetry handler %s has failed at %s%s"
    report.log(LOG, logging.ERROR, words, shown(attached), event, more, exc_info=report.exc_info(error))


def shown(attached: Attached) -> str:
    """Return a handler as a record shows it."""
    return f"{safe_repr(attached.id)} ({safe_repr(attached.function)})"


def own_event(event: str, failures: int, about: dict[str, Any]) -> None:
    """Emit one of telemetry's own events."""
    found = HANDLERS.get(event)
    if found:
        emit(found, event, {"failures": failures}, dict(about))


def clock() -> Clock:
    """Return the clock of this thread's node, or the machine's clock."""
    node = CURRENT.node
    return OUTSIDE if node is None else node.clock


def check_event(event: object, what: str) -> None:
    """Raise TypeError unless an event's name is a string."""
    if not isinstance(event, str):
        raise TypeError(f"{what}: wanted the name of an event, a string; got {safe_repr(event)}")


def check_mapping(given: object, event: str, what: str) -> None:
    """Raise TypeError unless measurements or metadata are a mapping."""
    if not isinstance(given, Mapping):
        raise TypeError(
            f"{what}({safe_repr(event)}): wanted measurements and metadata as mappings, such as dicts; "
            f"got {safe_repr(given)}"
        )
