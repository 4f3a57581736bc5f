"""What went wrong, as data: the message of one `logging` record, put into words only at an edge (`ops/logs.py`)."""

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
MORE = "For more: regrow.ops.logs.configure(reports=True), or its Formatter in a handler of your own"
HAVE_MORE = ("GenServer terminating", "GenStatem terminating", "task terminating", "process raised an exception")


class Report:
    """A fact with named parts. `str()` of it is what `ops/logs.py` says in words; of an unknown kind, one plain line.

    Attributes:
        kind: what happened, in OTP's words.
        fields: the parts, by name.
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
        # The words stand above the kernel, and are loaded when the first report is read as text.
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
    """One record of an end, with its exception as `exc_info`: with all frames while it is handled, then the lines alone.

    Args:
        logger: where it goes.
        report: what is told; its `reason` says why.
        raised: what the process has raised; None if that is long gone, and its lines alone are left.
        level: of the record.
        again: another record has told of the same end. This one names the exception in a word, and is left out where
            logging is not configured, so that standard error shows one record of each crash.
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
    record.exc_text = f"({type(error).__name__}: its lines stand in the record before this one)" if again else None
    with nullcontext() if raised is None else raised.shown():
        record.exc_info = (type(error), error, TRACEBACK.__get__(with_lines(error)))
        try:
            logger.handle(record)
        finally:
            record.exc_info = (type(error), error, None)
    record.exc_info = (type(error), error, traceback_of(trace_of(error)))


def guarded(report: Callable[Given, None]) -> Callable[Given, None]:
    """Let a function that reports return whatever the handlers and filters of the user's logging raise.

    A report is made in the middle of a process's end, or of a supervisor's work: what comes after it has to be done.
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
    """One record of plain words. All of regrow's go through here, or through a report that is `guarded` too."""
    logger.log(level, message, *args, **options)


def exc_info(error: BaseException) -> tuple[type[BaseException], BaseException, TracebackType | None]:
    """An exception as `logging` takes it; made here, for `logging` asks the exception for its `__class__`."""
    return type(error), error, TRACEBACK.__get__(error)


def lost(error: BaseException) -> None:
    """Write to standard error, as `logging` does, that a record was lost, and why."""
    swallow(error)
    if not logging.raiseExceptions or sys.stderr is None:
        return
    try:
        lines = traceback.format_exception(error)
    except BaseException as second:
        swallow(second)
        lines = [safe_repr(error), "\n"]
    try:
        sys.stderr.write(f"--- regrow: a record was lost, for a log handler or filter raised ---\n{''.join(lines)}")
    except BaseException as second:  # it is closed, or nobody reads it any more
        swallow(second)


def who(process: Process) -> object:
    """How a process is called in a report: by its name, else its pid."""
    return process.pid if process.name is None else process.name


def client_of(message: object) -> Pid | None:
    """Who waits for the answer to a message."""
    return cast("CallRequest", message).pid if is_a(message, CallRequest) else None


@guarded
def process_raised(process: Process, raised: Raised) -> None:
    """A process that is no server has ended with an exception: one record on the logger `regrow.process`."""
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
