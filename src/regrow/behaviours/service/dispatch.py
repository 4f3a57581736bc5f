"""The `handle_call` and `handle_cast` of every service: they run the method that a message names.

Per-message state is kept in `DispatchState`. This module is compiled, and compiled code reads attributes of
interpreted classes, such as `Server`, slowly.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from regrow.behaviours.gen.results import NoReply, Reply
from regrow.behaviours.service.methods import Later
from regrow.kernel.awaitables import is_awaitable
from regrow.kernel.requests import CallRequest

Methods = dict[str, Callable[..., Any]]


class DispatchState:
    """The state of one server while it handles a message.

    Attributes:
        calls: the functions of calls, by label. They take the object and the arguments that the message carries.
        casts: the functions of casts, by label.
        next: the value that the object passed to `then`; None if it passed none.
        call: the call that is being handled; None if none is.
        plain: the class of the last answer that could be sent as it was. The next answer is mostly of this class, and
            needs no further check then.
        reply: the usual result of a call, reused for each: the loop has read it before the next call is handled.
        noreply: the usual result of a cast.
    """

    __slots__ = ("call", "calls", "casts", "next", "noreply", "plain", "reply")

    def __init__(self, calls: Methods, casts: Methods) -> None:
        self.calls: Methods = calls
        self.casts: Methods = casts
        self.next: Any = None
        self.call: CallRequest | None = None
        self.plain: type = object
        self.reply: Reply[Any] = Reply(None, None)
        self.noreply: NoReply[Any] = NoReply(None)


def handle_call(server: Any, request: Any, from_: CallRequest, state: Any, /) -> Any:
    """Run the method that a call names, and return its result as GenServer's `handle_call` does."""
    dispatch: DispatchState = server.dispatch
    try:
        message: tuple[Any, ...] = request  # compiled, this checks the type once, and makes each index fast
        function = dispatch.calls[message[0]]
    except (TypeError, IndexError, KeyError):
        return server.refuse_call(request, from_, state)
    dispatch.call = from_
    size = len(message)
    if size == 1:
        result = function(state)
    elif size == 2:
        result = function(state, message[1])
    else:
        result = function(state, *message[1:])
    if type(result) is not dispatch.plain or dispatch.next is not None:
        if dispatch.next is not None or type(result) is Later or is_awaitable(result):
            return server.slow_call_result(result, from_, state)
        dispatch.plain = type(result)
    reply = dispatch.reply
    reply.value = result
    return reply


def handle_cast(server: Any, request: Any, state: Any, /) -> Any:
    """Run the method that a cast names.

    It repeats lines of `handle_call`: a function for both would add a Python call to each message.
    """
    dispatch: DispatchState = server.dispatch
    try:
        message: tuple[Any, ...] = request
        function = dispatch.casts[message[0]]
    except (TypeError, IndexError, KeyError):
        return server.unexpected_cast(request, state)
    dispatch.call = None
    size = len(message)
    if size == 1:
        result = function(state)
    elif size == 2:
        result = function(state, message[1])
    else:
        result = function(state, *message[1:])
    if result is not None or dispatch.next is not None:
        return server.cast_result(result, state)
    return dispatch.noreply
