"""The values that a process's body yields to the kernel, and those that the kernel sends back.

A process's body is a generator. It runs until it yields one of these values, and is resumed with the result:

    yielded               the process                                      is sent
    -------               -----------                                      -------
    RECEIVE               waits for any message                            the message
    a float               waits for any message, so many seconds at most   the message, or TIMEOUT
    Receive(...)          waits for a message that fits                    the message, or TIMEOUT
    CallRequest           waits for an answer, in `call`                   nothing: the request holds it
    an asyncio future     waits for it                                     nothing, or it is thrown CancelledError
    None                  lets others run (asyncio.sleep(0))               nothing
    YIELD                 lets others run; an internal loop yields this    nothing
    DIE                   was killed while it ran, and unwinds             is thrown CancelledError
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
END: Final = Token("END")  # returned by internal loops: a StopIteration from a callback must not look like an end
RESCAN: Final = Token("RESCAN")  # a message arrived for a Receive: scan the mailbox again
EMPTY: Final = Token("EMPTY")


class Become:
    """Returned by an internal loop to continue with another body, so that the first one's frame is freed."""

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
    """An internal function, called with a new process. It returns the process's body, or None to end it."""

    __slots__ = ()


class Awaited:
    """Matches the outcome of something that has a ref: `(ref, value)`, or the `Down` of one of `refs`."""

    __slots__ = ("refs",)

    def __init__(self, refs: Container[Ref]) -> None:
        self.refs: Container[Ref] = refs

    def fits(self, message: Any) -> bool:
        """Return whether a message is such an outcome."""
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
        self.seen: int = 0  # the number of messages at the front of the mailbox that were examined and did not fit
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
        """Return whether the process waits for this message."""
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
    """Return the error for a `match` that would wait for ever, or fail at the first message that arrives."""
    return TypeError(
        f"receive: wanted a class, a tuple of classes or a predicate, got {safe_repr(match)}. "
        "For a message that equals it: receive(lambda message: message == …)"
    )


ANY: Final = Receive(None, None)  # shared: a receive of any message, without a limit, keeps no state
