"""Groups of processes, under any key, in scopes that do not know of each other (OTP's `pg`).

    join("room 7", pid)       a process may be in many groups, and several times in one
    get_members("room 7")     all of them, at once: nobody is asked
    monitor("room 7")         (ref, members), and from then on (ref, "join" or "leave", group, pids) as messages

A scope is a process whose end empties its groups; those who were in them live on. Start the default one, "pg", or one
of your own under a supervisor. Members that end are out of their groups before anyone hears of it.

    >>> async def main():
    ...     await pg.start_link()
    ...     pg.join("listeners", process.current())
    ...     return pg.get_members("listeners") == [process.current()], pg.which_groups()
    >>> import regrow
    >>> regrow.run(main)
    (True, ['listeners'])

All members are members of this node: `get_local_members` and `which_local_groups` are here for those who look for them.
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
