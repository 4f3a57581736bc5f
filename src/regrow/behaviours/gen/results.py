"""What callbacks return."""

from __future__ import annotations

from datetime import timedelta
from typing import Any, Final, Generic, TypeVar

from regrow.kernel.bounded_repr import safe_repr
from regrow.kernel.clock import is_float
from regrow.kernel.exits import Exit
from regrow.kernel.explained_reasons import Explained, Letter, at, explained, returned

State = TypeVar("State")


class Hibernate:
    """What `then` may be when nothing is expected for long."""

    def __repr__(self) -> str:
        return "HIBERNATE"


HIBERNATE: Final = Hibernate()


class Continue:
    """As `then`: call `handle_continue(arg, state)` before any message is taken."""

    __slots__ = ("arg",)
    __match_args__: Final = ("arg",)

    def __init__(self, arg: object) -> None:
        self.arg: object = arg

    def __repr__(self) -> str:
        return f"Continue({self.arg!r})"


Then = float | Continue | Hibernate | None


class Ok(Generic[State]):
    """From `init`: the server is up, with this state."""

    __slots__ = ("state", "then")
    __match_args__: Final = ("state", "then")

    def __init__(self, state: State, then: Any = None) -> None:
        self.state: State = state
        self.then: Any = then

    def __repr__(self) -> str:
        return shown("Ok", self.state, self.then)


class Error:
    """From `init`: the start has failed, and the process ends with "normal"."""

    __slots__ = ("reason",)
    __match_args__: Final = ("reason",)

    def __init__(self, reason: object) -> None:
        self.reason: object = reason

    def __repr__(self) -> str:
        return f"Error({self.reason!r})"


class Reply(Generic[State]):
    """From `handle_call`: the answer, and the new state."""

    __slots__ = ("state", "then", "value")
    __match_args__: Final = ("value", "state", "then")

    def __init__(self, value: Any, state: State, then: Any = None) -> None:
        self.value: Any = value
        self.state: State = state
        self.then: Any = then

    def __repr__(self) -> str:
        return shown("Reply", self.value, self.state, self.then)


class NoReply(Generic[State]):
    """From any callback but `init`: the new state. A call is then answered later, with `reply(from_, value)`."""

    __slots__ = ("state", "then")
    __match_args__: Final = ("state", "then")

    def __init__(self, state: State, then: Any = None) -> None:
        self.state: State = state
        self.then: Any = then

    def __repr__(self) -> str:
        return shown("NoReply", self.state, self.then)


class Missing:
    """Stands where nothing was given."""


MISSING: Final[Any] = Missing()


class Stop(Generic[State]):
    """End the server with `reason`, after `terminate`; `reply` answers the call that is being handled.

    In `init` no state is given.
    """

    __slots__ = ("reason", "reply", "state")
    __match_args__: Final = ("reason", "state", "reply")

    def __init__(self, reason: Any, state: State = MISSING, *, reply: Any = MISSING) -> None:
        self.reason: Any = reason
        self.state: State = state
        self.reply: Any = reply

    def __repr__(self) -> str:
        return shown("Stop", self.reason, *([self.state] if self.has_state else []))

    @property
    def has_state(self) -> bool:
        """Whether a state was given."""
        return self.state is not MISSING

    @property
    def has_reply(self) -> bool:
        """Whether a reply was given."""
        return self.reply is not MISSING


class NoClause(Exception):
    """No callback has a case for this message; also what a handler that returned None ends its server with.

    Attributes:
        message: the message or request.
        letter: which callback it was that returned None, and what is wanted; else "".
    """

    def __init__(self, message: object, letter: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.letter = letter

    def __str__(self) -> str:
        why = self.letter or "A handler returned nothing for it, or raised NoClause"
        return f"no clause for {safe_repr(self.message)}. {why}"


class BadReturn(Exit):
    """A callback returned what it must not; its process ends with ("bad_return_value", value), as OTP's does.

    Attributes:
        value: what was returned.
    """

    def __init__(self, server: object, callback: str, value: object, wanted: str, function: object = None) -> None:
        super().__init__(("bad_return_value", value))
        self.value = value
        wanted += other_words(value)
        if function is None:
            self.letter: Letter = returned(server, callback, value, wanted)
        else:  # it is no method, but was given to one
            self.letter = Letter(
                f"the function given to {callback} returned ", value, f". Wanted: {wanted}{at(function)}"
            )
        self.reason: Explained = explained(("bad_return_value", value), self.letter)

    def __str__(self) -> str:
        return str(self.letter)


TUPLES: Final = ("ok", "reply", "noreply", "stop", "next_state", "keep_state", "keep_state_and_data", "stop_and_reply")


def other_words(value: object) -> str:
    """What is said besides to a reader who writes a result as in Elixir or Erlang."""
    if type(value) is tuple and value and type(value[0]) is str and value[0] in TUPLES:  # pyright: ignore[reportUnknownArgumentType]
        return ". What is a tuple in OTP is an object here"
    return ""


def shown(name: str, *values: object) -> str:
    """How a result prints: its name and its parts, without the last ones that are None."""
    parts = [repr(value) for value in values]
    while len(parts) > 1 and parts[-1] == "None":
        parts.pop()
    return f"{name}({', '.join(parts)})"


def check_then(server: object, callback: str, result: object, then: Any) -> Then:
    """A `then` that the loop can use. The callback is named where it has none.

    Raises:
        BadReturn: it is nothing that may stand there.
    """
    if then is None or then is HIBERNATE or type(then) is Continue:
        return then
    if isinstance(then, timedelta):
        then = then.total_seconds()
    if isinstance(then, bool) or not isinstance(then, int | float) or not then >= 0 or not is_float(then):
        raise BadReturn(
            server, callback, result, "a timeout of seconds ≥ 0, Continue(arg), HIBERNATE or nothing as `then`"
        )
    return None if then == float("inf") else float(then)
