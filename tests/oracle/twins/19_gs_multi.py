"""abcast and multi_call on one node."""

from __future__ import annotations

from typing import Any

from regrow import GenServer, NoReply, Reply, system
from regrow.behaviours.gen_server.client import abcast, multi_call
from tests.oracle.terms import NODE_NAME
from tests.oracle.twin import Twin, ev, mailbox, say, settle

twin = Twin("19_gs_multi")


class S(GenServer[int]):
    async def handle_call(self, request: Any, _from: Any, state: int) -> Any:
        if request == "slow":
            await settle(60)
        return Reply(state, state)

    def handle_cast(self, request: Any, state: int) -> Any:
        ev("cast", request)
        return NoReply(state)


@twin.block("abcast, multi_call")
async def several_nodes() -> None:
    server = await S.start_link(1, name="M")
    say("abcast", abcast("M", "hi"))
    await system.get_state(server)
    say("abcast to nobody", abcast("nobody", "hi"))
    say("multi_call", await multi_call("M", "get"))
    say("multi_call to nobody", await multi_call("nobody", "get"))
    say("multi_call with a timeout", await multi_call("M", "slow", 0.02, nodes=[NODE_NAME]))
    say("late reply in the mailbox", await mailbox(100))
