"""Reports of failures as data: each is the message of a `logging` record, and `ops/logs.py` puts it into words."""

from __future__ import annotations

import logging
import sys
import traceback
from collections.abc import Callable
from contextlib import nullcontext
from functools import wraps
from pkgutil import resolve_name
from types import TracebackType
from typing import Any, ParamSpec, cast

from regrow.kernel.ancestors import ancestors
from regrow.kernel.bounded_repr import safe_repr
from regrow.kernel.exception_copies import TRACEBACK
from regrow.kernel.exits import is_a
from regrow.kernel.process_record import Pid, Process
from regrow.kernel.requests import CallRequest
from regrow.kernel.tracebacks import Raised, cause_in, trace_of, traceback_of, with_lines
from regrow.kernel.user_errors import swallow

Given = ParamSpec("Given")

PLAIN = logging.getLogger("regrow.process")

WORDS = "regrow.ops.logs:known_words"
MORE = "For more: regrow.ops.logs.configure(reports=True), or its Formatter in your handler"
HAVE_MORE = ("GenServer terminating", "GenStatem terminating", "task terminating", "process raised an exception")


class Report:
    """An event with named fields. `str()` returns the words of `ops/logs.py`; for an unknown kind, one plain line.

    Attributes:
        kind: the event, in OTP's words.
        fields: the values, by name.
    """

    def __init__(self, kind: str, **fields: Any) -> None:
        self.kind = kind
        self.fields = fields

    def __getattr__(self, name: str) -> Any:
        try:
            return self.__dict__["fields"][name]
        except KeyError:
            raise AttributeError(name) from None

    def __str__(self) -> str:
        # The words are in a layer above the kernel; their module is loaded when a report is first read as text.
        text: str | None = resolve_name(WORDS)(self)
        if text is None:
            parts = (f"{name} {safe_repr(value, 200)}" for name, value in self.fields.items())
            return f"{self.kind}: {', '.join(parts)}"
        return f"{text}\n{MORE}" if self.kind in HAVE_MORE else text

    def __repr__(self) -> str:
        return f"Report({self.kind!r}, {', '.join(self.fields)})"


def crash(
    logger: logging.Logger, report: Report, raised: Raised | None, *, level: int = logging.ERROR, again: bool = False
) -> None:
    """Log a process's end, with its exception as `exc_info`: with all frames while the record is handled, then lines only.

    Args:
        logger: the logger of the record.
        report: the message of the record; its `reason` is that of the end.
        raised: the exception that the process raised; None if only the lines of it are left.
        level: the level of the record.
        again: an earlier record reports the same end. This one only names the exception, and is left out if logging is
            not configured, so that standard error shows one record for each crash.
    """
    if again and not logger.hasHandlers():
        return
    error = cause_in(report.reason) if raised is None else raised.worth_showing(report.reason)
    if (
        raised is not None and error is raised.error and cause_in(report.reason) is None
    ):  # an `Exit`, with a plain reason
        report.fields["trace"] = raised.places()
    path, line, function, _ = logger.findCaller(False, 2)
    record = logger.makeRecord(logger.name, level, path, line, report, (), None, function)
    if error is None:
        logger.handle(record)
        return
    record.exc_text = f"({type(error).__name__}: see the record before this one for its traceback)" if again else None
    with nullcontext() if raised is None else raised.shown():
        record.exc_info = (type(error), error, TRACEBACK.__get__(with_lines(error)))
        try:
            logger.handle(record)
        finally:
            record.exc_info = (type(error), error, None)
    record.exc_info = (type(error), error, traceback_of(trace_of(error)))


def guarded(report: Callable[Given, None]) -> Callable[Given, None]:
    """Decorate a function that reports, so that it returns even if a log handler or filter raises.

    A report is made during a process's end, or during a supervisor's work: the rest of that has to be done.
    """

    @wraps(report)
    def reported(*args: Given.args, **kwargs: Given.kwargs) -> None:
        try:
            report(*args, **kwargs)
        except BaseException as error:
            lost(error)

    return reported


@guarded
def log(logger: logging.Logger, level: int, message: str, *args: object, **options: Any) -> None:
    """Log one record of plain words. All of regrow's records go through here, or through another `guarded` function."""
    logger.log(level, message, *args, **options)


def exc_info(error: BaseException) -> tuple[type[BaseException], BaseException, TracebackType | None]:
    """Return an exception as `logging` takes it. Given the exception alone, `logging` would read its `__class__`."""
    return type(error), error, TRACEBACK.__get__(error)


def lost(error: BaseException) -> None:
    """Write to standard error, as `logging` does, that a record was lost, with the exception."""
    swallow(error)
    if not logging.raiseExceptions or sys.stderr is None:
        return
    try:
        lines = traceback.format_exception(error)
    except BaseException as second:
        swallow(second)
        lines = [safe_repr(error), "\n"]
    try:
        sys.stderr.write(f"--- regrow: a record was lost: a log handler or filter raised ---\n{''.join(lines)}")
    except BaseException as second:  # standard error is closed, or its reader is gone
        swallow(second)


def who(process: Process) -> object:
    """Return what a report calls a process: its name, or else its pid."""
    return process.pid if process.name is None else process.name


def client_of(message: object) -> Pid | None:
    """Return the caller that waits for the answer to a message; None if there is none."""
    return cast("CallRequest", message).pid if is_a(message, CallRequest) else None


@guarded
def process_raised(process: Process, raised: Raised) -> None:
    """Report on the logger `regrow.process` that a process other than a server has ended with an exception."""
    if process.rare is not None and process.rare.quiet:
        return
    report = Report(
        "process raised an exception",
        pid=process.pid,
        name=process.name,
        label=None if process.rare is None else process.rare.label,
        initial_call=process.initial_call,
        ancestors=ancestors(process),
        reason=raised.error,
    )
    crash(PLAIN, report, raised)
