"""Readers of a cache that each fetch a missing page: all of them fetch it, if they look at once."""

from __future__ import annotations

from typing import Any

from regrow import Down, From, GenServer, NoReply, Pid, Reply, call, cast, process, reply

State = tuple[str | None, list[From]]  # the page, and the readers that wait for it


class Site(GenServer[int]):
    """A server that counts the requests for its page."""

    def handle_call(self, request: Any, _from: From, fetched: int) -> Any:
        return Reply(fetched, fetched) if request == "count" else Reply("page", fetched + 1)


class Cache(GenServer[str | None]):
    """A server that keeps a page."""

    def handle_call(self, _request: Any, _from: From, page: str | None) -> Any:
        return Reply(page, page)

    def handle_cast(self, request: Any, _page: str | None) -> Any:
        return NoReply(request)


class SafeCache(GenServer[Any]):
    """A server that lets the first reader fetch a missing page, and the others wait for it."""

    def handle_call(self, _request: Any, from_: From, state: Any) -> Reply[State] | NoReply[State]:
        page, waiting = state or (None, None)
        if page is not None or waiting is None:
            return Reply(page, (page, [] if waiting is None else waiting))
        return NoReply((page, [*waiting, from_]))

    def handle_cast(self, request: Any, state: Any) -> NoReply[State]:
        for asker in state[1]:
            reply(asker, request)
        return NoReply((request, []))


async def read(cache: Pid, site: Pid) -> None:
    if await call(cache, "get") is None:
        cast(cache, await call(site, "fetch"))


async def three_readers(kind: Any) -> None:
    cache, site = await kind.start_link(None), await Site.start_link(0)
    for _ in range(3):
        process.spawn_monitor(read, cache, site)
    for _ in range(3):
        await process.receive(Down)
    fetched = await call(site, "count")
    assert fetched == 1, f"one page was fetched {fetched} times"


async def scenario() -> None:
    await three_readers(Cache)


async def correct() -> None:
    await three_readers(SafeCache)
