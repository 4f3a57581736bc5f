"""State machines: a process with a state and data, whose callbacks handle an event in each state (OTP's `gen_statem`).

    your class                              this module
    ----------                              -----------
    init(arg)                     <-----    start_link(arg)
      NextState(state, data)      ----->    the starter gets the pid
    handle_event(("call", from_), request, state, data)
                                  <-----    call(machine, request)
      NextState(new, data, [ReplyAction(from_, value)])
                                  ----->    call returns value
    handle_event("cast", request, state, data)
                                  <-----    cast(machine, request)
    handle_event("info", message, state, data)
                                  <-----    any other message
    handle_event("state_timeout", content, state, data), and so on
                                  <-----    timeouts and events that a callback set
    terminate(reason, state, data)
                                  <-----    a callback returned Stop or raised, stop(machine), or the parent's end

The event types are ("call", from_), "cast", "info", "internal", "timeout", "state_timeout", ("timeout", name) and, if
`callback_mode` asks for it, "enter". Results and actions are listed in `__all__`.

`callback_mode` returns how events are handled: "handle_event_function" as above, or "state_functions", where each state
is a separate method: `def locked(self, event_type, content, data)`. With a list that has "state_enter", the machine gets
an event "enter" at each change of the state. Callbacks may be `def` or `async def`.

    >>> class Door(GenStatem[str, int]):
    ...     def callback_mode(self):
    ...         return "state_functions"
    ...
    ...     def init(self, code):
    ...         return NextState("locked", code)
    ...
    ...     def locked(self, event_type, content, code):
    ...         match event_type, content:
    ...             case ("call", from_), ("code", number) if number == code:
    ...                 return NextState("open", code, [ReplyAction(from_, "opened"), StateTimeout(10.0, "lock")])
    ...             case ("call", from_), _:
    ...                 return KeepStateAndData(ReplyAction(from_, "wrong"))
    ...
    ...     def open(self, event_type, content, code):
    ...         match event_type, content:
    ...             case "state_timeout", "lock":
    ...                 return NextState("locked", code)
    >>> async def main():
    ...     door = await Door.start_link(42)
    ...     return await call(door, ("code", 1)), await call(door, ("code", 42))
    >>> import regrow
    >>> regrow.run(main)
    ('wrong', 'opened')
"""

from regrow.behaviours.gen.request_ids import (
    RequestIds,
    check_response,
    receive_response,
    reqids_add,
    reqids_new,
    reqids_size,
    reqids_to_list,
    send_request,
    wait_response,
)
from regrow.behaviours.gen.results import HIBERNATE, Error, Stop
from regrow.behaviours.gen.starting import IGNORE
from regrow.behaviours.gen_server.client import cast, whereis
from regrow.behaviours.gen_statem.gen_statem import GenStatem, call, enter_loop, reply, stop
from regrow.behaviours.gen_statem.results import (
    Action,
    Actions,
    ChangeCallbackModule,
    EventTimeout,
    GenericTimeout,
    KeepState,
    KeepStateAndData,
    NextEvent,
    NextState,
    PopCallbackModule,
    Postpone,
    PushCallbackModule,
    RepeatState,
    RepeatStateAndData,
    ReplyAction,
    StateTimeout,
    StopAndReply,
    Timeout,
)

__all__ = [
    "reply",
    "whereis",
    "call",
    "cast",
    "stop",
    "enter_loop",
    "send_request",
    "receive_response",
    "wait_response",
    "check_response",
    "RequestIds",
    "reqids_new",
    "reqids_add",
    "reqids_size",
    "reqids_to_list",
    "GenStatem",
    "NextState",
    "KeepState",
    "KeepStateAndData",
    "RepeatState",
    "RepeatStateAndData",
    "StopAndReply",
    "ReplyAction",
    "NextEvent",
    "Postpone",
    "StateTimeout",
    "EventTimeout",
    "GenericTimeout",
    "ChangeCallbackModule",
    "PushCallbackModule",
    "PopCallbackModule",
    "Stop",
    "Error",
    "IGNORE",
    "HIBERNATE",
    "Action",
    "Actions",
    "Timeout",
]
