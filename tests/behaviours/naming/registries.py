"""Helpers of the tests of registries."""

from __future__ import annotations

from typing import Any

from regrow import (
    From,
    GenServer,
    Pid,
    Reply,
    call,
    process,
)
from regrow.behaviours.naming.registry import Registry

KINDS: list[Any] = ["unique", "duplicate", ("duplicate", "pid"), ("duplicate", "key")]


R = "R"


GET = "get"


class Doer(GenServer[Any]):
    """A server that runs in its process the functions it is sent."""

    def handle_call(self, request: Any, _from: From, state: Any) -> Reply[Any]:
        return Reply(request() if request is not GET else state, state)


async def start(keys: Any, partitions: int, **options: Any) -> Pid:
    return await Registry.start_link(keys=keys, name=R, partitions=partitions, **options)


async def register(key: Any, value: Any = None) -> Pid:
    """Register another process."""
    doer = await Doer.start()
    await call(doer, lambda: Registry.register(R, key, value))
    return doer


def me() -> Pid:
    return process.current()


def links(pid: Pid | None = None) -> Any:
    return process.info(pid or me(), "links")
