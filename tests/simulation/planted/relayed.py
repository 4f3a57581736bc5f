"""A writer that stores a value and announces it through another process: the reader may read before the write arrives."""

from __future__ import annotations

from typing import Any

from regrow import From, GenServer, NoReply, Pid, Reply, call, cast, process


class Values(GenServer[dict[str, int]]):
    """A server that keeps values."""

    def handle_call(self, request: Any, _from: From, values: dict[str, int]) -> Any:
        match request:
            case ("put", name, value):
                return Reply("ok", {**values, name: value})
            case _:
                return Reply(values.get(request), values)

    def handle_cast(self, request: Any, values: dict[str, int]) -> Any:
        name, value = request
        return NoReply({**values, name: value})


class Herald(GenServer[Pid]):
    """A server that forwards each announcement to its listener."""

    def handle_cast(self, request: Any, listener: Pid) -> Any:
        process.send(listener, request)
        return NoReply(listener)


def write(values: Pid, herald: Pid) -> None:
    cast(values, ("a", 1))
    cast(herald, "a")


async def safe_write(values: Pid, herald: Pid) -> None:
    await call(values, ("put", "a", 1))
    cast(herald, "a")


async def write_and_hear(writer: Any) -> None:
    values = await Values.start_link({})
    herald = await Herald.start_link(process.current())
    process.spawn(writer, values, herald)
    name = await process.receive(str)
    assert await call(values, name) == 1, "a value was announced before it was stored"


async def scenario() -> None:
    await write_and_hear(write)


async def correct() -> None:
    await write_and_hear(safe_write)
