"""HIBERNATE changes nothing that callers see."""

from __future__ import annotations

from typing import Any

from regrow import HIBERNATE, From, GenServer, NoReply, Pid, Reply, call, cast, process
from tests.oracle.twin import Twin, say, settle

twin = Twin("24_gs_hibernate")


class S(GenServer[str]):
    def handle_call(self, request: Any, _from: From, state: str) -> Any:
        if request == "hib":
            return Reply("ok", state, HIBERNATE)
        return Reply(state, state)

    def handle_cast(self, _request: Any, state: str) -> Any:
        return NoReply(state, HIBERNATE)


def where(server: Pid) -> Any:
    return process.info(server, "status")


@twin.block("from a call, from a cast; the next message wakes it")
async def from_call_and_cast() -> None:
    server = await S.start_link("st")
    await call(server, "hib")
    await settle(30)
    say("in", where(server))
    say("get", await call(server, "get"))
    await settle(30)
    say("in", where(server))
    cast(server, "hib")
    await settle(30)
    say("in", where(server))


@twin.block("hibernate_after")
async def hibernate_after() -> None:
    server = await S.start_link("st")
    await settle()
    say("in", where(server))
    say("get", await call(server, "get"))


for title, lines in (
    ("from a call, from a cast; the next message wakes it", ("hibernate, 3}", "hibernate, 3}")),
    ("hibernate_after", ("hibernate, 3}",)),
):
    for end in lines:
        twin.differs(
            title,
            "in: {:erlang, :" + end,
            "in: :waiting",
            because="a process that hibernates waits like any other: its mailbox takes no room when it is empty",
        )
twin.differs(
    "from a call, from a cast; the next message wakes it",
    "in: {:gen_server, :loop, 7}",
    "in: :waiting",
    because="where a server waits is no fact that its user sees",
)
