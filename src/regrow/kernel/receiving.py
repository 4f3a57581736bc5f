"""`receive`: a process takes a message out of its mailbox.

This module stays interpreted when the kernel is compiled: resuming an interpreted generator takes Python half the time
of resuming a compiled one.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from datetime import timedelta
from types import coroutine
from typing import Any, TypeVar, overload

from regrow.kernel import mailbox
from regrow.kernel.clock import seconds
from regrow.kernel.current_node import CURRENT
from regrow.kernel.process_record import Process
from regrow.kernel.running import running
from regrow.kernel.sending import receive_adopted
from regrow.kernel.yields import ANY, TIMEOUT, Receive

Message = TypeVar("Message")


@overload
async def receive(match: type[Message], *, timeout: float | timedelta | None = None) -> Message: ...
@overload
async def receive(
    match: tuple[type, ...] | Callable[[Any], object] | None = None, *, timeout: float | timedelta | None = None
) -> Any: ...
@coroutine  # saves the wrapper coroutine of an `async def`: waiting takes half the time
def receive(match: Any = None, *, timeout: float | timedelta | None = None) -> Generator[Any, Any, Any]:
    """Wait for a message and take it out of the mailbox.

    Args:
        match: a class, a tuple of classes or a predicate: the first message that fits is taken, and the others stay
            in their order. None takes the oldest.
        timeout: seconds; 0 does not wait, None waits for ever.

    Raises:
        TimeoutError: no message that fits came in time.
        RuntimeError: the code runs in a plain asyncio task.
        TypeError: `match` is none of these, or `timeout` is no time.
    """
    node = CURRENT.node
    process = None if node is None else node.scheduler.current
    if process is None:
        return (yield from _receive_in_a_task(match, timeout).__await__())
    if match is None and timeout is None:
        if process.mailbox is not None and process.node.scheduler.process_keeps_turn(process):
            return mailbox.take(process)
        return (yield ANY)
    wanted = Receive(match, None if timeout is None else seconds(timeout, "receive(timeout=)"))
    message = yield wanted
    if message is TIMEOUT:
        raise _too_late(process, match, wanted)
    return message


def _too_late(process: Process, match: Any, wanted: Receive) -> TimeoutError:
    what = "" if match is None else f" that fits {getattr(match, '__name__', match)}"
    return TimeoutError(
        f"{process.pid} got no message{what} within {wanted.timeout} s. {len(process.mailbox or ())} others wait"
    )


async def _receive_in_a_task(match: Any, timeout: float | timedelta | None) -> Any:
    process = running()  # raises if this task is no process
    wanted = Receive(match, None if timeout is None else seconds(timeout, "receive(timeout=)"))
    message = await receive_adopted(process, wanted)
    if message is TIMEOUT:
        raise _too_late(process, match, wanted)
    return message
