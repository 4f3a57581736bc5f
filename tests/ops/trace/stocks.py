"""Servers whose messages are traced."""

from __future__ import annotations

from typing import Any

from regrow import (
    From,
    GenServer,
    NoReply,
    Ok,
    Pid,
    Reply,
    process,
    reply,
)


class Stock(GenServer[Any]):
    """A server that answers now, later or not at all."""

    def init(self, arg: Any, /) -> Any:
        return Ok(arg)

    async def handle_call(self, request: Any, from_: From, state: Any, /) -> Any:
        match request:
            case "die":
                raise ValueError("sold out")
            case "slow":
                await process.sleep(1.0)
                return Reply("slow", state)
            case "later":
                process.apply_after(2.0, reply, from_, "late")
                return NoReply(state)
            case _:
                return Reply(request, state)

    def handle_cast(self, _request: Any, state: Any, /) -> Any:
        return NoReply(state)

    handle_info = handle_cast


async def stocked() -> Pid:
    """Start a Stock with the name "stock"."""
    return await Stock.start_link(None, name="stock")


async def me() -> Pid:
    process.set_label("me")
    return process.current()
