"""A process as asyncio sees it: a task that can be cancelled and is current while the process runs.

`asyncio.timeout`, `TaskGroup`, `to_thread`, anyio, httpx and other libraries read the current task, cancel it and count
the cancellations. The interface they use is described in "Extending asyncio: custom Task implementation"; anyio also
reads `_fut_waiter` and `_must_cancel`.
This module stays interpreted when the kernel is compiled: it subclasses `asyncio.Future`.
"""

from __future__ import annotations

import asyncio
import gc
from contextvars import Context
from inspect import CO_ASYNC_GENERATOR, CO_COROUTINE, CO_GENERATOR, currentframe
from itertools import takewhile
from typing import TYPE_CHECKING, Any, Final, TextIO

from regrow.kernel.process_record import ENDED, Process
from regrow.kernel.wakeups import cancel_waiting

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine
    from types import FrameType


_register_task: Callable[[Any], None] = getattr(asyncio, "_register_task")  # noqa: B009
_unregister_task: Callable[[Any], None] = getattr(asyncio, "_unregister_task")  # noqa: B009


# The code of a coroutine or of a generator, asynchronous or not.
_AWAITED: Final = CO_COROUTINE | CO_GENERATOR | CO_ASYNC_GENERATOR


def _is_running(body: Any) -> bool:
    return any(getattr(body, attribute, False) for attribute in ("cr_running", "gi_running", "ag_running"))


def _frames_on_the_stack(outermost: FrameType) -> list[FrameType]:
    """Return the frames of a coroutine that runs now, without those of a server that it calls on its stack.

    `cr_await` must not be read here: up to CPython 3.12, for a running frame it uses an outdated stack pointer and may
    read freed memory. The coroutine's frames are those of coroutines; the server's begin with a function.
    """
    inner: list[FrameType] = []
    frame = currentframe()
    while frame is not None and frame is not outermost:
        inner.append(frame)
        frame = frame.f_back
    if frame is None:  # it runs in another thread
        return [outermost]
    return [outermost, *takewhile(lambda frame: frame.f_code.co_flags & _AWAITED, reversed(inner))]


class ProcessTask(asyncio.Future[Any]):
    """The asyncio task of a process. Its result is the reason with which the process ended."""

    __slots__ = ("_cancels", "_name", "_process", "cancel_message", "must_cancel")

    def __init__(self, process: Process) -> None:
        super().__init__(loop=process.node.loop)
        self._process = process
        self._name: str | None = None
        self._cancels = 0
        self.must_cancel: bool = False
        self.cancel_message: Any = None
        _register_task(self)

    def __repr__(self) -> str:
        return f"<ProcessTask {self.get_name()}>"

    @property
    def _fut_waiter(self) -> Any:
        return self._process.waiting if asyncio.isfuture(self._process.waiting) else None

    @property
    def _must_cancel(self) -> bool:  # anyio reads this, and takes it back
        return self.must_cancel

    @_must_cancel.setter
    def _must_cancel(self, value: bool) -> None:
        self.must_cancel = value

    def cancel(self, msg: Any = None) -> bool:
        """Throw CancelledError into the process where it waits, as `asyncio.Task.cancel` does."""
        if self.done():
            return False
        self._cancels += 1
        waiter = self._fut_waiter
        if waiter is not None and waiter.cancel(msg=msg):
            return True
        self.cancel_message = msg
        self.must_cancel = True
        cancel_waiting(self._process)
        return True

    def cancelling(self) -> int:
        """Return the number of cancellations that were requested and not undone by `uncancel`."""
        return self._cancels

    def uncancel(self) -> int:
        """Undo one cancellation; return how many are left."""
        if self._cancels > 0:
            self._cancels -= 1
            if self._cancels == 0:
                # As in asyncio since 3.13. Before, a timeout whose block ended in time could cancel the await after
                # it, which could be the next request here.
                self.must_cancel = False
        return self._cancels

    def take_cancel(self) -> asyncio.CancelledError | None:
        """Return the cancellation that the next step must begin with, or None."""
        if not self.must_cancel:
            return None
        self.must_cancel = False
        return asyncio.CancelledError() if self.cancel_message is None else asyncio.CancelledError(self.cancel_message)

    def end(self, reason: object) -> None:
        """End the task: the process, or its remnant, has ended. It drops the task, so that no reference cycle is left."""
        _unregister_task(self)
        if not self.done():
            self.set_result(reason)
        self._process.task = None

    def get_name(self) -> str:
        """Return the name that was set, or one made of the pid and the registered name."""
        if self._name is not None:
            return self._name
        name = self._process.name
        return f"regrow {self._process.pid}" if name is None else f"regrow {self._process.pid} {name}"

    def set_name(self, value: object) -> None:
        """Name the task, for logs."""
        self._name = str(value)

    def get_context(self) -> Context:
        """Return the context that the process runs in."""
        return self._process.context

    def get_coro(self) -> Coroutine[Any, Any, Any] | None:
        """Return the body of the process; None after its end."""
        body: Any = self._process.body
        return body if self._process.status != ENDED else None

    def get_stack(self, *, limit: int | None = None) -> list[FrameType]:
        """Return the frames at which the process waits, or runs, outermost first."""
        found: list[FrameType] = []
        process = self._process
        inner: Any = process.body if process.inner is None else process.inner
        while inner is not None:
            frame = (
                getattr(inner, "cr_frame", None) or getattr(inner, "gi_frame", None) or getattr(inner, "ag_frame", None)
            )
            if frame is not None and _is_running(inner):
                found += _frames_on_the_stack(frame)
                break
            if frame is None:
                if type(inner).__name__ != "coroutine_wrapper":
                    break
                inner = gc.get_referents(inner)[
                    0
                ]  # the wrapper that `__await__` of a coroutine returns; it shows no frame itself
                continue
            found.append(frame)
            inner = (
                getattr(inner, "cr_await", None)
                or getattr(inner, "gi_yieldfrom", None)
                or getattr(inner, "ag_await", None)
            )
        if process.inner is not None:
            del found[:1]  # `driven`'s
        return found if limit is None else found[-limit:]

    def print_stack(self, *, limit: int | None = None, file: TextIO | None = None) -> None:
        """Print the frames at which the process waits."""
        print(f"Stack for {self!r} (most recent call last):", file=file)
        for frame in self.get_stack(limit=limit):
            print(f'  File "{frame.f_code.co_filename}", line {frame.f_lineno}, in {frame.f_code.co_name}', file=file)
