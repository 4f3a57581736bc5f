"""Exceptions that user code raises where the kernel has to continue.

This module stays interpreted when the kernel is compiled: mypyc knows no subclasses of `threading.local`.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from asyncio import AbstractEventLoop


class Interrupts(threading.local):
    """This thread's handler of KeyboardInterrupt and SystemExit.

    Attributes:
        handler: `interrupted` of the thread's node; None if the thread has no node.
    """

    handler: Callable[[BaseException], None] | None = None


INTERRUPTS: Final = Interrupts()


def swallow(error: BaseException) -> None:
    """Swallow an exception that user code raised, since the kernel has to continue.

    KeyboardInterrupt and SystemExit, which a signal handler may have raised in between, end the node in order.

    Raises:
        KeyboardInterrupt: this thread has no node, and so nothing that has to continue.
        SystemExit: this thread has no node.
    """
    if issubclass(type(error), (KeyboardInterrupt, SystemExit)):
        handler = INTERRUPTS.handler
        if handler is None:
            raise error
        handler(error)


def failed(loop: AbstractEventLoop, what: str, error: BaseException) -> None:
    """Pass an exception that user code raised outside every process to the event loop's exception handler."""
    swallow(error)
    if issubclass(type(error), (KeyboardInterrupt, SystemExit)):
        return
    try:
        loop.call_exception_handler({"message": what, "exception": error})
    except BaseException as second:  # the handler is user code, too
        swallow(second)


CALLBACK_FRAMES: Final = 7  # the frames that asyncio needs to schedule a callback


def room(frames: int = CALLBACK_FRAMES - 1) -> None:
    """Raise RecursionError here, where it does no harm yet, if the stack has no room to schedule a callback."""
    if frames > 0:
        room(frames - 1)
