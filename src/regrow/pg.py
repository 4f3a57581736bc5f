"""Process groups with keys of any type, in independent scopes (OTP's `pg`).

    join("room 7", pid)       a process may be in many groups, and several times in one
    get_members("room 7")     all members, read from a table without a call
    monitor("room 7")         (ref, members); each change is then a message (ref, "join" or "leave", group, pids)

A scope is a process; at its end its groups are empty, and their members keep running. Start the default scope, "pg", or
another one under a supervisor. A process that ends leaves its groups before any `Down` or exit signal arrives.

    >>> async def main():
    ...     await pg.start_link()
    ...     pg.join("listeners", process.current())
    ...     return pg.get_members("listeners") == [process.current()], pg.which_groups()
    >>> import regrow
    >>> regrow.run(main)
    (True, ['listeners'])

All members belong to this node, so `get_local_members` and `which_local_groups` are the same functions as `get_members`
and `which_groups`.
"""

from regrow.behaviours.naming.pg import (
    Group,
    child_spec,
    demonitor,
    get_local_members,
    get_members,
    join,
    leave,
    monitor,
    monitor_scope,
    start,
    start_link,
    stop,
    which_groups,
    which_local_groups,
)

__all__ = [
    "monitor",
    "demonitor",
    "start",
    "start_link",
    "child_spec",
    "stop",
    "join",
    "leave",
    "get_members",
    "which_groups",
    "get_local_members",
    "which_local_groups",
    "monitor_scope",
    "Group",
]
