"""The transition of a state machine: the results and actions of one event's callbacks, collected, and their checks."""

from __future__ import annotations

from datetime import timedelta
from typing import Any, Final

from regrow.behaviours.gen.results import BadReturn
from regrow.behaviours.gen_statem.results import Timeout
from regrow.kernel.alarms import Timer
from regrow.kernel.bounded_repr import safe_repr
from regrow.kernel.explained_reasons import explained
from regrow.kernel.keys import equal, exact
from regrow.kernel.requests import CallRequest
from regrow.kernel.timers import LONGEST

Event = tuple[Any, Any]  # its type and its content

MODES: Final = ("state_functions", "handle_event_function")
PLAIN_TYPES: Final = ("cast", "info", "timeout", "state_timeout", "internal")

RESULTS: Final = "NextState, KeepState, KeepStateAndData, RepeatState, RepeatStateAndData, Stop or StopAndReply"
ENTER_RESULTS: Final = "the same state: an enter event may not change it"
ACTIONS: Final = (
    "ReplyAction, NextEvent, Postpone, StateTimeout, EventTimeout, GenericTimeout, seconds, HIBERNATE, "
    "ChangeCallbackModule, PushCallbackModule or PopCallbackModule, with valid values; in an enter event no "
    "NextEvent, Postpone or change of the module"
)
REPLIES: Final = "ReplyAction(from_, value), with the from_ of a call"


class BadTransition(BadReturn):
    """A callback of a state machine returned an invalid result; `reason` is the pair of OTP's word and the value."""

    def __init__(self, word: str, callbacks: object, callback: str, value: object, wanted: str) -> None:
        super().__init__(callbacks, callback, value, wanted)
        self.reason = explained((word, value), self.letter)


class Transition:
    """The results and actions of one event's callbacks so far; `Machine.settle` applies them.

    Attributes:
        state: the state that the machine will have.
        data: the data that it will have.
        postpone: whether the event is postponed.
        next_events: the events to insert, in their order.
        timeouts: the timeouts to start or cancel, with their seconds, by `exact` type; the last of a type counts.
    """

    __slots__ = ("data", "next_events", "postpone", "state", "timeouts")

    def __init__(self, state: Any, data: Any) -> None:
        self.state: Any = state
        self.data: Any = data
        self.postpone: bool = False
        self.next_events: list[Event] = []
        self.timeouts: dict[object, tuple[Timeout, float | None]] = {}

    def wants(self, timeout: Timeout, time: float | None) -> None:
        """Start, change or cancel a timeout at the end of the transition."""
        type_ = exact(timeout.event_type)
        self.timeouts.pop(type_, None)
        self.timeouts[type_] = (timeout, time)


class RunningTimeout:
    """A timeout that was started, and the message that it sends to its machine. One of 0 s has no timer."""

    __slots__ = ("content", "timer", "type")

    def __init__(self, type: object, content: object) -> None:
        self.type: object = type
        self.content: object = content
        self.timer: Timer | None = None

    def __repr__(self) -> str:
        return f"RunningTimeout({self.type!r}, {self.content!r})"


def is_change(before: object, after: object) -> bool:
    """Whether two states are different."""
    return before is not after and not equal(before, after)


def is_list(value: object) -> bool:
    """Whether a value is a list or a tuple."""
    return isinstance(value, list | tuple)


def as_list(actions: Any) -> Any:
    """Return one action, or a list of them, as a list."""
    return actions if is_list(actions) else (actions,)


def is_type(value: Any) -> bool:
    """Whether an event of this type can be inserted."""
    match value:
        case str():
            return value in PLAIN_TYPES
        case ("call", CallRequest()) | ("timeout", _):
            return True
        case _:
            return False


def add_timeout(transition: Transition, timeout: Timeout) -> bool:
    """Add a timeout to the transition; return False if its time is invalid."""
    time: Any = timeout.time
    if isinstance(time, timedelta):
        time = time.total_seconds()
    if time is None or time in ("cancel", "infinity", float("inf")):
        time = None
    elif time == "update":
        time = 0.0
    elif (
        isinstance(time, bool)
        or not isinstance(time, int | float)
        or not (timeout.abs or time >= 0)
        or not -LONGEST <= time <= LONGEST
    ):
        return False
    try:
        transition.wants(timeout, time)
    except TypeError:  # a name that cannot be hashed
        return False
    return True


def no_state(callbacks: Any, state: Any) -> ValueError:
    """Return the error for a state that has no method."""
    name = type(callbacks).__name__
    if type(state) is str and state in callbacks.__regrow_reserved__:
        return ValueError(
            f"{state!r} is no state of {name}: in the mode state_functions a state is the name of a method, and every "
            f"machine has a method {state}. Give the state another name"
        )
    return ValueError(
        f"{safe_repr(state)} is no state of {name}: in the mode state_functions a state is the name of a method, "
        f"def {state if type(state) is str else 'name'}(self, event_type, content, data). For states of any other kind, let callback_mode return "
        '"handle_event_function" and write handle_event'
    )
