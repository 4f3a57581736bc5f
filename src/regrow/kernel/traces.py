"""Tracebacks without the frames that they came from: the lines at which an exception was raised, and nothing else.

An exception that has become a reason keeps (code, line) pairs alone, so that nothing of a dead process stays alive with
it. Where it is shown again, as the cause of what its caller is told or in the record of a crash, Python and its tools
want a traceback. One made here has the same files, lines and names. Each of its frames is that of a function that has
never run: no variables, and no caller.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable
from types import CodeType, FrameType, FunctionType, GeneratorType, TracebackType
from typing import Any, Final, cast

TRACE: Final = "__regrow_trace__"  # of an exception: the (code, line) pairs that it kept
NOTHING: Final[dict[str, Any]] = {"__name__": "regrow_trace"}  # the variables of all these frames


def _place() -> Generator[None, None, None]:
    yield


TEMPLATE: Final[CodeType] = cast("FunctionType", _place).__code__
SIZE: Final = len(TEMPLATE.co_code) // 2
NO_COLUMNS: Final = (
    0x80 | 13 << 3
)  # an entry of co_linetable for up to 8 instructions: a line, and nothing to underline


def traceback_of(pairs: Iterable[tuple[CodeType, int]]) -> TracebackType | None:
    """A traceback that shows these places, outermost first; None if there are none."""
    made: TracebackType | None = None
    for code, line in reversed(list(pairs)):
        made = TracebackType(made, _frame_of(code, line), 0, line)
    return made


def because(error: BaseException, reason: object) -> None:
    """Let `error` be caused by the exception in `reason`, if there is one, so that its traceback goes on to the lines."""
    cause = cause_in(reason)
    if cause is not None and cause is not error:
        error.__cause__ = cause


def cause_in(reason: object) -> BaseException | None:
    """The exception that a reason goes back to, with its lines; None if it goes back to none."""
    left: list[object] = [reason]
    while left:
        one = left.pop()
        if isinstance(one, BaseException):
            return with_lines(one)
        if isinstance(one, tuple):
            left.extend(cast("tuple[object, ...]", one)[::-1])
    return None


def with_lines(error: BaseException) -> BaseException:
    """`error`, whose frames were taken, with a traceback that shows its lines again; also its causes and the like."""
    seen: dict[int, BaseException] = {}
    left: list[BaseException | None] = [error]
    while left:
        one = left.pop()
        if one is None or id(one) in seen:
            continue
        seen[id(one)] = one
        if one.__traceback__ is None:
            one.with_traceback(traceback_of(getattr(one, TRACE, ())))
        left += one.__cause__, one.__context__
        if isinstance(one, BaseExceptionGroup):
            left.extend(cast("BaseExceptionGroup[BaseException]", one).exceptions)
    return error


def is_shown(traceback: TracebackType) -> bool:
    """Whether an entry of a traceback was made here, and is of no frame that has run."""
    return traceback.tb_frame.f_globals is NOTHING


def _frame_of(code: CodeType, line: int) -> FrameType:
    stub = TEMPLATE.replace(
        co_filename=code.co_filename,
        co_name=code.co_name,
        co_qualname=code.co_qualname,
        co_firstlineno=code.co_firstlineno,
        co_linetable=_line_table(line - code.co_firstlineno),
    )
    make = cast("Callable[[], GeneratorType[None, None, None]]", FunctionType(stub, NOTHING))
    # A generator's frame has no caller. That of a function that returned it would keep its caller's frame alive.
    return cast("FrameType", make().gi_frame)


def _line_table(delta: int) -> bytes:
    """All instructions of the template on one line, which is so far from the first line of the function."""
    table = bytearray()
    left = SIZE
    while left > 0:
        count = min(left, 8)
        left -= count
        table.append(NO_COLUMNS | count - 1)
        number = (-delta << 1) | 1 if delta < 0 else delta << 1
        while number >= 0x40:
            table.append(0x40 | number & 0x3F)
            number >>= 6
        table.append(number)
        delta = 0  # each entry says how far it is from the one before
    return bytes(table)
