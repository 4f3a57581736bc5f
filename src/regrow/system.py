"""System requests to servers: read the state, suspend, trace, replace code (OTP's `sys`).

    any process                           a server
    -----------                           --------
    get_state, replace_state   ----->     answers between two messages
    suspend                    ----->     handles only system requests, until `resume`
    trace, log, install …      ----->     reports its events to the debug functions

A server handles system requests in the order of its mailbox; a suspended server handles only them. All behaviours take
part. A special process, which is written by hand, takes part with `handle_system_msg`:

    >>> from regrow import call, proc_lib, process, run, send, system
    >>> async def channels(parent, free):
    ...     proc_lib.init_ack(process.current())
    ...     debug = None
    ...     while True:
    ...         match await process.receive():
    ...             case system.SystemRequest() as request:
    ...                 debug, free = await system.handle_system_msg(request, parent, channels, debug, free)
    ...             case ("free", channel) as message:
    ...                 debug = system.handle_debug(debug, ("in", message))
    ...                 free = [channel, *free]
    >>> async def main():
    ...     allocator = await proc_lib.start_link(channels, process.current(), [1, 2])
    ...     send(allocator, ("free", 3))
    ...     return await system.get_state(allocator)
    >>> run(main)
    [3, 1, 2]
"""

from regrow.behaviours.gen.debug import debug_options
from regrow.behaviours.gen.system import (
    change_code,
    get_log,
    get_state,
    get_status,
    handle_debug,
    handle_system_msg,
    install,
    log,
    log_to_file,
    no_debug,
    print_log,
    remove,
    replace_state,
    resume,
    statistics,
    suspend,
    terminate,
    trace,
)
from regrow.behaviours.gen.system_requests import CallbackFailed, SystemRequest

__all__ = [
    "terminate",
    "get_state",
    "replace_state",
    "CallbackFailed",
    "get_status",
    "suspend",
    "resume",
    "statistics",
    "log",
    "log_to_file",
    "trace",
    "install",
    "remove",
    "no_debug",
    "change_code",
    "SystemRequest",
    "handle_system_msg",
    "debug_options",
    "handle_debug",
    "get_log",
    "print_log",
]
