"""Two clients that read a number, add one and write it back: a call of the other may come between the two calls."""

from __future__ import annotations

from typing import Any

from regrow import Down, From, GenServer, NoClause, Reply, call, process


class Number(GenServer[int]):
    """A server that keeps a number."""

    def handle_call(self, request: Any, _from: From, number: int) -> Any:
        match request:
            case "get":
                return Reply(number, number)
            case ("put", new):
                return Reply("ok", new)
            case "add":
                return Reply("ok", number + 1)
            case _:
                raise NoClause(request)


async def add_one(number: Any) -> None:
    value = await call(number, "get")
    await call(number, ("put", value + 1))


async def safe_add_one(number: Any) -> None:
    await call(number, "add")


async def two_clients(client: Any) -> None:
    number = await Number.start_link(0)
    for _ in range(2):
        process.spawn_monitor(client, number)
    for _ in range(2):
        await process.receive(Down)
    value = await call(number, "get")
    assert value == 2, f"two clients added one, but the number is {value}"


async def scenario() -> None:
    await two_clients(add_one)


async def correct() -> None:
    await two_clients(safe_add_one)
