"""Reports in words, one function for each kind of report. `regrow.logs` is the page of the concept."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Callable
from typing import Any, Final, TextIO

from regrow.behaviours.gen.child_spec import ChildSpec
from regrow.kernel.bounded_repr import DEFAULT, Limits, Once, cut, show
from regrow.kernel.exits import is_a
from regrow.kernel.process_record import Pid, extras
from regrow.kernel.report import Report
from regrow.kernel.running import running
from regrow.kernel.user_errors import swallow
from regrow.ops.reasons import (
    INDENT,
    banner,
    call_words,
    error_lines,
    frame_lines,
    function_words,
    innermost_words,
    name_words,
    parts_of,
    start_failure_lines,
)

COLORS: Final = {"debug": "36", "warning": "33", "error": "31", "critical": "31;1"}

# Reports that are shown only with `reports=True`: each start of a child and of an application; each end that the server
# itself has reported already; the crash report of a process.
DETAILS: Final = {
    ("regrow.supervisor", "started"),
    ("regrow.supervisor", "terminated"),
    ("regrow.application", "started"),
    ("regrow.proc_lib", "process terminating"),
}


def words(report: Report, limits: Limits = DEFAULT) -> str:
    """Return a report as text, of several lines or of one line.

    Args:
        report: the report, as it is in a log record's `msg`.
        limits: limits for the states and messages in it: characters, depth, and whether the text is on one line.
    """
    limits = Once(*limits)
    make = WORDS.get(report.kind)
    try:
        lines = make(report, limits) if make is not None else _any_lines(report, limits)
    except BaseException as error:  # a report of other code with other fields, or a value whose repr raises
        swallow(error)
        lines = _any_lines(report, limits)
    text = _on_one_line(lines) if limits.single_line else "\n".join(lines)
    return text if limits.chars_limit is None else cut(text, limits.chars_limit)


def written(report: Report, limits: Limits = DEFAULT) -> str:
    """Return a report as text, and cache it: several handlers may write one record, and a large repr takes time."""
    cache: dict[Limits, str] = report.__dict__.setdefault("_written", {})
    text = cache.get(limits)
    if text is None:
        text = cache[limits] = words(report, limits)
    return text


def known_words(report: Report) -> str | None:
    """Return a report of one of regrow's kinds as text, with the default limits; None for any other kind."""
    return written(report) if report.kind in WORDS else None


# Servers


def _why(kind: str, report: Report, limits: Limits) -> list[str]:
    """Return the lines of the reason, and the frames of a callback that raised `Exit`."""
    places = frame_lines(report.fields.get("trace", ()))
    return [*banner(kind, report.reason, limits), *(INDENT + line for line in places)]


def _server_lines(report: Report, limits: Limits) -> list[str]:
    who = report.name if report.name is not None else f"{report.pid} ({report.module.__name__})"
    asker = "" if report.client is None else f" (from {report.client})"
    lines = [f"GenServer {name_words(who, limits)} terminating", *_why("stop", report, limits)]
    lines.append(f"Last message{asker}: {show(report.message, limits)}")
    lines.append(f"State: {show(report.state, limits)}")
    lines += _labelled(report, limits)
    if report.log:
        lines.append(f"Log: {show(report.log, limits)}")
    return lines + _client_lines(report, limits)


def _client_lines(report: Report, limits: Limits) -> list[str]:
    client: Pid | None = report.client
    if client is None:
        return []
    if client.number == 0:
        return ["Client is a plain asyncio task"]
    name = client if report.client_name is None else name_words(report.client_name, limits)
    state = "alive" if report.client_alive else "dead"
    return [f"Client {name} is {state}", *("    " + line for line in frame_lines(report.client_trace))]


def _unexpected_lines(report: Report, limits: Limits) -> list[str]:
    who = report.pid if report.name is None else name_words(report.name, limits)
    name = report.module.__name__
    return [f"{name} {who} received unexpected message in handle_info: {show(report.message, limits)}"]


def _machine_lines(report: Report, limits: Limits) -> list[str]:
    who = report.name if report.name is not None else f"{report.pid} ({report.modules[0].__name__})"
    asker = "" if report.client is None else f" (from {report.client})"
    lines = [f"GenStatem {name_words(who, limits)} terminating", *_why("stop", report, limits)]
    if report.queue:
        lines.append(f"Last event{asker}: {show(report.queue[0], limits)}")
    lines.append(f"State: {show(report.state, limits)}")
    lines += _labelled(report, limits)
    mode = f"{report.callback_mode}, state_enter" if report.state_enter else report.callback_mode
    lines += [f"Callback mode: {mode}", f"Queue: {show(report.queue[1:], limits)}"]
    lines += [f"Postponed: {show(report.postponed, limits)}", f"Timeouts: {show(report.timeouts[1], limits)}"]
    if report.log:
        lines.append(f"Log: {show(report.log, limits)}")
    return lines + _client_lines(report, limits)


def _handler_lines(report: Report, limits: Limits) -> list[str]:
    who = report.pid if report.name is None else report.name
    first = f"GenEvent handler {name_words(report.handler, limits)} installed in {name_words(who, limits)} terminating"
    lines = [first, *_why("stop", report, limits)]
    if report.letter is not None:
        lines += [f"    {line}" for line in report.letter.words(limits).split("\n")]
    lines += [f"Last message: {show(report.message, limits)}", f"State: {show(report.state, limits)}"]
    return lines + _labelled(report, limits)


def _unhandled_lines(report: Report, limits: Limits) -> list[str]:
    who = report.pid if report.name is None else name_words(report.name, limits)
    name = report.module.__name__
    return [f"Handler {name} in {who} received unexpected message in handle_info: {show(report.message, limits)}"]


# Processes


def _raised_lines(report: Report, limits: Limits) -> list[str]:
    return [f"Process {_process_words(report, limits)} raised an exception", *_why("exit", report, limits)]


def _task_lines(report: Report, limits: Limits) -> list[str]:
    who = report.pid if report.name is None else name_words(report.name, limits)
    lines = [f"Task {who} started from {report.starter} terminating", *_why("stop", report, limits)]
    lines += [f"Function: {function_words(report.function, limits)}", f"    Args: {show(report.args, limits)}"]
    return lines + _labelled(report, limits)


def _process_lines(report: Report, limits: Limits) -> list[str]:
    lines = [f"Process {_process_words(report, limits)} terminating", *_why("exit", report, limits)]
    lines += _labelled(report, limits)
    if report.initial_call is not None:
        lines.append(f"Initial Call: {function_words(report.initial_call, limits)}")
    lines += [
        f"Ancestors: [{', '.join(name_words(one, limits) for one in report.ancestors)}]",
        f"Message Queue Length: {report.message_queue_len}",
        f"Messages: {show(report.messages, limits)}",
        f"Links: {show(report.links, limits)}",
        f"Dictionary: {show(report.dictionary, limits)}",
        f"Trapping Exits: {report.trapping_exits}",
    ]
    if report.neighbours:
        lines.append("Neighbours:")
    for neighbour in report.neighbours:
        lines.append(f"    {_process_words(neighbour, limits)}")
        if neighbour.initial_call is not None:
            lines.append(f"        Initial Call: {function_words(neighbour.initial_call, limits)}")
        if neighbour.trace:
            lines.append(f"        Current Call: {innermost_words(neighbour.trace)}")
        lines.append(f"        Ancestors: [{', '.join(name_words(one, limits) for one in neighbour.ancestors)}]")
    return lines


def _process_words(report: Report, limits: Limits) -> str:
    return str(report.pid) if report.name is None else f"{name_words(report.name, limits)} ({report.pid})"


def _labelled(report: Report, limits: Limits) -> list[str]:
    return [] if report.label is None else [f"Process Label: {show(report.label, limits)}"]


# Supervisors


def _child_lines(report: Report, limits: Limits) -> list[str]:
    spec: ChildSpec = report.child
    id = "undefined" if spec.id is None else name_words(spec.id, limits)
    lines = [f"Child {id} of Supervisor {_supervisor_words(report, limits)} {report.kind}"]
    if report.reason is not None:
        if is_a(report.reason, BaseException):
            lines.append("** (exit) an exception was raised:")
            lines += ["    " + line for line in error_lines(report.reason, limits)]
        else:
            lines += banner("exit", report.reason, limits)
    if report.pid is not None:
        lines.append(f"Pid: {show(report.pid, limits)}")
    lines += [
        f"Start Call: {call_words(spec.start, spec.args, limits)}",
        f"Restart: {spec.restart}",
        f"Shutdown: {spec.shutdown}",
        f"Type: {spec.type}",
    ]
    return lines


def _supervisor_words(report: Report, limits: Limits) -> str:
    parts = parts_of(report.supervisor)
    if len(parts) == 2 and type(parts[0]) is Pid:  # it has no name
        return f"{parts[0]} ({parts[1]})"
    return name_words(report.supervisor, limits)


# Applications


def _application_lines(report: Report, limits: Limits) -> list[str]:
    name = name_words(report.application, limits)
    if report.kind == "started":
        return [f"Application {name} started at {report.node}"]
    first, *rest = start_failure_lines(report.reason, limits)
    return [f"Application {name} exited: {first}", *rest]


def _callback_lines(report: Report, limits: Limits) -> list[str]:
    name = name_words(report.application, limits)
    return [
        f"Application {name} raised in {report.callback}, and still ends",
        *_why("exit", report, limits),
    ]


# Other kinds


def _started_lines(report: Report, limits: Limits) -> list[str]:
    return _application_lines(report, limits) if "application" in report.fields else _child_lines(report, limits)


def _any_lines(report: Report, limits: Limits) -> list[str]:
    lines = [report.kind]
    for name, value in report.fields.items():
        shown = _banner_of(value, limits) if is_a(value, BaseException) else [show(value, limits)]
        lines += [f"{name}: {shown[0]}", *("    " + line for line in shown[1:])]
    return lines


def _banner_of(error: Any, limits: Limits) -> list[str]:
    try:
        return banner("exit", error, limits)
    except BaseException as refused:
        swallow(refused)
        return [show(error, limits)]


def _on_one_line(lines: list[str]) -> str:
    first, *rest = [" ".join(line.split()) for line in lines]
    return f"{first}: {'; '.join(rest)}" if rest else first


WORDS: Final[dict[str, Callable[[Report, Limits], list[str]]]] = {
    "GenServer terminating": _server_lines,
    "unexpected message": _unexpected_lines,
    "GenStatem terminating": _machine_lines,
    "handler terminating": _handler_lines,
    "unhandled info": _unhandled_lines,
    "process raised an exception": _raised_lines,
    "process terminating": _process_lines,
    "task terminating": _task_lines,
    "started": _started_lines,
    "terminated": _child_lines,
    "failed to start": _child_lines,
    "shut down abnormally": _child_lines,
    "caused shutdown": _child_lines,
    "exited": _application_lines,
    "callback raised": _callback_lines,
}


# For the logging of the standard library


class Formatter(logging.Formatter):
    """A formatter that writes `12:00:01.000 [error] …`: reports as text, other records as `logging` formats them.

    Args:
        limits: limits for the states and messages in reports.
        colors: whether to colour a line by its level, for a terminal.
    """

    def __init__(self, limits: Limits = DEFAULT, *, colors: bool = False) -> None:
        super().__init__("%(message)s")
        self.limits = limits
        self.colors = colors

    def format(self, record: logging.LogRecord) -> str:
        """Return the line of a record; the record is not changed."""
        text = written(record.msg, self.limits) if isinstance(record.msg, Report) else super().format(record)
        level = record.levelname.lower()
        line = f"{self.formatTime(record, '%H:%M:%S')}.{int(record.msecs):03d} [{level}] {text}"
        if self.colors and level in COLORS:
            return f"\x1b[{COLORS[level]}m{line}\x1b[0m"
        return line


def disable() -> None:
    """Turn off the reports of the running process: of its end, and of unexpected messages (`Logger.disable/1`)."""
    extras(running()).quiet = True


def enable() -> None:
    """Turn the reports of the running process on again (`Logger.enable/1`)."""
    extras(running()).quiet = False


def enabled() -> bool:
    """Whether the reports of the running process are turned on (`Logger.enabled?/1`)."""
    return not extras(running()).quiet


class WithoutDetails(logging.Filter):
    """A filter that hides the reports of normal work, as Elixir does by default: starts, expected ends, crash reports."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether a record is shown."""
        return not (isinstance(record.msg, Report) and (record.name, record.msg.kind) in DETAILS)


def configure(
    level: str | int = "info", *, reports: bool = False, stream: TextIO | None = None, limits: Limits = DEFAULT
) -> logging.Handler | None:
    """Send the program's log to a stream, with reports as text. If logging is configured already, change nothing.

    Args:
        level: the lowest level that is shown.
        reports: whether to also show each start of a child, and each end of a child or process.
        stream: the stream; None for standard error.
        limits: limits for the states and messages in reports.

    Returns:
        The new handler of the root logger; None if it had one.

    Raises:
        ValueError: an unknown level.
    """
    number = _level(level)
    root = logging.getLogger()
    if root.handlers:
        return None
    chosen = sys.stderr if stream is None else stream
    handler = logging.StreamHandler(chosen)
    handler.setFormatter(Formatter(limits, colors=chosen.isatty() and "NO_COLOR" not in os.environ))
    if not reports:
        handler.addFilter(WithoutDetails())
    root.addHandler(handler)
    root.setLevel(number)
    return handler


def _level(level: str | int) -> int:
    if isinstance(level, int):
        return level
    known = logging.getLevelNamesMapping()
    if str(level).upper() not in known:
        raise ValueError(f"level: wanted one of debug, info, warning, error, critical; got {level!r}")
    return known[str(level).upper()]
