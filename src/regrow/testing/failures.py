"""The tracebacks of failing tests: pytest shows the lines of the test, and none of the plugin's.

An exception loses its frames when it becomes an exit reason, and so do its causes and contexts. So the plugin keeps the
tracebacks of what a test raises when it catches it, and raises it again with them. An exception that arrived as a reason
through a link keeps (code, line) pairs: its traceback is rebuilt from these, below the line at which the test waited.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from types import CodeType, FrameType, TracebackType
from typing import Final, NoReturn

from regrow.kernel.tracebacks import OURS, trace_of, traceback_of

FOLDER: Final = OURS[0] + os.sep


class Failure:
    """An exception, with the tracebacks of itself, its causes, contexts and members.

    Args:
        error: the exception.
        where: the traceback of the line at which the test was waiting, if the exception was not raised there.
    """

    def __init__(self, error: BaseException, where: TracebackType | None = None) -> None:
        self.error = error
        self.kept: list[tuple[BaseException, TracebackType | None]] = [
            (one, one.__traceback__ or rebuilt(trace_of(one))) for one in related(error)
        ]
        _, traceback = self.kept[0]
        self.kept[0] = (error, joined(users_frames(where), from_users_frame(traceback)))

    def during(self, other: Failure) -> None:
        """Make another failure the context of this one: the other was raised first."""
        known = {id(one) for one, _ in self.kept}
        if any(id(one) in known for one, _ in other.kept):
            return
        first = self.error
        while (before := first.__cause__ or first.__context__) is not None:
            first = before
        first.__context__ = other.error
        first.__suppress_context__ = False
        self.kept += other.kept

    def throw(self) -> NoReturn:
        """Raise the exception with the tracebacks that were kept."""
        __tracebackhide__ = True
        for one, traceback in self.kept:
            one.__traceback__ = traceback
        raise self.error


def is_regrow(code: CodeType) -> bool:
    """Whether this is code of regrow. The file name of compiled code lacks the folder."""
    return code.co_filename.startswith((FOLDER, *OURS[1:]))


def related(error: BaseException) -> Iterator[BaseException]:
    """Yield an exception, its causes and contexts, and the members of groups."""
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


def from_users_frame(traceback: TracebackType | None) -> TracebackType | None:
    """Return a traceback from its first frame outside regrow on; the whole of it if all frames are regrow's."""
    first = traceback
    while first is not None and is_regrow(first.tb_frame.f_code):
        first = first.tb_next
    return first or traceback


def users_frames(traceback: TracebackType | None) -> TracebackType | None:
    """Return a traceback without any frame of regrow."""
    return joined(traceback, None, lambda link: not is_regrow(link.tb_frame.f_code))


def joined(
    outer: TracebackType | None,
    inner: TracebackType | None,
    keep: Callable[[TracebackType], bool] = lambda _: True,
) -> TracebackType | None:
    """Return the links of `outer` that `keep` accepts, followed by `inner`."""
    links: list[TracebackType] = []
    while outer is not None:
        links.append(outer)
        outer = outer.tb_next
    for one in filter(keep, reversed(links)):
        inner = TracebackType(inner, one.tb_frame, one.tb_lasti, one.tb_lineno)
    return inner


def rebuilt(pairs: Sequence[tuple[CodeType, int]]) -> TracebackType | None:
    """Make a traceback of (code, line) pairs, outermost first. It shows the lines, but has no variables."""
    return traceback_of([pair for pair in pairs if not is_regrow(pair[0])] or pairs)


def of_frames(frames: Iterable[FrameType]) -> TracebackType | None:
    """Make a traceback of the frames of a suspended task, outermost first."""
    found = None
    for frame in reversed(list(frames)):
        found = TracebackType(found, frame, frame.f_lasti, frame.f_lineno)
    return found
