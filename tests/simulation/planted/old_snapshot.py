"""A server that replaces its state by the result of a task, and loses the updates that came meanwhile."""

from __future__ import annotations

from typing import Any

from regrow import From, GenServer, NoReply, Ok, Reply, call, cast, process
from regrow.testing import expect_idle


class Basket(GenServer[tuple[int, ...]]):
    """A server that holds prices; "reduce" lowers all of them in a separate process."""

    def init(self, _arg: Any) -> Any:
        return Ok(())

    def handle_cast(self, request: Any, prices: tuple[int, ...]) -> Any:
        match request:
            case "reduce":
                me = process.current()
                process.spawn(lambda: cast(me, self.reduced(prices)))
                return NoReply(prices)
            case ("add", price):
                return NoReply((*prices, price))
            case ("all", new):
                return NoReply(new)
            case count:
                return NoReply((*(price - 1 for price in prices[:count]), *prices[count:]))

    def reduced(self, prices: tuple[int, ...]) -> Any:
        return ("all", tuple(price - 1 for price in prices))

    def handle_call(self, _request: Any, _from: From, prices: tuple[int, ...]) -> Any:
        return Reply(prices, prices)


class SafeBasket(Basket):
    """A server whose task returns the change, which the server applies to its current state."""

    def reduced(self, prices: tuple[int, ...]) -> Any:
        return len(prices)


def fill(basket: Any) -> None:
    cast(basket, ("add", 5))
    cast(basket, ("add", 7))


async def shop(kind: type[Basket]) -> None:
    basket = await kind.start_link(None)
    process.spawn(fill, basket)
    process.spawn(lambda: cast(basket, "reduce"))
    await expect_idle()
    assert len(await call(basket, "all")) == 2, "an item is missing in the basket"


async def scenario() -> None:
    await shop(Basket)


async def correct() -> None:
    await shop(SafeBasket)
