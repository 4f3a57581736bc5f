"""The environment of a server: ancestors, initial call, process dictionary, links."""

from __future__ import annotations

from typing import Any

from regrow import From, GenServer, Ok, Reply, call, child_spec, process
from tests.oracle.actors import Errand
from tests.oracle.twin import Twin, say

twin = Twin("20_gs_env")


def info(item: str) -> Any:
    return process.info(process.current(), item)


class S(GenServer[None]):
    def init(self, _arg: object) -> Ok[None]:
        return Ok(None)

    async def handle_call(self, request: Any, _from: From, state: None) -> Any:
        match request:
            case "env":
                owner, name = info("initial_call").__qualname__.split(".")
                return Reply((info("ancestors"), (owner, name, 1), process.get("$callers")), state)
            case ("start", name):
                return Reply(await S.start_link(name=name), state)
            case "links":
                return Reply(("links", info("links")), state)
            case "task_env":
                errand = Errand(lambda: (info("ancestors"), process.get("$callers")))
                return Reply(await errand.wait(), state)
            case ("put", key, value):
                return Reply(process.put(key, value), state)
            case _:
                return Reply(process.get(request[1]), state)


@twin.block("ancestors")
async def ancestors() -> None:
    server = await S.start_link()
    say("start_link from main", await call(server, "env"))
    child = await call(server, ("start", "Inner"))
    say("grandchild", await call(child, "env"))
    grandchild = await call(child, ("start", None))
    say("ancestors use names where there are any", await call(grandchild, "env"))
    unlinked = await S.start()
    say("start, not linked", await call(unlinked, "env"))
    say("task inside a server", await call(server, "task_env"))
    say("links of p", await call(server, "links"))
    say("links of the unlinked", await call(unlinked, "links"))


twin.differs(
    "ancestors",
    "task inside a server: {[<A>, <main>], [<A>]}",
    "task inside a server: {[<A>, <main>], nil}",
    because="who called is what a Task keeps, and this is a plain process in its place",
)
twin.differs(
    "ancestors",
    "links of p: {:links, [<B>, <main>]}",
    "links of p: {:links, [<main>, <B>]}",
    because="links stand in the order in which they were made; OTP promises none",
)


@twin.block("the process dictionary lives from request to request")
async def dictionary() -> None:
    server = await S.start_link()
    say("put gives the old value", await call(server, ("put", "k", 1)))
    say("put gives the old value", await call(server, ("put", "k", 2)))
    say("get", await call(server, ("fetch", "k")))


class C1(GenServer[Any], restart="transient", shutdown=0.1, id="other"):
    pass


class C2(GenServer[Any]):
    pass


@twin.block("use GenServer: child_spec")
async def child_specs() -> None:
    say("options", C1.child_spec("arg"))
    say("default", C2.child_spec("arg"))
    say("overrides", child_spec((C2, "arg"), id="x", restart="temporary"))
