"""The servers that are measured."""

from __future__ import annotations

from typing import Any

from regrow import CallReturn, CastReturn, From, GenServer, NoReply, Pid, Reply, Service, cast, send, service


class Counter(GenServer[int]):
    """A server that counts its calls and casts."""

    def handle_call(self, request: Any, from_: From, count: int) -> CallReturn[int]:
        return Reply(count, count + request)

    def handle_cast(self, request: Any, count: int) -> CastReturn[int]:
        return NoReply(count + request)


class AsyncCounter(GenServer[int]):
    """A server that counts in `async def` callbacks."""

    async def handle_call(self, request: Any, from_: From, count: int) -> Reply[int]:
        return Reply(count, count + request)


class CountingService(Service):
    """A service that counts."""

    def __init__(self) -> None:
        self.count = 0

    @service.call
    def add(self, number: int) -> int:
        """Count, and return the count before."""
        count = self.count
        self.count = count + number
        return count


class Ring(GenServer[Any]):
    """A server that passes messages on until no laps are left."""

    def handle_call(self, request: Any, from_: From, state: Any) -> CallReturn[Any]:
        return Reply("ok", request)

    def handle_cast(self, request: Any, state: Any) -> CastReturn[Any]:
        left, asker = request
        if left:
            cast(state, (left - 1, asker))
        else:
            send(asker, "done")
        return NoReply(state)


class Announced(GenServer[Pid]):
    """A server that reports its start to another process."""

    def init(self, to: Any) -> Any:
        send(to, "up")
        return super().init(to)
