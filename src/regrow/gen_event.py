"""An event manager: one process, and handlers in it that each get every event (OTP's `gen_event`).

    your class                        this module
    ----------                        -----------
    init(arg)                 <-----  add_handler(manager, Handler, arg)
      Ok(state)               ----->  "ok"
    handle_event(event, state)
                              <-----  notify(manager, event), sync_notify(manager, event)
      Ok(state)               ----->  the next handler's turn
    handle_call(request, state)
                              <-----  call(manager, Handler, request)
      Reply(value, state)     ----->  call returns value
    handle_info(message, state)
                              <-----  whatever was sent otherwise
    terminate(reason, state)  <-----  delete_handler(manager, Handler, reason), stop(manager), a failure

Every return:

    init                        Ok(state[, HIBERNATE])   Error(reason)
    handle_event, handle_info   Ok(state[, HIBERNATE])   RemoveHandler()   SwapHandler(arg1, state, handler2, arg2)
    handle_call                 Reply(value, state[, HIBERNATE])   RemoveHandler(reply)
                                SwapHandler(arg1, state, handler2, arg2, reply=value)

A handler is called by its class or, to have several of one class, by (class, id). The one that was added last comes
first. One that raises, or returns anything else, is removed and told `("error", why)`; the manager and the others live.
Whoever adds a handler with `add_sup_handler` is linked to the manager: when it ends, the handler is removed, and when
the handler goes, it is sent ("gen_event_EXIT", handler, reason).

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
