"""Two clients read a number, add one and write it back: two calls, between which the other's may come."""

from __future__ import annotations

from typing import Any

from regrow import Down, From, GenServer, NoClause, Reply, call, process


class Number(GenServer[int]):
    """Keeps a number."""

    def handle_call(self, request: Any, _from: From, number: int) -> Any:
        match request:
            case "get":
                return Reply(number, number)
            case ("put", new):
                return Reply("ok", new)
            case _:
                raise NoClause(request)


async def add_one(number: Any) -> None:
    value = await call(number, "get")
    await call(number, ("put", value + 1))


async def scenario() -> None:
    number = await Number.start_link(0)
    for _ in range(2):
        process.spawn_monitor(add_one, number)
    for _ in range(2):
        await process.receive(Down)
    value = await call(number, "get")
    assert value == 2, f"two clients have added one, and the number is {value}"
