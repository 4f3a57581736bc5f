"""A client that repeats an order after a timeout of two seconds, although the first order was taken, too."""

from __future__ import annotations

from typing import Any

from regrow import CallTimeout, From, GenServer, Reply, call


class Orders(GenServer[list[str]]):
    """A server that takes orders."""

    def handle_call(self, request: Any, _from: From, orders: list[str]) -> Any:
        return Reply(orders, orders) if request == "all" else Reply("ok", self.taken(request, orders))

    def taken(self, order: str, orders: list[str]) -> list[str]:
        return [*orders, order]


class SafeOrders(Orders):
    """A server that takes each order once."""

    def taken(self, order: str, orders: list[str]) -> list[str]:
        return orders if order in orders else [*orders, order]


async def order_one(kind: type[Orders]) -> None:
    orders = await kind.start_link([])
    try:
        await call(orders, "a book", timeout=2.0)
    except CallTimeout:
        await call(orders, "a book", timeout=2.0)
    taken = await call(orders, "all")
    assert taken == ["a book"], f"one book was ordered, but sent were {taken}"


async def scenario() -> None:
    await order_one(Orders)


async def correct() -> None:
    await order_one(SafeOrders)
