"""Servers: a process with a state, which handles one message at a time (OTP's `gen_server`).

    your class                          this module
    ----------                          -----------
    init(arg)                 <-----    start_link(arg)
      Ok(state)               ----->    the starter gets the pid
    handle_call(request, from_, state)
                              <-----    call(server, request)
      Reply(value, state)     ----->    call returns value
    handle_cast(request, state)
                              <-----    cast(server, request)
      NoReply(state)          ----->    the next message is handled
    handle_info(message, state)
                              <-----    any other message
    terminate(reason, state)  <-----    a callback returned Stop or raised, stop(server), or the parent's end

The results of each callback:

    init                  Ok(state[, then])   IGNORE   Stop(reason)   Error(reason)
    handle_call           Reply(value, state[, then])   Stop(reason, state, reply=value)   and those below
    every other handle_…  NoReply(state[, then])   Stop(reason, state)

`then` is a timeout in seconds, after which `handle_info("timeout", state)` is called if no message came;
`Continue(arg)`, which calls `handle_continue(arg, state)` before the next message; or HIBERNATE. Callbacks may be `def`
or `async def`.

    >>> class Stack(GenServer[list[int]]):
    ...     def init(self, items):
    ...         return Ok(list(items))
    ...
    ...     def handle_call(self, request, from_, items):
    ...         match request:
    ...             case "pop":
    ...                 return Reply(items[-1], items[:-1])
    ...
    ...     def handle_cast(self, request, items):
    ...         match request:
    ...             case ("push", item):
    ...                 return NoReply([*items, item])
    >>> async def main():
    ...     stack = await Stack.start_link([1, 2])
    ...     cast(stack, ("push", 3))
    ...     return await call(stack, "pop")
    >>> import regrow
    >>> regrow.run(main)
    3
"""

from regrow.behaviours.gen.request import Cast
from regrow.behaviours.gen.request_ids import (
    RequestId,
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
from regrow.behaviours.gen.results import HIBERNATE, BadReturn, Continue, Error, NoClause, NoReply, Ok, Reply, Stop
from regrow.behaviours.gen.starting import IGNORE
from regrow.behaviours.gen_server.client import From, abcast, call, cast, multi_call, stop, whereis
from regrow.behaviours.gen_server.gen_server import (
    CallReturn,
    CastReturn,
    GenServer,
    InitReturn,
    enter_loop,
    is_waiting,
    reply,
)

__all__ = [
    "reply",
    "is_waiting",
    "whereis",
    "GenServer",
    "call",
    "cast",
    "stop",
    "multi_call",
    "abcast",
    "enter_loop",
    "From",
    "Cast",
    "Ok",
    "IGNORE",
    "Error",
    "Reply",
    "NoReply",
    "Stop",
    "Continue",
    "HIBERNATE",
    "InitReturn",
    "CallReturn",
    "CastReturn",
    "send_request",
    "receive_response",
    "wait_response",
    "check_response",
    "RequestIds",
    "reqids_new",
    "reqids_add",
    "reqids_size",
    "reqids_to_list",
    "NoClause",
    "BadReturn",
    "RequestId",
]
