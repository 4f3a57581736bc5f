"""The objects that callbacks return: Ok, Reply, NoReply, Stop and others, and the errors for wrong results."""

from __future__ import annotations

from datetime import timedelta
from typing import Any, Final, Generic, TypeVar

from regrow.kernel.bounded_repr import safe_repr
from regrow.kernel.clock import is_float
from regrow.kernel.exits import Exit
from regrow.kernel.explained_reasons import Explained, Letter, at, explained, returned

State = TypeVar("State")


class Hibernate:
    """The type of HIBERNATE, a `then` for a server that expects no message for long (OTP's `hibernate`)."""

    def __repr__(self) -> str:
        return "HIBERNATE"


HIBERNATE: Final = Hibernate()


class Continue:
    """A `then` that calls `handle_continue(arg, state)` before the next message is taken (OTP's `{continue, Arg}`)."""

    __slots__ = ("arg",)
    __match_args__: Final = ("arg",)

    def __init__(self, arg: object) -> None:
        self.arg: object = arg

    def __repr__(self) -> str:
        return f"Continue({self.arg!r})"


Then = float | Continue | Hibernate | None


class Ok(Generic[State]):
    """The result of an `init` that has succeeded: the server is up, with this state (OTP's `{ok, State}`).

    Args:
        state: the server's first state.
        then: a timeout in seconds, Continue(arg), HIBERNATE or None.
    """

    __slots__ = ("state", "then")
    __match_args__: Final = ("state", "then")

    def __init__(self, state: State, then: Any = None) -> None:
        self.state: State = state
        self.then: Any = then

    def __repr__(self) -> str:
        return shown("Ok", self.state, self.then)


class Error:
    """The result of an `init` that has failed: the process ends with "normal", unreported (OTP's `{error, Reason}`).

    Args:
        reason: the reason of the StartError that the starter gets.
    """

    __slots__ = ("reason",)
    __match_args__: Final = ("reason",)

    def __init__(self, reason: object) -> None:
        self.reason: object = reason

    def __repr__(self) -> str:
        return f"Error({self.reason!r})"


class Reply(Generic[State]):
    """The result of a `handle_call` that answers the call (OTP's `{reply, Reply, NewState}`).

    Args:
        value: the answer.
        state: the new state.
        then: a timeout in seconds, Continue(arg), HIBERNATE or None.
    """

    __slots__ = ("state", "then", "value")
    __match_args__: Final = ("value", "state", "then")

    def __init__(self, value: Any, state: State, then: Any = None) -> None:
        self.value: Any = value
        self.state: State = state
        self.then: Any = then

    def __repr__(self) -> str:
        return shown("Reply", self.value, self.state, self.then)


class NoReply(Generic[State]):
    """The result of any callback but `init` that answers nothing (OTP's `{noreply, NewState}`).

    A call is then answered later, with `reply(from_, value)`.

    Args:
        state: the new state.
        then: a timeout in seconds, Continue(arg), HIBERNATE or None.
    """

    __slots__ = ("state", "then")
    __match_args__: Final = ("state", "then")

    def __init__(self, state: State, then: Any = None) -> None:
        self.state: State = state
        self.then: Any = then

    def __repr__(self) -> str:
        return shown("NoReply", self.state, self.then)


class Missing:
    """The type of MISSING, the default of a parameter for which None is a value."""


MISSING: Final[Any] = Missing()


class Stop(Generic[State]):
    """The result of a callback that ends the server (OTP's `{stop, Reason, NewState}`). `terminate` is called first.

    Args:
        reason: the reason to end with.
        state: the last state; `init` returns `Stop(reason)` without one.
        reply: the answer to the call that is being handled (OTP's `{stop, Reason, Reply, NewState}`).
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
        """Whether this Stop has a state."""
        return self.state is not MISSING

    @property
    def has_reply(self) -> bool:
        """Whether this Stop has a reply."""
        return self.reply is not MISSING


class NoClause(Exception):
    """No callback has a case for this message. A server whose callback returned None ends with it, too.

    Attributes:
        message: the message or request.
        letter: names the callback that returned None, and its possible results; otherwise "".
    """

    def __init__(self, message: object, letter: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.letter = letter

    def __str__(self) -> str:
        why = self.letter or "A callback returned None for it, or raised NoClause"
        return f"no clause for {safe_repr(self.message)}. {why}"


class BadReturn(Exit):
    """A callback returned an invalid result; its process ends with ("bad_return_value", value), as in OTP.

    Attributes:
        value: the invalid result.
    """

    def __init__(self, server: object, callback: str, value: object, wanted: str, function: object = None) -> None:
        super().__init__(("bad_return_value", value))
        self.value = value
        wanted += other_words(value)
        if function is None:
            self.letter: Letter = returned(server, callback, value, wanted)
        else:  # a function that was passed to a method, and not the method itself
            self.letter = Letter(
                f"the function given to {callback} returned ", value, f". Wanted: {wanted}{at(function)}"
            )
        self.reason: Explained = explained(("bad_return_value", value), self.letter)

    def __str__(self) -> str:
        return str(self.letter)


TUPLES: Final = ("ok", "reply", "noreply", "stop", "next_state", "keep_state", "keep_state_and_data", "stop_and_reply")


def other_words(value: object) -> str:
    """Return a further hint for a result that is written as in Elixir or Erlang; otherwise ""."""
    if type(value) is tuple and value and type(value[0]) is str and value[0] in TUPLES:  # pyright: ignore[reportUnknownArgumentType]
        return ". Results that are tuples in OTP are objects here"
    return ""


def shown(name: str, *values: object) -> str:
    """Return the repr of a result: its name and its parts, without trailing parts that are None."""
    parts = [repr(value) for value in values]
    while len(parts) > 1 and parts[-1] == "None":
        parts.pop()
    return f"{name}({', '.join(parts)})"


def check_then(server: object, callback: str, result: object, then: Any) -> Then:
    """Return a result's `then` in the form that the loop uses: a float of seconds, Continue, HIBERNATE or None.

    Raises:
        BadReturn: it is none of these.
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
