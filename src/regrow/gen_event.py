"""Event managers: a process with handlers, each of which gets every event (OTP's `gen_event`).

    your class                        this module
    ----------                        -----------
    init(arg)                 <-----  add_handler(manager, Handler, arg)
      Ok(state)               ----->  "ok"
    handle_event(event, state)
                              <-----  notify(manager, event), sync_notify(manager, event)
      Ok(state)               ----->  the next handler gets the event
    handle_call(request, state)
                              <-----  call(manager, Handler, request)
      Reply(value, state)     ----->  call returns value
    handle_info(message, state)
                              <-----  any other message
    terminate(reason, state)  <-----  delete_handler(manager, Handler, reason), stop(manager), a failure

The results of each callback:

    init                        Ok(state[, HIBERNATE])   Error(reason)
    handle_event, handle_info   Ok(state[, HIBERNATE])   RemoveHandler()   SwapHandler(arg1, state, handler2, arg2)
    handle_call                 Reply(value, state[, HIBERNATE])   RemoveHandler(reply)
                                SwapHandler(arg1, state, handler2, arg2, reply=value)

A handler is named by its class or, if there are several of one class, by (class, id). The handler that was added last
gets an event first. A handler that raises, or returns anything else, is removed, and its `terminate` is called with
`("error", reason)`; the manager and the other handlers are not affected. `add_sup_handler` links its caller to the
manager: when the caller ends, the handler is removed, and when the handler is removed, the caller is sent
("gen_event_EXIT", handler, reason).

    >>> class Sum(GenEvent[int]):
    ...     def init(self, total):
    ...         return Ok(total)
    ...
    ...     def handle_event(self, event, total):
    ...         return Ok(total + event)
    ...
    ...     def handle_call(self, request, total):
    ...         return Reply(total, total)
    >>> async def main():
    ...     manager = await start_link()
    ...     await add_handler(manager, Sum, 40)
    ...     notify(manager, 1)
    ...     await sync_notify(manager, 1)
    ...     return await call(manager, Sum, "total")
    >>> import regrow
    >>> regrow.run(main)
    42
"""

from regrow.behaviours.gen.request_ids import (
    RequestId,
    RequestIds,
    check_response,
    receive_response,
    reqids_add,
    reqids_new,
    reqids_size,
    reqids_to_list,
    wait_response,
)
from regrow.behaviours.gen.results import HIBERNATE, Error, Ok, Reply
from regrow.behaviours.gen_event.gen_event import (
    GenEvent,
    add_handler,
    add_sup_handler,
    call,
    child_spec,
    delete_handler,
    notify,
    send_request,
    start,
    start_link,
    start_monitor,
    stop,
    swap_handler,
    swap_sup_handler,
    sync_notify,
    which_handlers,
)
from regrow.behaviours.gen_event.manager import RemoveHandler, SwapHandler
from regrow.behaviours.gen_server.client import whereis

__all__ = [
    "whereis",
    "start",
    "start_link",
    "start_monitor",
    "child_spec",
    "call",
    "stop",
    "send_request",
    "receive_response",
    "wait_response",
    "check_response",
    "RequestIds",
    "reqids_new",
    "reqids_add",
    "reqids_size",
    "reqids_to_list",
    "GenEvent",
    "add_handler",
    "add_sup_handler",
    "delete_handler",
    "swap_handler",
    "swap_sup_handler",
    "which_handlers",
    "notify",
    "sync_notify",
    "Ok",
    "Reply",
    "Error",
    "HIBERNATE",
    "RemoveHandler",
    "SwapHandler",
    "RequestId",
]
