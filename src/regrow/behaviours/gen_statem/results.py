"""The results of a state machine's callbacks, and the actions that a result can have.

Results:

    NextState(state, data[, actions])       go to that state
    KeepState(data[, actions])              keep the state, with new data
    KeepStateAndData([actions])             keep state and data
    RepeatState(data[, actions])            keep the state, with new data, and repeat its enter event
    RepeatStateAndData([actions])           keep state and data, and repeat the enter event
    Stop(reason[, data])                    end, after `terminate`
    StopAndReply(reason, replies[, data])   answer calls, then end

`actions` is one action or a list of them, which are done in their order:

    ReplyAction(from_, value)               answer a call
    NextEvent(type, content)                insert an event before all queued ones
    Postpone()                              handle this event again after the next change of the state
    StateTimeout(time, content)             an event after this time, unless the state changes before
    EventTimeout(time, content)             an event after this time, unless any other event comes before. A bare number
                                            is an EventTimeout; None and "infinity" are ones that never come
    GenericTimeout(name, time, content)     an event after this time
    HIBERNATE                               no event is expected for long
    ChangeCallbackModule(cls)               another class handles the events that follow
    PushCallbackModule(cls)                 another class handles the events that follow, until PopCallbackModule
    PopCallbackModule()                     the class before the last PushCallbackModule handles them again
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any, Generic, Literal, TypeVar

from regrow.behaviours.gen.results import MISSING, Hibernate, shown
from regrow.kernel.requests import CallRequest

State = TypeVar("State")
Data = TypeVar("Data")

Time = float | timedelta | None | Literal["infinity", "update", "cancel"]


class ReplyAction:
    """An action that answers a call (OTP's `{reply, From, Reply}`).

    Args:
        from_: the `from_` of the event `("call", from_)`.
        value: the answer.
    """

    __slots__ = ("from_", "value")
    __match_args__ = ("from_", "value")

    def __init__(self, from_: CallRequest, value: Any) -> None:
        self.from_: CallRequest = from_
        self.value: Any = value

    def __repr__(self) -> str:
        return shown("ReplyAction", self.from_, self.value)


class Postpone:
    """An action that postpones the event: it is handled again when the state has changed (OTP's `postpone`).

    Args:
        flag: False cancels an earlier Postpone of the same list.
    """

    __slots__ = ("flag",)
    __match_args__ = ("flag",)

    def __init__(self, flag: bool = True) -> None:
        self.flag: bool = flag

    def __repr__(self) -> str:
        return "Postpone()" if self.flag else "Postpone(False)"


class NextEvent:
    """An action that inserts an event before all queued ones (OTP's `{next_event, EventType, EventContent}`).

    Args:
        type: any event type but "enter". An event of type "internal" cannot come from outside.
        content: the content of the event.
    """

    __slots__ = ("content", "type")
    __match_args__ = ("type", "content")

    def __init__(self, type: Any, content: Any = None) -> None:
        self.type: Any = type
        self.content: Any = content

    def __repr__(self) -> str:
        return shown("NextEvent", self.type, self.content)


class Timeout:
    """The base class of the three timeout actions.

    Args:
        time: seconds; 0 for an event right after the queued ones; None, "infinity" or "cancel" cancels a running
            timeout; "update" changes the content of a running timeout, but not its time.
        content: the content of the event.
        abs: read `time` as a time of `process.monotonic()`.
    """

    __slots__ = ("abs", "content", "time")
    __match_args__: tuple[str, ...] = ("time", "content")

    def __init__(self, time: Time, content: Any = None, *, abs: bool = False) -> None:
        self.time = time
        self.content: Any = content
        self.abs: bool = abs

    def __repr__(self) -> str:
        return shown(type(self).__name__, self.time, self.content)

    @property
    def event_type(self) -> object:
        """The type of the timeout's event; a machine has at most one running timeout of each type."""
        raise NotImplementedError


class StateTimeout(Timeout):
    """The event ("state_timeout", content) after `time` seconds, unless the state changes before."""

    __slots__ = ()

    @property
    def event_type(self) -> object:
        """The type of its event: "state_timeout"."""
        return "state_timeout"


class EventTimeout(Timeout):
    """The event ("timeout", content) after `time` seconds, unless any other event comes before."""

    __slots__ = ()

    @property
    def event_type(self) -> object:
        """The type of its event: "timeout"."""
        return "timeout"


class GenericTimeout(Timeout):
    """The event (("timeout", name), content) after `time` seconds, independent of other events and of the state.

    Args:
        name: any hashable term; a timeout of the same name replaces a running one.
    """

    __slots__ = ("name",)
    __match_args__: tuple[str, ...] = ("name", "time", "content")

    def __init__(self, name: Any, time: Time, content: Any = None, *, abs: bool = False) -> None:
        super().__init__(time, content, abs=abs)
        self.name: Any = name

    def __repr__(self) -> str:
        return shown("GenericTimeout", self.name, self.time, self.content)

    @property
    def event_type(self) -> object:
        """The type of its event: ("timeout", name)."""
        return ("timeout", self.name)


class ChangeCallbackModule:
    """An action after which another class handles the events; state and data are unchanged.

    Args:
        module: a subclass of GenStatem.
    """

    __slots__ = ("module",)
    __match_args__ = ("module",)

    def __init__(self, module: Any) -> None:
        self.module: Any = module

    def __repr__(self) -> str:
        return f"{type(self).__name__}({getattr(self.module, '__name__', self.module)})"


class PushCallbackModule(ChangeCallbackModule):
    """An action after which another class handles the events, until `PopCallbackModule`."""

    __slots__ = ()


class PopCallbackModule:
    """An action after which the class before the last PushCallbackModule handles the events again."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "PopCallbackModule()"


Action = (
    ReplyAction
    | Postpone
    | NextEvent
    | Timeout
    | Hibernate
    | ChangeCallbackModule
    | PopCallbackModule
    | float
    | timedelta
    | Literal["infinity"]
    | None
)
Actions = Action | Sequence[Action]


class NextState(Generic[State, Data]):
    """The result that goes to `state`, or keeps it if it is equal; from `init`, the first state (OTP's `next_state`).

    Args:
        state: the new state.
        data: the new data.
        actions: one action or a list of them.
    """

    __slots__ = ("actions", "data", "state")
    __match_args__ = ("state", "data", "actions")

    def __init__(self, state: State, data: Data, actions: Actions = ()) -> None:
        self.state: State = state
        self.data: Data = data
        self.actions = actions

    def __repr__(self) -> str:
        return shown("NextState", self.state, self.data, self.actions or None)


class KeepState(Generic[Data]):
    """The result that keeps the state, with new data (OTP's `keep_state`).

    Args:
        data: the new data.
        actions: one action or a list of them.
    """

    __slots__ = ("actions", "data")
    __match_args__ = ("data", "actions")

    def __init__(self, data: Data, actions: Actions = ()) -> None:
        self.data: Data = data
        self.actions = actions

    def __repr__(self) -> str:
        return shown(type(self).__name__, self.data, self.actions or None)


class KeepStateAndData:
    """The result that keeps state and data (OTP's `keep_state_and_data`).

    Args:
        actions: one action or a list of them.
    """

    __slots__ = ("actions",)
    __match_args__ = ("actions",)

    def __init__(self, actions: Actions = ()) -> None:
        self.actions = actions

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.actions or ''})"


class RepeatState(KeepState[Data]):
    """The result that keeps the state, with new data, and repeats its enter event (OTP's `repeat_state`)."""

    __slots__ = ()


class RepeatStateAndData(KeepStateAndData):
    """The result that keeps state and data, and repeats the enter event (OTP's `repeat_state_and_data`)."""

    __slots__ = ()


class StopAndReply(Generic[Data]):
    """The result that answers calls, then ends the machine, after `terminate` (OTP's `stop_and_reply`).

    Args:
        reason: the reason to end with.
        replies: one ReplyAction or a list of them, which are sent in their order.
        data: new data, for `terminate`; by default the data stay.
    """

    __slots__ = ("data", "reason", "replies")
    __match_args__ = ("reason", "replies", "data")

    def __init__(self, reason: Any, replies: ReplyAction | Sequence[ReplyAction], data: Data = MISSING) -> None:
        self.reason: Any = reason
        self.replies: ReplyAction | Sequence[ReplyAction] = replies
        self.data: Data = data

    def __repr__(self) -> str:
        return shown("StopAndReply", self.reason, self.replies, *([self.data] if self.has_data else []))

    @property
    def has_data(self) -> bool:
        """Whether this StopAndReply has new data."""
        return self.data is not MISSING
