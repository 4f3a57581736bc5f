"""What a process's body may yield to the kernel, and what it is sent for it.

A process's body is a generator. It runs until it yields one of these, and is sent what it waited for:

    yielded               the process                                      is sent
    -------               -----------                                      -------
    RECEIVE               waits for any message                            the message
    a float               the same, for so many seconds                    the message, or TIMEOUT
    Receive(...)          waits for a message that fits                    the message, or TIMEOUT
    CallRequest           waits for an answer, in `call`                   nothing: the request holds it
    an asyncio future     waits for it                                     nothing, or it is thrown CancelledError
    None                  lets others run (asyncio.sleep(0))               nothing
    YIELD                 the same, of a loop of ours                      nothing
    DIE                   has been ended from below and unwinds            is thrown CancelledError
"""

from __future__ import annotations

from collections.abc import Callable, Container, Generator
from typing import Any, Final, cast

from regrow.kernel.bounded_repr import safe_repr
from regrow.kernel.refs import Ref
from regrow.kernel.signals import Down


class Token:
    """A value that is only ever compared by identity."""

    __slots__ = ("word",)

    def __init__(self, word: str) -> None:
        self.word: str = word

    def __repr__(self) -> str:
        return self.word


RECEIVE: Final = Token("RECEIVE")
DIE: Final = Token("DIE")
YIELD: Final = Token("YIELD")
TIMEOUT: Final = Token("TIMEOUT")
END: Final = Token("END")  # what a loop of ours returns: a callback's StopIteration must not look like an end
RESCAN: Final = Token("RESCAN")  # mail has come for a Receive: look again
EMPTY: Final = Token("EMPTY")


class Become:
    """Returned by a loop of ours that goes on as another, so that what only the first one needed is let go."""

    __slots__ = ("body",)

    def __init__(self, body: Generator[Any, Any, Any]) -> None:
        self.body: Generator[Any, Any, Any] = body


class Throw:
    """Sent to a process whose next step begins with an exception."""

    __slots__ = ("error",)

    def __init__(self, error: BaseException) -> None:
        self.error: BaseException = error


class Launch:
    """A function that a new process will run."""

    __slots__ = ("args", "function")

    def __init__(self, function: Any, args: tuple[Any, ...]) -> None:
        self.function: Any = function
        self.args: tuple[Any, ...] = args


class Opening(Launch):
    """A function of ours that is given a new process, and gives the loop that it goes on as; None ends it."""

    __slots__ = ()


class Awaited:
    """The kind of message that tells how something asked for by a ref has gone: (ref, value), or the `Down` of the ref."""

    __slots__ = ("refs",)

    def __init__(self, refs: Container[Ref]) -> None:
        self.refs: Container[Ref] = refs

    def fits(self, message: Any) -> bool:
        """Whether this is one."""
        if type(message) is tuple:
            return len(message) == 2 and isinstance(message[0], Ref) and message[0] in self.refs  # pyright: ignore[reportUnknownArgumentType]
        return type(message) is Down and message.ref in self.refs


class Receive:
    """A wait for one message: any, one of a class, or one that a predicate accepts; perhaps for a limited time."""

    __slots__ = ("kind", "predicate", "seen", "timeout")

    def __init__(self, match: type | tuple[type, ...] | Callable[[Any], object] | None, timeout: float | None) -> None:
        self.kind: Any = None
        self.predicate: Callable[[Any], object] | None = None
        self.timeout: float | None = timeout
        self.seen: int = 0  # so many messages of the mailbox were looked at and left
        if isinstance(match, type):
            self.kind = match
        elif isinstance(match, tuple):
            try:
                isinstance(None, match)
            except TypeError:
                raise no_match(cast("object", match)) from None
            self.kind = match
        elif match is None or callable(match):
            self.predicate = match
        else:
            raise no_match(match)

    def fits(self, message: object) -> bool:
        """Whether this is a message that the process waits for."""
        kind = self.kind
        if kind is not None:
            return kind.fits(message) if type(kind) is Awaited else isinstance(message, kind)
        if self.predicate is None:
            return True
        try:
            return bool(self.predicate(message))
        except (
            StopIteration,
            GeneratorExit,
        ) as error:  # to a coroutine, whose receive this is, they mean another thing
            raise RuntimeError(f"a predicate raised {type(error).__name__}") from error

    def __await__(self) -> Generator[Any, Any, Any]:
        message = yield self
        return message


def no_match(match: object) -> TypeError:
    """The error of a receive that would wait for ever, or fail at the first message that comes."""
    return TypeError(
        f"receive: wanted a class, a tuple of classes or a predicate, got {safe_repr(match)}. "
        "For a message that equals it: receive(lambda message: message == …)"
    )


ANY: Final = Receive(None, None)  # shared by all that want whatever comes
