"""What a state machine's callbacks return, and the actions that go with it.

Results:

    NextState(state, data[, actions])       go to that state
    KeepState(data[, actions])              stay, with new data
    KeepStateAndData([actions])             stay
    RepeatState(data[, actions])            stay, and call the state's enter event again
    RepeatStateAndData([actions])           the same, with the old data
    Stop(reason[, data])                    end, after `terminate`
    StopAndReply(reason, replies[, data])   answer, then end

`actions` is one action or a list of them, done in its order:

    ReplyAction(from_, value)               answer a call
    NextEvent(type, content)                an event of one's own, before all that wait
    Postpone()                              this event again, in the next other state
    StateTimeout(time, content)             an event, unless the state changes before
    EventTimeout(time, content)             an event, unless any other event comes before; a bare number is one, too,
                                            and None or "infinity" is one that never comes
    GenericTimeout(name, time, content)     an event, whatever happens
    HIBERNATE                               nothing is expected for long
    ChangeCallbackModule(cls)               from the next event on another class handles them;
    PushCallbackModule(cls)                 the same, until
    PopCallbackModule()                     brings the last one back
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
    """Answer a call: as soon as the action's turn comes (OTP's `{reply, From, Reply}`).

    Args:
        from_: from the event `("call", from_)`.
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
    """Handle this event again when the state has changed, before all younger ones; False takes a Postpone back."""

    __slots__ = ("flag",)
    __match_args__ = ("flag",)

    def __init__(self, flag: bool = True) -> None:
        self.flag: bool = flag

    def __repr__(self) -> str:
        return "Postpone()" if self.flag else "Postpone(False)"


class NextEvent:
    """Insert an event, which is handled before all that wait (OTP's `{next_event, EventType, EventContent}`).

    Args:
        type: any event type but "enter"; "internal" tells it from all that comes from outside.
        content: what the callback gets with it.
    """

    __slots__ = ("content", "type")
    __match_args__ = ("type", "content")

    def __init__(self, type: Any, content: Any = None) -> None:
        self.type: Any = type
        self.content: Any = content

    def __repr__(self) -> str:
        return shown("NextEvent", self.type, self.content)


class Timeout:
    """What the three timeouts have in common.

    Args:
        time: seconds; 0 for an event right after those that wait inside the machine; None, "infinity" or "cancel" to
            cancel a running one; "update" to change a running one's content, but not its time.
        content: what the callback gets.
        abs: take `time` as a time of `process.monotonic()`.
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
        """The type of the event that it makes, of which a machine has one at a time."""
        raise NotImplementedError


class StateTimeout(Timeout):
    """Make the event ("state_timeout", content) in so many seconds, unless the state changes before."""

    __slots__ = ()

    @property
    def event_type(self) -> object:
        """The type of its event."""
        return "state_timeout"


class EventTimeout(Timeout):
    """Make the event ("timeout", content) in so many seconds, unless any other event comes before."""

    __slots__ = ()

    @property
    def event_type(self) -> object:
        """The type of its event."""
        return "timeout"


class GenericTimeout(Timeout):
    """Make the event (("timeout", name), content) in so many seconds, whatever happens until then.

    Args:
        name: any hashable term; the same name again replaces a running one.
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
        """The type of its event."""
        return ("timeout", self.name)


class ChangeCallbackModule:
    """Let another class handle the events that follow; state and data stay as they are.

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
    """The same, until `PopCallbackModule` brings this one back."""

    __slots__ = ()


class PopCallbackModule:
    """Let the class go on that was before the last PushCallbackModule."""

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
    """Go to `state`, which may be the one that is; from `init`: begin in it."""

    __slots__ = ("actions", "data", "state")
    __match_args__ = ("state", "data", "actions")

    def __init__(self, state: State, data: Data, actions: Actions = ()) -> None:
        self.state: State = state
        self.data: Data = data
        self.actions = actions

    def __repr__(self) -> str:
        return shown("NextState", self.state, self.data, self.actions or None)


class KeepState(Generic[Data]):
    """Stay in the state, with new data."""

    __slots__ = ("actions", "data")
    __match_args__ = ("data", "actions")

    def __init__(self, data: Data, actions: Actions = ()) -> None:
        self.data: Data = data
        self.actions = actions

    def __repr__(self) -> str:
        return shown(type(self).__name__, self.data, self.actions or None)


class KeepStateAndData:
    """Stay in the state, with the data that are."""

    __slots__ = ("actions",)
    __match_args__ = ("actions",)

    def __init__(self, actions: Actions = ()) -> None:
        self.actions = actions

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.actions or ''})"


class RepeatState(KeepState[Data]):
    """Stay in the state, with new data, as if it were entered now: its enter event is called again."""

    __slots__ = ()


class RepeatStateAndData(KeepStateAndData):
    """Stay in the state, with the data that are, as if it were entered now."""

    __slots__ = ()


class StopAndReply(Generic[Data]):
    """Answer calls, in this order, then end with `reason` after `terminate`.

    Args:
        reason: why.
        replies: one ReplyAction or a list of them.
        data: new data, for `terminate`.
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
        """Whether new data were given."""
        return self.data is not MISSING
