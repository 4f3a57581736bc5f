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
    """What this thread does with KeyboardInterrupt and SystemExit.

    Attributes:
        handler: `interrupted` of the thread's node; None if it has none.
    """

    handler: Callable[[BaseException], None] | None = None


INTERRUPTS: Final = Interrupts()


def swallow(error: BaseException) -> None:
    """End an exception of user code here, since the kernel has to continue.

    KeyboardInterrupt and SystemExit, which a signal's handler may have raised meanwhile, end the node in order.

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
    """Give what code of the user's has raised, where no process can be told, to the event loop's exception handler."""
    swallow(error)
    if issubclass(type(error), (KeyboardInterrupt, SystemExit)):
        return
    try:
        loop.call_exception_handler({"message": what, "exception": error})
    except BaseException as second:  # the handler is the user's, too
        swallow(second)


CALLBACK_FRAMES: Final = 7  # what asyncio needs of the stack to schedule a callback


def room(frames: int = CALLBACK_FRAMES - 1) -> None:
    """Raise RecursionError where it does no harm yet, unless the stack has room for what asyncio needs for a callback."""
    if frames > 0:
        room(frames - 1)
