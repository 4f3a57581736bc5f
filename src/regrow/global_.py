"""Names and locks that hold in the whole program, for all its nodes and threads (OTP's `global`).

    await global_.register_name("leader", pid)     True, or False if another process has the name
    await global_.trans((resource, me), function)  runs the function while this process holds the lock of the resource

`Global("leader")` is such a name, for the start of a server and as an address. The names and locks of a process are free
when it has ended, before any `Down` or exit signal arrives. There is only one program, so name conflicts never occur.

    >>> async def main():
    ...     me = process.current()
    ...     registered = await register_name("leader", me)
    ...     process.send(Global("leader"), "hello")
    ...     return registered, await process.receive(), whereis_name("leader") == me
    >>> import regrow
    >>> regrow.run(main)
    (True, 'hello', True)
"""

from regrow.behaviours.naming.global_ import (
    Aborted,
    del_lock,
    notify_all_name,
    random_exit_name,
    random_notify_name,
    re_register_name,
    register_name,
    registered_names,
    send,
    set_lock,
    sync,
    trans,
    unregister_name,
    whereis_name,
)

# For `Via(global_, key)`: this module's own functions wait.
from regrow.behaviours.naming.global_ import __regrow_names__ as __regrow_names__

__all__ = [
    "register_name",
    "unregister_name",
    "whereis_name",
    "send",
    "re_register_name",
    "registered_names",
    "random_notify_name",
    "notify_all_name",
    "del_lock",
    "trans",
    "Aborted",
    "random_exit_name",
    "sync",
    "set_lock",
]
