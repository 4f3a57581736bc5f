"""What pytest shows of a failure: the lines that a test without processes would show, and none of the plugin's.

An exception loses its frames where it becomes a reason, and so do those that it was raised from. So what a test raises is
noted with all its tracebacks when it is caught, and raised again with them. An exception that has come as a reason,
through a link, keeps (code, line) pairs: a traceback is made of these, behind the line at which the test was waiting.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from types import CodeType, FrameType, TracebackType
from typing import Final, NoReturn

from regrow.kernel.tracebacks import OURS, trace_of, traceback_of

FOLDER: Final = OURS[0] + os.sep


class Failure:
    """An exception with its traceback, and with those of its causes, contexts and members.

    Args:
        error: the exception.
        where: the traceback of the line at which the test was waiting, if the exception was not raised there.
    """

    def __init__(self, error: BaseException, where: TracebackType | None = None) -> None:
        self.error = error
        self.kept: list[tuple[BaseException, TracebackType | None]] = [
            (one, one.__traceback__ or rebuilt(trace_of(one))) for one in everything_of(error)
        ]
        _, own = self.kept[0]
        self.kept[0] = (error, joined(theirs_of(where), without_ours(own)))

    def during(self, other: Failure) -> None:
        """Show another failure as what was there before this one."""
        mine = {id(one) for one, _ in self.kept}
        if any(id(one) in mine for one, _ in other.kept):
            return
        first = self.error
        while (before := first.__cause__ or first.__context__) is not None:
            first = before
        first.__context__ = other.error
        first.__suppress_context__ = False
        self.kept += other.kept

    def throw(self) -> NoReturn:
        """Raise the exception as it was noted."""
        __tracebackhide__ = True
        for one, traceback in self.kept:
            one.__traceback__ = traceback
        raise self.error


def is_ours(code: CodeType) -> bool:
    """Whether this is code of regrow; what is compiled has a name without its folder."""
    return code.co_filename.startswith((FOLDER, *OURS[1:]))


def everything_of(error: BaseException) -> Iterator[BaseException]:
    """An exception, what it was raised from or while, and its members."""
    seen: set[int] = set()
    left: list[BaseException | None] = [error]
    while left:
        one = left.pop()
        if one is not None and id(one) not in seen:
            seen.add(id(one))
            yield one
            left += [one.__cause__, one.__context__]
            if isinstance(one, BaseExceptionGroup):
                left += one.exceptions  # pyright: ignore[reportUnknownMemberType]


def without_ours(traceback: TracebackType | None) -> TracebackType | None:
    """A traceback from its first frame on that is not the plugin's or the kernel's; the whole of it if all are."""
    first = traceback
    while first is not None and is_ours(first.tb_frame.f_code):
        first = first.tb_next
    return first or traceback


def theirs_of(traceback: TracebackType | None) -> TracebackType | None:
    """A traceback without the frames of regrow, wherever they stand."""
    return joined(traceback, None, lambda link: not is_ours(link.tb_frame.f_code))


def joined(
    outer: TracebackType | None,
    inner: TracebackType | None,
    keep: Callable[[TracebackType], bool] = lambda _: True,
) -> TracebackType | None:
    """A traceback that goes on with another one, and of itself has the links that are to be kept."""
    links: list[TracebackType] = []
    while outer is not None:
        links.append(outer)
        outer = outer.tb_next
    for one in filter(keep, reversed(links)):
        inner = TracebackType(inner, one.tb_frame, one.tb_lasti, one.tb_lineno)
    return inner


def rebuilt(pairs: Sequence[tuple[CodeType, int]]) -> TracebackType | None:
    """A traceback of (code, line) pairs, outermost first. It shows lines; the variables are gone."""
    return traceback_of([pair for pair in pairs if not is_ours(pair[0])] or pairs)


def of_frames(frames: Iterable[FrameType]) -> TracebackType | None:
    """A traceback of the frames at which something waits, outermost first."""
    found = None
    for frame in reversed(list(frames)):
        found = TracebackType(found, frame, frame.f_lasti, frame.f_lineno)
    return found
