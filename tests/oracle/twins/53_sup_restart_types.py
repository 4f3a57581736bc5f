"""restart: permanent, transient, temporary against every way to end."""

from __future__ import annotations

from typing import Any

from regrow import Supervisor, cast, process
from tests.oracle.actors import child
from tests.oracle.terms import term
from tests.oracle.twin import Twin, down, say, settle

twin = Twin("53_sup_restart_types")
WAYS: list[Any] = [
    ("stop", "normal"),
    ("stop", "shutdown"),
    ("stop", ("shutdown", 1)),
    ("stop", "oops"),
    "crash",
    "kill",
    ("signal", "shutdown"),
]


async def ends(restart: str) -> None:
    for way in WAYS:
        sup = await Supervisor.start_link([child("a", restart=restart)], strategy="one_for_one")
        old = process.whereis("a")
        assert old is not None
        ref = process.monitor(old)
        match way:
            case "kill":
                process.exit(old, "kill")
            case ("signal", reason):
                process.exit(old, reason)
            case request:
                cast("a", request)
        await down(ref)
        await settle(20)
        new = process.whereis("a")
        say(f"{term(way)}: restarted", new is not None and new is not old)
        say("  children", await Supervisor.which_children(sup))
        say("  count", await Supervisor.count_children(sup))
        await Supervisor.stop(sup)


for restart_type in ("permanent", "transient", "temporary"):
    twin.add(restart_type, ends, restart_type)
