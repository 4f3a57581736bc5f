"""What looks at the events of a server: counters, a log, a trace, a file, functions (the debug options of OTP's `sys`).

    event                           when                                                   counted as
    -----                           ----                                                   ----------
    ("in", message)                 a message was taken; "timeout" when its time came      messages_in
    ("out", answer, from_, state)   a callback has answered, with its new state            messages_out
    ("noreply", state)              a callback has returned without an answer
    ("continue", arg)               `handle_continue` has its turn

State machines have more of them, and a hand-written process has those that it tells `system.handle_debug`.
A loop has None in the place of its Debug while nothing looks, which is all that looking costs then.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Coroutine, Iterable
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

KEPT = 10  # events in a log


class Installed:
    """A function that sees events, the state that it is given next, and by what it is called."""

    __slots__ = ("function", "key", "state")

    def __init__(self, key: object, function: Hook, state: object) -> None:
        self.key: object = key
        self.function: Hook = function
        self.state: object = state


class Debug:
    """What looks at the events of one server."""

    def __init__(self) -> None:
        self.counts: dict[str, Any] | None = None
        self.log: deque[Any] | None = None
        self.printing: bool = False
        self.stream: TextIO | None = None  # None: standard output, whatever that is when something is printed
        self.file: Path | None = None
        self.hooks: list[Installed] = []  # the oldest first; found by comparing, for a key may be anything
        self.words: Words = event_words  # puts an event into words

    def is_idle(self) -> bool:
        """Whether nothing looks any more."""
        return not (self.counts or self.log is not None or self.printing or self.file or self.hooks)

    # What is turned on; what is on already stays as it is, as in OTP

    def count(self) -> None:
        """Count messages from now on."""
        if self.counts is None:
            self.counts = {"start_time": current_node().clock.now(), "messages_in": 0, "messages_out": 0}

    def keep(self, size: int = KEPT) -> None:
        """Keep the last events."""
        if self.log is None:
            self.log = deque(maxlen=size)

    def print_to(self, stream: TextIO | None) -> None:
        """Print events."""
        if not self.printing:
            self.printing, self.stream = True, stream

    def write_to(self, file: Any) -> None:
        """Write events to a file, which begins empty.

        Raises:
            OSError: it cannot be written.
        """
        self.file = None
        path = Path(file)
        path.write_text("", encoding="utf-8")
        self.file = path

    def install(self, key: object, function: Hook, state: object) -> None:
        """Let a function see events."""
        if self.hook(key) is None:
            self.hooks.append(Installed(key, function, state))

    def remove(self, key: object) -> None:
        """Take it away."""
        found = self.hook(key)
        if found is not None:
            self.hooks.remove(found)

    def hook(self, key: object) -> Installed | None:
        """The function that is called so."""
        return next((one for one in self.hooks if one.key is key or one.key == key), None)

    # What is seen

    def saw_in(self, process: Process, message: object) -> Debug | None:
        """A message was taken; None when nothing looks any more."""
        return self.saw(process, ("in", message))

    def saw_out(self, process: Process, message: object, result: Any) -> Debug | None:
        """A callback has returned; None when nothing looks any more."""
        if type(result) is Reply:
            return self.saw(process, ("out", result.value, message, result.state))  # pyright: ignore[reportUnknownArgumentType, reportUnknownMemberType]
        return self.saw(process, ("noreply", result.state))

    def saw(self, process: Process, event: Event) -> Debug | None:
        """Something has happened; None when nothing looks any more."""
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
        """The newest first, as in OTP. One that raises is taken away: looking must not change what is seen."""
        who = process.pid if process.name is None else process.name
        for one in self.hooks[::-1]:
            try:
                after = one.function(one.state, event, who)
                if isinstance(after, Coroutine):
                    after.close()
                    after = "done"
            except BaseException as error:
                if not survives(process, error):
                    raise
                after = "done"
            if type(after) is str and after == "done":
                self.hooks.remove(one)
            else:
                one.state = after

    def _print(self, process: Process, event: Event) -> None:
        try:
            print(self._line(process, event), file=self.stream)
        except BaseException as error:  # nobody reads any more, or the words cannot be made: the server goes on
            if not survives(process, error):
                raise
            self.printing = False

    def _write(self, process: Process, event: Event) -> None:
        """Add a line. The file is not held open: nobody would close it when the server is killed."""
        assert self.file is not None
        try:
            with self.file.open("a", encoding="utf-8") as stream:
                stream.write(self._line(process, event) + "\n")
        except BaseException as error:  # it is gone, or full, or cannot hold this: the server goes on
            if not survives(process, error):
                raise
            self.file = None

    def _line(self, process: Process, event: Event) -> str:
        who = process.pid if process.name is None else process.name
        return f"*DBG* {who if isinstance(who, str) else exits.display_name(who)} {self.words(event)}"

    # What is asked

    def events(self) -> list[Any]:
        """The events that are kept, oldest first."""
        return [] if self.log is None else list(self.log)

    def print_log(self, process: Process) -> None:
        """Print them."""
        for event in self.log or ():
            print(self._line(process, event), file=self.stream)

    def statistics(self) -> dict[str, Any] | None:
        """The counts, and since when and until when they count, in seconds of the node's clock."""
        return None if self.counts is None else {**self.counts, "current_time": current_node().clock.now()}

    def options(self) -> list[Any]:
        """What is on, as `debug_options` would take it."""
        found: list[Any] = [("install", one.key, one.function, one.state) for one in self.hooks]
        if self.counts is not None:
            found.append("statistics")
        if self.log is not None:
            found.append(("log", self.log.maxlen))
        if self.printing:
            found.append("trace")
        if self.file is not None:
            found.append(("log_to_file", str(self.file)))
        return found


def debug_options(options: Any) -> Debug | None:
    """What looks at a process from its first event on: the `debug` of every `start_link` (`sys:debug_options/1`).

    Args:
        options: any of "trace", "log", ("log", n), "statistics", ("log_to_file", path), ("install", function, state)
            and ("install", id, function, state).

    Raises:
        ValueError: something else.
        TypeError: no list of options, or what is to be installed is no `def` function.
        OSError: the file cannot be written.
    """
    given: object = options
    if isinstance(given, str) or not isinstance(given, Iterable):
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
    """The function, if events can be shown to it, which nobody would await.

    Raises:
        TypeError: it is none, or it is `async def`.
    """
    if callable(function) and not iscoroutinefunction(function):
        hook: Hook = function
        return hook
    raise TypeError(
        f"{where}: wanted a function (state, event, name), `def` and not `async def`; got {bounded_repr.safe_repr(function)}"
    )


def is_size(value: object) -> bool:
    """Whether so many events can be kept."""
    return isinstance(value, int) and not isinstance(value, bool) and value > 0


# In words


def event_words(event: Any) -> str:
    """An event in words."""
    match event:
        case ("in", asked) if exits.is_a(asked, CallRequest):
            return f"got call {bounded_repr.safe_repr(asked.request)} from {asked.pid}"
        case ("in", message):
            return f"got {bounded_repr.safe_repr(message)}"
        case ("out", answer, asked, state) if exits.is_a(asked, CallRequest):
            return f"sent {bounded_repr.safe_repr(answer)} to {asked.pid}, new state {bounded_repr.safe_repr(state)}"
        case ("out", answer, asked) if exits.is_a(asked, CallRequest):
            return f"sent {bounded_repr.safe_repr(answer)} to {asked.pid}"
        case ("noreply", state):
            return f"new state {bounded_repr.safe_repr(state)}"
        case _:
            return bounded_repr.safe_repr(event)
