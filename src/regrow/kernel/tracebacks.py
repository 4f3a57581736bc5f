"""Tracebacks that show the lines at which an exception was raised, without the original frames.

An exception that has become a reason keeps only (code, line) pairs, so that it keeps no variable of a dead process
alive. Where it is shown again, as the cause of a caller's exception or in the record of a crash, Python and its tools
need a traceback. One made here has the same files, lines and names. Each of its frames belongs to a function that has
never run: it has no variables and no caller.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable
from contextlib import contextmanager
from pathlib import Path
from types import CodeType, FrameType, FunctionType, GeneratorType, TracebackType
from typing import Any, Final, cast

from regrow.kernel.exception_copies import CAUSE, CONTEXT, MEMBERS, TRACEBACK

CARRIES: Final = "__regrow_carries__"  # marks the exception classes that only carry a reason: `Exit` and `CallExit`
TRACE: Final = "__regrow_trace__"  # an exception's attribute with the (code, line) pairs that it kept
# Compiled code names its file relative to the folder where it was compiled.
OURS: Final = (str(Path(__file__).parents[1]), "src/regrow/", "regrow/")
NOTHING: Final[dict[str, Any]] = {"__name__": "regrow_trace"}  # the globals of all these frames, which mark them


def _place() -> Generator[None, None, None]:
    yield


TEMPLATE: Final[CodeType] = cast("FunctionType", _place).__code__
SIZE: Final = len(TEMPLATE.co_code) // 2
MOST_MADE: Final = 256
# Stubs by the id of a code and a line, since failures repeat at the same places. The code beside a stub keeps its id.
MADE: Final[dict[tuple[int, int], tuple[CodeType, CodeType]]] = {}
NO_COLUMNS: Final = (
    0x80 | 13 << 3
)  # an entry of co_linetable for up to 8 instructions: a line, and nothing to underline


def traceback_of(pairs: Iterable[tuple[CodeType, int]]) -> TracebackType | None:
    """Return a traceback that shows these places, outermost first; None if there are none."""
    made: TracebackType | None = None
    for code, line in reversed(list(pairs)):
        made = TracebackType(made, _frame_of(code, line), 0, line)
    return made


def because(error: BaseException, reason: object) -> None:
    """Make the exception in `reason`, if there is one, the cause of `error`, so that a traceback shows its lines, too."""
    cause = cause_in(reason)
    if cause is not None and cause is not error:
        error.__cause__ = cause


def cause_in(reason: object) -> BaseException | None:
    """Return the exception that a reason contains, with its lines; None if it contains none."""
    found = first_in(reason)
    return None if found is None else with_lines(found)


def first_in(reason: object) -> BaseException | None:
    """Return the first exception that a reason is, or has in its tuples; None if there is none."""
    found = exceptions_in(reason)
    return found[0] if found else None


def exceptions_in(reason: object) -> list[BaseException]:
    """Return the exceptions that a reason is, or has in its tuples, in their order, without calling user code."""
    if type(reason) is str:
        return []
    found: list[BaseException] = []
    seen: set[int] = set()
    left: list[object] = [reason]
    while left:
        one = left.pop()
        if issubclass(type(one), BaseException):
            found.append(cast("BaseException", one))
        elif issubclass(type(one), tuple) and id(one) not in seen:
            seen.add(id(one))
            left.extend(tuple.__getitem__(cast("tuple[object, ...]", one), slice(None, None, -1)))  # pyright: ignore[reportUnknownMemberType, reportUnknownArgumentType]
    return found


def with_lines(error: BaseException) -> BaseException:
    """Return `error`, whose frames were removed, with a traceback of its lines; its causes and contexts get one, too."""
    for one in whole(error):
        if TRACEBACK.__get__(one) is None:
            TRACEBACK.__set__(one, traceback_of(trace_of(one)))
    return error


def whole(error: BaseException) -> list[BaseException]:
    """Return an exception with its causes, contexts and members, each once."""
    if (
        CAUSE.__get__(error) is None
        and CONTEXT.__get__(error) is None
        and not issubclass(type(error), BaseExceptionGroup)
    ):
        return [error]  # the usual case, without the search
    seen: dict[int, BaseException] = {}
    left: list[BaseException | None] = [error]
    while left:
        one = left.pop()
        if one is None or id(one) in seen:
            continue
        seen[id(one)] = one
        left += CAUSE.__get__(one), CONTEXT.__get__(one)
        if issubclass(type(one), BaseExceptionGroup):
            left.extend(MEMBERS.__get__(one))
    return list(seen.values())


def trace_of(error: BaseException) -> tuple[tuple[CodeType, int], ...]:
    """Return the (code, line) pairs of an exception that has become a reason, outermost first."""
    try:
        found: tuple[tuple[CodeType, int], ...] = BaseException.__getattribute__(error, TRACE)
    except AttributeError:
        return ()
    return found


def lines_of(traceback: TracebackType | None) -> tuple[tuple[CodeType, int], ...]:
    """Return a traceback as (code, line) pairs, outermost first, without the entries that were made here."""
    pairs: list[tuple[CodeType, int]] = []
    while traceback is not None:
        if not is_shown(traceback):
            pairs.append((traceback.tb_frame.f_code, traceback.tb_lineno))
        traceback = traceback.tb_next
    return tuple(pairs)


class Raised:
    """An exception that ended a process, with the frames that it had when it was caught.

    The exception loses its frames when it becomes a reason. They are restored while the report of the crash is
    handled, because a log handler, such as an error collector, may want the variables. Nothing keeps them after that.
    """

    __slots__ = ("error", "frames")

    def __init__(self, error: BaseException) -> None:
        self.error: BaseException = error
        self.frames: list[tuple[BaseException, TracebackType | None]] = [
            (one, TRACEBACK.__get__(one)) for one in whole(error)
        ]

    def worth_showing(self, reason: object) -> BaseException | None:
        """Return the exception to show for a reason: the one raised, unless an `Exit` only passes a reason on."""
        found = first_in(reason)
        if found is reason or not hasattr(type(self.error), CARRIES):  # none, if `format_status` shows another reason
            return found
        entry = self.frames[0][1]
        while entry is not None:
            if not is_ours(entry.tb_frame.f_code):
                return self.error
            entry = entry.tb_next
        return found

    def places(self) -> tuple[tuple[CodeType, int], ...]:
        """Return the (code, line) pairs of where it was raised, outermost first."""
        return lines_of(self.frames[0][1])

    @contextmanager
    def shown(self) -> Generator[None, None, None]:
        """Restore the frames for the length of a block."""
        before = [(one, TRACEBACK.__get__(one)) for one, _ in self.frames]
        for one, frames in self.frames:
            TRACEBACK.__set__(one, frames)
        try:
            yield
        finally:
            for one, frames in before:
                TRACEBACK.__set__(one, frames)


def is_ours(code: CodeType) -> bool:
    """Return whether a code object is part of regrow."""
    return code.co_filename.startswith(OURS)


def is_shown(traceback: TracebackType) -> bool:
    """Return whether an entry of a traceback was made here, for a frame that never ran."""
    return traceback.tb_frame.f_globals is NOTHING


def _frame_of(code: CodeType, line: int) -> FrameType:
    found = MADE.get((id(code), line))
    if found is None:
        if len(MADE) >= MOST_MADE:
            MADE.clear()
        stub = TEMPLATE.replace(
            co_filename=code.co_filename,
            co_name=code.co_name,
            co_qualname=code.co_qualname,
            co_firstlineno=code.co_firstlineno,
            co_linetable=_line_table(line - code.co_firstlineno),
        )
        found = MADE[id(code), line] = (code, stub)
    make = cast("Callable[[], GeneratorType[None, None, None]]", FunctionType(found[1], NOTHING))
    # A generator's frame has no caller. The frame of a called function would keep its caller's frame alive.
    return cast("FrameType", make().gi_frame)


def _line_table(delta: int) -> bytes:
    """Encode all instructions of the template on one line, `delta` lines after the first line of the function."""
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
        delta = 0  # each entry holds its distance from the entry before
    return bytes(table)
