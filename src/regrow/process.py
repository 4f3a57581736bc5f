"""Processes: spawn, send, receive, link, monitor, exit, names, timers (the functions of OTP's module `erlang`).

    this process                                      the new process
    ------------                                      ---------------
    pid, ref = process.spawn_monitor(worker, 42)      async def worker(number): ...
    process.send(pid, "hello")           ----->       message = await process.receive(str, timeout=1.0)
    down = await process.receive(Down)   <-----       its end, with the reason

Functions that may wait are `async def`; all others are plain functions that return at once. Times are in seconds.

    >>> async def worker(number):
    ...     caller = await process.receive()
    ...     process.send(caller, number + 1)
    >>> async def main():
    ...     pid, ref = process.spawn_monitor(worker, 41)
    ...     process.send(pid, process.current())
    ...     answer = await process.receive(int, timeout=1.0)
    ...     down = await process.receive(Down)
    ...     return answer, down.reason
    >>> import regrow
    >>> regrow.run(main)
    (42, 'normal')
"""

from regrow.kernel.aliases import alias, unalias
from regrow.kernel.bifs import (
    demonitor,
    exit,  # noqa: A004 (OTP's name)
    flag,
    link,
    make_ref,
    monitor,
    node,
    register,
    registered,
    trap_exit,
    unlink,
    unregister,
    whereis,
)
from regrow.kernel.dictionary import delete, erase, get, get_keys, get_label, put, set_label
from regrow.kernel.info import alive, info, processes
from regrow.kernel.receiving import receive
from regrow.kernel.running import current
from regrow.kernel.sending import send, sleep
from regrow.kernel.spawning import (
    adopt,
    hibernate,
    spawn,
    spawn_link,
    spawn_monitor,
    spawn_opt,
    spawn_request,
    spawn_request_abandon,
)
from regrow.kernel.timers import (
    apply_after,
    apply_interval,
    apply_repeatedly,
    cancel_timer,
    exit_after,
    kill_after,
    monotonic,
    read_timer,
    send_after,
    send_interval,
    start_timer,
    system_time,
)

__all__ = [
    "send_after",
    "spawn",
    "spawn_link",
    "spawn_monitor",
    "spawn_opt",
    "monitor",
    "spawn_request",
    "spawn_request_abandon",
    "hibernate",
    "adopt",
    "current",
    "send",
    "receive",
    "sleep",
    "link",
    "unlink",
    "demonitor",
    "exit",
    "trap_exit",
    "flag",
    "register",
    "unregister",
    "whereis",
    "registered",
    "alive",
    "processes",
    "info",
    "alias",
    "unalias",
    "monotonic",
    "system_time",
    "start_timer",
    "send_interval",
    "apply_after",
    "apply_interval",
    "apply_repeatedly",
    "exit_after",
    "kill_after",
    "cancel_timer",
    "read_timer",
    "put",
    "get",
    "get_keys",
    "delete",
    "erase",
    "set_label",
    "get_label",
    "make_ref",
    "node",
]
