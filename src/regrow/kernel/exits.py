"""Why a process ended, which ends are normal, and how an exception becomes a reason.

A reason is data: `"normal"`, `"shutdown"`, `("shutdown", detail)`, `"killed"`, any other term, or the exception that
ended the process. An exception that has become a reason keeps no frames: its traceback is reduced to
(code, line) pairs, so that a dead process's variables are not kept alive by whoever remembers why it died.
A reason is never raised itself, but wrapped: in `Exit` to leave a process with it, in `CallExit` to tell a caller.

    Exit                 leave this process with a reason (a BaseException, as cancellation is)
    CallExit             a request failed; uncaught, it ends the caller with the same reason
      + NoProcess        nobody there
      + CallingSelf      a process asked itself
      + Deadlock         it would have waited for itself, through others
      + CallTimeout      no answer in time (also a TimeoutError)
      + CalleeExit       the server ended before it answered
      + UnknownRequest   the server has no such message, and goes on
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
    """Leave the running process with `reason` (`erlang:exit/1`). Not an Exception: `except Exception` lets it through.

    Attributes:
        reason: any term; "normal", "shutdown" and ("shutdown", detail) are ends that nobody reports.
    """

    __regrow_carries__: ClassVar[bool] = True

    def __init__(self, reason: object = "normal") -> None:
        super().__init__(reason)
        self.reason = reason


class KilledWhileRunning(BaseException):
    """The running process has been ended under its own feet; unwinds its stack and nothing else."""


class Continuation(BaseException):
    """The running process leaves all that it does, waits for mail, and goes on as `function(*args)`."""

    def __init__(self, function: Callable[..., Any], args: tuple[Any, ...]) -> None:
        super().__init__(function, args)
        self.function = function
        self.args = args


class CallExit(Exception):
    """A request failed. `reason` has OTP's shape: `("noproc", ("GenServer", "call", [server, request, timeout]))`.

    Attributes:
        reason: the whole reason, with which the caller ends if it does not catch this.
    """

    __regrow_carries__: ClassVar[bool] = True

    def __init__(self, reason: tuple[object, object], letter: str | None = None) -> None:
        super().__init__(reason)
        self.reason = reason
        self.letter = letter
        why = reason[0]
        if type(why) is not str:  # the rest is the place of the call
            because(self, why)

    def __str__(self) -> str:
        return self.letter if self.letter is not None else safe_repr(self.reason)


class NoProcess(CallExit):
    """There is no such process: it has ended, or nobody has that name."""


class CallingSelf(CallExit):
    """A process sent a request to itself and would have waited for ever."""


class Deadlock(CallExit):
    """Processes would have waited for each other for ever, each for the answer of the next; this call closed the circle.

    `reason[0]` is ("deadlock", pids): who waits for whom, from the caller on. The request was taken back: nobody sees it.
    """


class CallTimeout(CallExit, TimeoutError):
    """No answer within the time given. The server may still work on it; a late reply is dropped."""


class CalleeExit(CallExit):
    """The server ended before it answered; `reason[0]` is why."""


class UnknownRequest(CallExit):
    """A service has no such message: the handle is of another class. The service goes on; `reason[0]` is a NoClause."""


def is_normal(reason: object) -> bool:
    """Whether nothing went wrong: `"normal"`, `"shutdown"` or `("shutdown", detail)`."""
    if type(reason) is str:
        return reason == "normal" or reason == "shutdown"
    if type(reason) is not tuple:
        return False
    parts = cast("tuple[object, ...]", reason)
    return len(parts) == 2 and type(parts[0]) is str and parts[0] == "shutdown"


def reason_of(error: BaseException) -> object:
    """The reason with which an uncaught exception ends its process. Nobody else handles it: it loses its frames.

    But KeyboardInterrupt and SystemExit go on, out of the event loop, with their traceback: see `Node.interrupted`.
    """
    reason = carried(error)
    if type(reason) is str:
        return reason
    return apart(reason) if is_a(error, KeyboardInterrupt, SystemExit) else strip_tracebacks(reason)


def reason_beside(error: BaseException) -> object:
    """The same, of an exception that others go on to handle: it keeps its traceback, and the reason is a copy."""
    return apart(carried(error))


def carried(error: BaseException) -> object:
    """What an exception gives as the reason: what `Exit` and `CallExit` carry, or else itself."""
    if not is_a(error, Exit, CallExit):
        return error
    try:
        return cast("Exit | CallExit", error).reason
    except BaseException as refused:  # a subclass whose `__init__` did not call ours, or whose `reason` raises
        swallow(refused)
        return error


def is_a(value: object, *kinds: type) -> bool:
    """`isinstance` of what is the user's: that asks the value for its `__class__`, and fails with what that raises."""
    return issubclass(type(value), kinds)


def is_word(reason: object, word: str) -> bool:
    """Whether a reason is this word: one of the user's is not asked whether it equals it."""
    return type(reason) is str and reason == word


def same(one: object, other: object) -> bool:
    """Whether two reasons are equal; what a class of the user's raises when it is asked counts as no."""
    if one is other:
        return True
    try:
        return bool(one == other)
    except BaseException as refused:
        swallow(refused)
        return False


def strip_tracebacks(reason: object) -> object:
    """`reason` itself, once the exceptions in it keep no frames."""
    for error in exceptions_in(reason):
        strip_traceback(error)
    return reason


def apart(reason: object) -> object:
    """`reason` with a copy of each exception in it that has frames, its causes, contexts and members too.

    The exceptions themselves stay as they are, for the code that handles them.
    """
    found = exceptions_in(reason)
    twins: dict[int, BaseException] = {}
    for error in found:
        if any(has_frames(TRACEBACK.__get__(one)) for one in whole(error)):
            twins[id(error)] = strip_traceback(twin_of(error, whole(error)))
    return replaced(reason, twins) if twins else reason


def has_frames(traceback: TracebackType | None) -> bool:
    """Whether a traceback keeps anything alive."""
    return traceback is not None and bool(lines_of(traceback))


def replaced(reason: object, twins: dict[int, BaseException]) -> object:
    """`reason` with these in the place of those whose ids they stand under."""
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
            if lines:  # else its lines have only been shown again, and are there
                BaseException.__setattr__(one, TRACE, lines)
    return error


def display_name(who: object) -> str:
    """How a name or an address stands in a sentence: a class by its own name."""
    return who.__name__ if isinstance(who, type) else safe_repr(who, 100)
