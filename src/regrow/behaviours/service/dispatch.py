"""What a service does most: it runs the method that a call or a cast is for, and says what came back.

These are the `handle_call` and the `handle_cast` of every service. What they use lies on the server's desk: this module
is compiled, and to look something up in an object of an interpreted class is dear there.
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
    """What is on hand while a message is handled.

    Attributes:
        calls: by label, functions of the object and of all that a message carries.
        casts: the same for casts.
        next: what the object has said with `then`.
        asker: whose call is being handled.
        plain: a class whose objects are answers as they are. The last one: the next answer is of it, too, mostly.
        reply: the usual result of a call. It is the same one each time, for the loop has read it before the next.
        noreply: that of a cast.
    """

    __slots__ = ("asker", "calls", "casts", "next", "noreply", "plain", "reply")

    def __init__(self, calls: Methods, casts: Methods) -> None:
        self.calls: Methods = calls
        self.casts: Methods = casts
        self.next: Any = None
        self.asker: CallRequest | None = None
        self.plain: type = object
        self.reply: Reply[Any] = Reply(None, None)
        self.noreply: NoReply[Any] = NoReply(None)


def handle_call(server: Any, request: Any, from_: CallRequest, state: Any, /) -> Any:
    """Run the method that a call is for."""
    desk: DispatchState = server.desk
    try:
        message: tuple[Any, ...] = request  # compiled, this is a check, after which it is read without a look-up
        function = desk.calls[message[0]]
    except (TypeError, IndexError, KeyError):
        return server.refused(request, from_, state)
    desk.asker = from_
    size = len(message)
    if size == 1:
        result = function(state)
    elif size == 2:
        result = function(state, message[1])
    else:
        result = function(state, *message[1:])
    if type(result) is not desk.plain or desk.next is not None:
        if desk.next is not None or type(result) is Later or is_awaitable(result):
            return server.unusual(result, from_, state)
        desk.plain = type(result)
    reply = desk.reply
    reply.value = result
    return reply


def handle_cast(server: Any, request: Any, state: Any, /) -> Any:
    """Run the method that a cast is for. A function for what it shares with a call would cost each message of both."""
    desk: DispatchState = server.desk
    try:
        message: tuple[Any, ...] = request
        function = desk.casts[message[0]]
    except (TypeError, IndexError, KeyError):
        return server.unexpected(request, state)
    desk.asker = None
    size = len(message)
    if size == 1:
        result = function(state)
    elif size == 2:
        result = function(state, message[1])
    else:
        result = function(state, *message[1:])
    if result is not None or desk.next is not None:
        return server.ran(result, state)
    return desk.noreply
