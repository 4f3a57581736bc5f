"""The debug options of a server: statistics, log, trace, log file and installed functions (OTP's `sys`).

    event                           when                                                   counted as
    -----                           ----                                                   ----------
    ("in", message)                 a message was taken; "timeout" when a timeout is due   messages_in
    ("out", answer, from_, state)   a callback has answered, with its new state            messages_out
    ("noreply", state)              a callback has returned without an answer
    ("continue", arg)               `handle_continue` is about to be called

State machines record more kinds of events; a special process records those that it passes to `system.handle_debug`.
A loop has None in place of its Debug while no option is on, so that an unobserved message costs one comparison.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Coroutine, Iterable, Sequence
from inspect import iscoroutinefunction
from pathlib import Path
from typing import Any, TextIO

from regrow.behaviours.gen.results import Reply
from regrow.behaviours.gen.user_code import survives
from regrow.kernel import bounded_repr, exits
from regrow.kernel.current_node import current_node
from regrow.kernel.process_record import Process
from regrow.kernel.requests import CallRequest

Event = tuple[Any, ...]
Hook = Callable[[Any, Any, Any], Any]
Words = Callable[[Any], str]

DebugOptions = Iterable[str | Sequence[Any]]  # "trace", ("log", n) and so on: see `debug_options`

KEPT = 10  # events in a log of default size


class Installed:
    """A function that is called for each event, the state for its next call, and its id."""

    __slots__ = ("function", "key", "state")

    def __init__(self, key: object, function: Hook, state: object) -> None:
        self.key: object = key
        self.function: Hook = function
        self.state: object = state


class Debug:
    """The debug options of one server that are on, and what they have collected."""

    def __init__(self) -> None:
        self.counts: dict[str, Any] | None = None
        self.log: deque[Any] | None = None
        self.printing: bool = False
        self.stream: TextIO | None = None  # None: sys.stdout at the time of printing
        self.file: Path | None = None
        self.hooks: list[Installed] = []  # oldest first; a list, since a key need not be hashable
        self.words: Words = event_words  # formats an event as text

    def is_idle(self) -> bool:
        """Whether all debug options are off."""
        return not (self.counts or self.log is not None or self.printing or self.file or self.hooks)

    # Turning options on. An option that is on already stays as it is, as in OTP.

    def count(self) -> None:
        """Start counting messages (statistics)."""
        if self.counts is None:
            self.counts = {"start_time": current_node().clock.now(), "messages_in": 0, "messages_out": 0}

    def keep(self, size: int = KEPT) -> None:
        """Keep the last `size` events in a log."""
        if self.log is None:
            self.log = deque(maxlen=size)

    def print_to(self, stream: TextIO | None) -> None:
        """Print every event to a stream; None is standard output."""
        if not self.printing:
            self.printing, self.stream = True, stream

    def write_to(self, file: Any) -> None:
        """Write every event to a file, which is emptied first.

        Raises:
            OSError: the file cannot be written.
        """
        self.file = None
        path = Path(file)
        path.write_text("", encoding="utf-8")
        self.file = path

    def install(self, key: object, function: Hook, state: object) -> None:
        """Call a function for every event from now on, unless one with this key is installed."""
        if self.hook(key) is None:
            self.hooks.append(Installed(key, function, state))

    def remove(self, key: object) -> None:
        """Remove the installed function with this key, if there is one."""
        found = self.hook(key)
        if found is not None:
            self.hooks.remove(found)

    def hook(self, key: object) -> Installed | None:
        """Return the installed function with this key; None if there is none."""
        return next((hook for hook in self.hooks if hook.key is key or hook.key == key), None)

    # Recording events. Each returns None when all options are off, which the loop keeps in place of its Debug.

    def record_in(self, process: Process, message: object) -> Debug | None:
        """Record that a message was taken."""
        return self.record(process, ("in", message))

    def record_out(self, process: Process, message: object, result: Any) -> Debug | None:
        """Record that a callback has returned `result` for `message`."""
        if type(result) is Reply:
            return self.record(process, ("out", result.value, message, result.state))  # pyright: ignore[reportUnknownArgumentType, reportUnknownMemberType]
        return self.record(process, ("noreply", result.state))

    def record(self, process: Process, event: Event) -> Debug | None:
        """Count, log, print and write an event, and pass it to the installed functions."""
        if self.counts is not None and event[0] in ("in", "out"):
            self.counts["messages_in" if event[0] == "in" else "messages_out"] += 1
        if self.log is not None:
            self.log.append(event)
        if self.printing:
            self._print(process, event)
        if self.file is not None:
            self._write(process, event)
        if self.hooks:
            self._ask_hooks(process, event)
        return None if self.is_idle() else self

    def _ask_hooks(self, process: Process, event: Event) -> None:
        """Call the installed functions, newest first, as in OTP.

        One that raises is removed: the server must not notice.
        """
        who = process.pid if process.name is None else process.name
        for hook in self.hooks[::-1]:
            try:
                after = hook.function(hook.state, event, who)
                if isinstance(after, Coroutine):
                    after.close()
                    after = "done"
            except BaseException as error:
                if not survives(process, error):
                    raise
                after = "done"
            if type(after) is str and after == "done":
                self.hooks.remove(hook)
            else:
                hook.state = after

    def _print(self, process: Process, event: Event) -> None:
        try:
            print(self._line(process, event), file=self.stream)
        except (
            BaseException
        ) as error:  # the stream is closed, or a __repr__ raised: stop printing, the server continues
            if not survives(process, error):
                raise
            self.printing = False

    def _write(self, process: Process, event: Event) -> None:
        """Append a line. The file is opened each time: a killed server could not close it."""
        assert self.file is not None
        try:
            with self.file.open("a", encoding="utf-8") as stream:
                stream.write(self._line(process, event) + "\n")
        except BaseException as error:  # the file is gone, the disk is full, …: stop writing, the server continues
            if not survives(process, error):
                raise
            self.file = None

    def _line(self, process: Process, event: Event) -> str:
        who = process.pid if process.name is None else process.name
        return f"*DBG* {who if isinstance(who, str) else exits.display_name(who)} {self.words(event)}"

    # Answers to system requests

    def events(self) -> list[Any]:
        """Return the logged events, oldest first."""
        return [] if self.log is None else list(self.log)

    def print_log(self, process: Process) -> None:
        """Print the logged events, oldest first."""
        for event in self.log or ():
            print(self._line(process, event), file=self.stream)

    def statistics(self) -> dict[str, Any] | None:
        """Return the counts, their start time and the current time, in seconds of the node's clock; None if off."""
        return None if self.counts is None else {**self.counts, "current_time": current_node().clock.now()}

    def options(self) -> list[Any]:
        """Return the options that are on, in the form that `debug_options` accepts."""
        found: list[Any] = [("install", hook.key, hook.function, hook.state) for hook in self.hooks]
        if self.counts is not None:
            found.append("statistics")
        if self.log is not None:
            found.append(("log", self.log.maxlen))
        if self.printing:
            found.append("trace")
        if self.file is not None:
            found.append(("log_to_file", str(self.file)))
        return found


def debug_options(options: DebugOptions) -> Debug | None:
    """Return the Debug for a process that starts with these options: `start_link(debug=)` (`sys:debug_options/1`).

    Args:
        options: any of "trace", "log", ("log", n), "statistics", ("log_to_file", path), ("install", function, state)
            and ("install", id, function, state).

    Raises:
        ValueError: an option is none of these.
        TypeError: `options` is no list, or a function to install is no `def` function.
        OSError: the file cannot be written.
    """
    value: object = options
    if isinstance(value, str) or not isinstance(value, Iterable):  # pyright: ignore[reportUnnecessaryIsInstance]
        raise TypeError(f'debug: wanted a list of options, such as ["trace"]; got {bounded_repr.safe_repr(options)}')
    if not options:
        return None
    debug = Debug()
    for option in options:
        match option:
            case "statistics":
                debug.count()
            case "log":
                debug.keep()
            case ("log", size) if is_size(size):
                debug.keep(size)
            case "trace":
                debug.print_to(None)
            case ("log_to_file", file):
                debug.write_to(file)
            case ("install", function, state):
                debug.install(function, check_hook("debug", function), state)
            case ("install", id, function, state):
                debug.install(id, check_hook("debug", function), state)
            case _:
                raise ValueError(
                    'debug: wanted "trace", "log", ("log", n), "statistics", ("log_to_file", path), '
                    f'("install", function, state) or ("install", id, function, state); got {bounded_repr.safe_repr(option)}'
                )
    return debug


def check_hook(where: str, function: Any) -> Hook:
    """Return `function` if it can be called for events; its result is not awaited.

    Raises:
        TypeError: it is not callable, or it is `async def`.
    """
    if callable(function) and not iscoroutinefunction(function):
        hook: Hook = function
        return hook
    raise TypeError(
        f"{where}: wanted a function (state, event, name), `def` and not `async def`; got {bounded_repr.safe_repr(function)}"
    )


def is_size(value: object) -> bool:
    """Whether a value can be the size of a log: a positive integer."""
    return isinstance(value, int) and not isinstance(value, bool) and value > 0


# Events as text


def event_words(event: Any) -> str:
    """Return an event as text, for traces and log files."""
    match event:
        case ("in", call) if exits.is_a(call, CallRequest):
            return f"got call {bounded_repr.safe_repr(call.request)} from {call.pid}"
        case ("in", message):
            return f"got {bounded_repr.safe_repr(message)}"
        case ("out", answer, call, state) if exits.is_a(call, CallRequest):
            return f"sent {bounded_repr.safe_repr(answer)} to {call.pid}, new state {bounded_repr.safe_repr(state)}"
        case ("out", answer, call) if exits.is_a(call, CallRequest):
            return f"sent {bounded_repr.safe_repr(answer)} to {call.pid}"
        case ("noreply", state):
            return f"new state {bounded_repr.safe_repr(state)}"
        case _:
            return bounded_repr.safe_repr(event)
