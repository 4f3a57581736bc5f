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
from types import CodeType, TracebackType
from typing import Any, cast

from regrow.kernel.terms import Limits, show
from regrow.kernel.traces import TRACE, because, is_shown


class Exit(BaseException):
    """Leave the running process with `reason` (`erlang:exit/1`). Not an Exception: `except Exception` lets it through.

    Attributes:
        reason: any term; "normal", "shutdown" and ("shutdown", detail) are ends that nobody reports.
    """

    def __init__(self, reason: object = "normal") -> None:
        super().__init__(reason)
        self.reason = reason


class Doomed(BaseException):
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

    def __init__(self, reason: tuple[object, object], letter: str | None = None) -> None:
        super().__init__(reason)
        self.reason = reason
        self.letter = letter
        because(self, reason)

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
    """The reason with which an uncaught exception ends its process."""
    return framed_off(error.reason if isinstance(error, Exit | CallExit) else error)


def framed_off(reason: object) -> object:
    """`reason` itself, once the exceptions in it keep no frames."""
    if isinstance(reason, BaseException):
        return without_frames(reason)
    whole = reason
    if isinstance(reason, tuple):
        for part in cast("tuple[object, ...]", reason):
            if isinstance(part, BaseException | tuple):
                framed_off(cast("object", part))
    return whole


def without_frames(error: BaseException) -> BaseException:
    """Reduce the tracebacks of `error`, its causes, contexts and members to (code, line) pairs; see `trace_of`."""
    seen: dict[int, BaseException] = {}
    left: list[BaseException | None] = [error]
    while left:
        one = left.pop()
        if one is None or id(one) in seen:
            continue
        seen[id(one)] = one
        if one.__traceback__ is not None:
            pairs: list[tuple[CodeType, int]] = []
            traceback: TracebackType | None = one.__traceback__
            while traceback is not None:
                if not is_shown(traceback):
                    pairs.append((traceback.tb_frame.f_code, traceback.tb_lineno))
                traceback = traceback.tb_next
            one.__traceback__ = None
            try:
                if pairs:  # else its lines have only been shown again, and are there
                    setattr(one, TRACE, tuple(pairs))
            except Exception as refused:  # an exception class may refuse attributes: its lines are lost, and no more
                refused.__traceback__ = None
        left.append(one.__cause__)
        left.append(one.__context__)
        if isinstance(one, BaseExceptionGroup):
            left.extend(cast("BaseExceptionGroup[BaseException]", one).exceptions)
    return error


def trace_of(error: BaseException) -> tuple[tuple[CodeType, int], ...]:
    """The (code, line) pairs of an exception that has become a reason, outermost first."""
    found: tuple[tuple[CodeType, int], ...] = getattr(error, TRACE, ())
    return found


def safe_repr(value: object, limit: int = 1000) -> str:
    """A repr that neither raises nor grows much beyond `limit` characters, and is not made in full to be cut."""
    return show(value, Limits(depth=None, chars_limit=limit))


def called(who: object) -> str:
    """How a name or an address stands in a sentence: a class by its own name."""
    return who.__name__ if isinstance(who, type) else safe_repr(who, 100)
