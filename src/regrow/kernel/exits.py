"""Exit reasons: the reasons of processes' ends, the normal ones, and the exceptions that carry them.

A reason is data: `"normal"`, `"shutdown"`, `("shutdown", detail)`, `"killed"`, any other term, or the exception that
ended the process. An exception that has become a reason keeps no frames: its traceback is reduced to (code, line)
pairs, so that a stored reason does not keep a dead process's variables alive. A reason is not raised itself but
wrapped: in `Exit` to end a process with it, in `CallExit` to raise it in a caller.

    Exit                 end this process with a reason (a BaseException, as cancellation is)
    CallExit             a request failed; uncaught, it ends the caller with the same reason
      + NoProcess        there is no such process
      + CallingSelf      a process called itself
      + Deadlock         the caller would have waited for itself, through other processes
      + CallTimeout      no answer in time (also a TimeoutError)
      + CalleeExit       the server ended before it answered
      + UnknownRequest   the server has no such message, and continues
"""

from __future__ import annotations

from collections.abc import Callable
from types import TracebackType
from typing import Any, ClassVar, cast

from regrow.kernel.bounded_repr import safe_repr
from regrow.kernel.exception_copies import TRACEBACK, twin_of
from regrow.kernel.tracebacks import (
    TRACE,
    because,
    exceptions_in,
    lines_of,
    whole,
)
from regrow.kernel.user_errors import swallow


class Exit(BaseException):
    """End the running process with `reason` (`erlang:exit/1`). It is no Exception: `except Exception` lets it through.

    Attributes:
        reason: any term. "normal", "shutdown" and ("shutdown", detail) are not reported.
    """

    __regrow_carries__: ClassVar[bool] = True

    def __init__(self, reason: object = "normal") -> None:
        super().__init__(reason)
        self.reason = reason


class KilledWhileRunning(BaseException):
    """Unwinds the stack of the running process, which something that it called has killed."""


class Continuation(BaseException):
    """Unwinds the stack of the running process, which then waits for a message and runs `function(*args)`."""

    def __init__(self, function: Callable[..., Any], args: tuple[Any, ...]) -> None:
        super().__init__(function, args)
        self.function = function
        self.args = args


class CallExit(Exception):
    """A request failed. `reason` has OTP's shape: `("noproc", ("GenServer", "call", [server, request, timeout]))`.

    Attributes:
        reason: the whole reason. A caller that does not catch this exception ends with it.
    """

    __regrow_carries__: ClassVar[bool] = True

    def __init__(self, reason: tuple[object, object], letter: str | None = None) -> None:
        super().__init__(reason)
        self.reason = reason
        self.letter = letter
        why = reason[0]
        if type(why) is not str:  # `reason[1]` only names the call
            because(self, why)

    def __str__(self) -> str:
        return self.letter if self.letter is not None else safe_repr(self.reason)


class NoProcess(CallExit):
    """There is no such process: it has ended, or no process has that name."""


class CallingSelf(CallExit):
    """A process sent a request to itself and would have waited for ever."""


class Deadlock(CallExit):
    """Processes would have waited for each other for ever, each for the answer of the next; this call closed the cycle.

    `reason[0]` is ("deadlock", pids): each process waits for the next, from the caller on. The request was withdrawn:
    the server does not receive it.
    """


class CallTimeout(CallExit, TimeoutError):
    """No answer within the time given. The server may still work on it; a late reply is dropped."""


class CalleeExit(CallExit):
    """The server ended before it answered; `reason[0]` is why."""


class UnknownRequest(CallExit):
    """A service has no such message: the handle's class is another. The service continues; `reason[0]` is a NoClause."""


def is_normal(reason: object) -> bool:
    """Return whether a reason is normal: `"normal"`, `"shutdown"` or `("shutdown", detail)`."""
    if type(reason) is str:
        return reason == "normal" or reason == "shutdown"
    if type(reason) is not tuple:
        return False
    parts = cast("tuple[object, ...]", reason)
    return len(parts) == 2 and type(parts[0]) is str and parts[0] == "shutdown"


def reason_of(error: BaseException) -> object:
    """Return the reason of a process that ended with an uncaught exception, and remove the exception's frames.

    KeyboardInterrupt and SystemExit keep theirs, since they are raised again out of the event loop: the reason is a
    copy (see `Node.interrupted`).
    """
    reason = carried(error)
    if type(reason) is str:
        return reason
    return apart(reason) if is_a(error, KeyboardInterrupt, SystemExit) else strip_tracebacks(reason)


def reason_beside(error: BaseException) -> object:
    """Return the reason of a process whose exception is still being handled: a copy, so that it keeps its traceback."""
    return apart(carried(error))


def carried(error: BaseException) -> object:
    """Return the reason in an `Exit` or a `CallExit`; any other exception is its own reason."""
    if not is_a(error, Exit, CallExit):
        return error
    try:
        return cast("Exit | CallExit", error).reason
    except BaseException as refused:  # a subclass whose `__init__` skips that of `Exit`, or whose `reason` raises
        swallow(refused)
        return error


def is_a(value: object, *kinds: type) -> bool:
    """Return whether a user's value is of one of these kinds. `isinstance` would read its `__class__`, which may raise."""
    return issubclass(type(value), kinds)


def is_word(reason: object, word: str) -> bool:
    """Return whether a reason is this word, without calling the `__eq__` of a user's reason."""
    return type(reason) is str and reason == word


def same(one: object, other: object) -> bool:
    """Return whether two reasons are equal; a comparison that raises counts as false."""
    if one is other:
        return True
    try:
        return bool(one == other)
    except BaseException as refused:
        swallow(refused)
        return False


def strip_tracebacks(reason: object) -> object:
    """Remove the frames of the exceptions in `reason`, and return it."""
    for error in exceptions_in(reason):
        strip_traceback(error)
    return reason


def apart(reason: object) -> object:
    """Return `reason` with a copy of each exception that has frames, and of its causes, contexts and members.

    The exceptions themselves stay unchanged, for the code that handles them.
    """
    found = exceptions_in(reason)
    twins: dict[int, BaseException] = {}
    for error in found:
        if any(has_frames(TRACEBACK.__get__(one)) for one in whole(error)):
            twins[id(error)] = strip_traceback(twin_of(error, whole(error)))
    return replaced(reason, twins) if twins else reason


def has_frames(traceback: TracebackType | None) -> bool:
    """Return whether a traceback has frames that keep variables alive."""
    return traceback is not None and bool(lines_of(traceback))


def replaced(reason: object, twins: dict[int, BaseException]) -> object:
    """Return `reason` with each exception replaced by its twin; `twins` has the ids of the exceptions as keys."""
    if issubclass(type(reason), tuple):
        kind: Any = type(reason)
        return tuple.__new__(  # pyright: ignore[reportUnknownMemberType]
            kind,
            [replaced(part, twins) for part in tuple.__iter__(cast("tuple[object, ...]", reason))],  # pyright: ignore[reportUnknownArgumentType, reportUnknownVariableType, reportUnknownMemberType]
        )
    return twins.get(id(reason), reason)


def strip_traceback(error: BaseException) -> BaseException:
    """Reduce the tracebacks of `error`, its causes, contexts and members to (code, line) pairs; see `trace_of`."""
    for one in whole(error):
        traceback = TRACEBACK.__get__(one)
        if traceback is not None:
            TRACEBACK.__set__(one, None)
            lines = lines_of(traceback)
            if lines:  # otherwise the traceback was made from lines that the exception has already
                BaseException.__setattr__(one, TRACE, lines)
    return error


def display_name(who: object) -> str:
    """Return a name or an address as a sentence shows it: a class by its name, anything else by its repr."""
    return who.__name__ if isinstance(who, type) else safe_repr(who, 100)
