"""Process groups: join, members, leave, death."""

from __future__ import annotations

from typing import Any

from regrow import Pid, pg, process
from tests.oracle.twin import Twin, kill, name, say, settle

twin = Twin("74_pg")

SCOPE = "my_scope"


def join(pids: Any) -> str:
    pg.join("g", pids, scope=SCOPE)
    return "ok"


def leave(pid: Pid) -> str:
    return "ok" if pg.leave("g", pid, scope=SCOPE) else "not_joined"


@twin.block("join, members, leave, death")
async def join_members_leave_death() -> None:
    await pg.start_link(SCOPE)
    p = name(process.spawn(process.receive), "p")
    q = name(process.spawn(process.receive), "q")
    say("join", join(p))
    say("join twice", join([p, q]))
    say("members (sorted)", sorted(pg.get_members("g", scope=SCOPE)))
    say("groups", pg.which_groups(scope=SCOPE))
    say("leave once", leave(p))
    say("members (sorted)", sorted(pg.get_members("g", scope=SCOPE)))
    say("leave of one not in it", leave(process.current()))
    await kill(q)
    await settle(30)
    say("members", pg.get_members("g", scope=SCOPE))
    await kill(p)
    await settle(30)
    say("groups", pg.which_groups(scope=SCOPE))
    say("members of an unknown group", pg.get_members("none", scope=SCOPE))
