"""Names and locks that hold in the whole program, for all its nodes and threads (OTP's `global`).

    await global_.register_name("leader", pid)     true, or false when another has it
    await global_.trans((resource, me), function)  runs it while nobody else holds the lock of that resource

`Global("leader")` is such a name as a server's name and as an address. Names of a process that ends are free, and locks
that it holds are released, before anyone hears of its end. There is one program, and so nothing to resolve or to merge.
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
