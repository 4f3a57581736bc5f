"""Three buyers that check whether a ticket is left, and then buy it: the check may be out of date."""

from __future__ import annotations

from typing import Any

from regrow import Down, From, GenServer, Reply, call, process


class Shop(GenServer[int]):
    """A server that sells a ticket to every caller."""

    def handle_call(self, request: Any, _from: From, left: int) -> Any:
        match request:
            case "sell":
                return Reply("sold", left - 1)
            case "sell if there is one":
                return Reply("sold", left - 1) if left else Reply("sold out", left)
            case _:
                return Reply(left, left)


async def buy(shop: Any) -> None:
    if await call(shop, "left") > 0:
        await call(shop, "sell")


async def safe_buy(shop: Any) -> None:
    await call(shop, "sell if there is one")


async def three_buyers(buyer: Any) -> None:
    shop = await Shop.start_link(2)
    for _ in range(3):
        process.spawn_monitor(buyer, shop)
    for _ in range(3):
        await process.receive(Down)
    left = await call(shop, "left")
    assert left >= 0, f"{-left} more tickets were sold than there were"


async def scenario() -> None:
    await three_buyers(buy)


async def correct() -> None:
    await three_buyers(safe_buy)
