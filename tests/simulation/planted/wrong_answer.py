"""A client whose questions have no numbers: it takes the late answer to one question for the answer to the next."""

from __future__ import annotations

from typing import Any

from regrow import Pid, process


async def shop(prices: dict[str, int]) -> None:
    """Answer questions, each after a while."""
    while True:
        question = await process.receive()
        await process.sleep(0.4)
        asker, name = question[0], question[-1]
        process.send(asker, (*question[1:-1], prices[name]))


async def ask(server: Pid, name: str) -> Any:
    process.send(server, (process.current(), name))
    try:
        (price,) = await process.receive(tuple, timeout=0.5)  # pyright: ignore[reportUnknownVariableType]
    except TimeoutError:
        return None
    return price  # pyright: ignore[reportUnknownVariableType]


async def ask_with_number(server: Pid, name: str) -> Any:
    number = process.make_ref()
    process.send(server, (process.current(), number, name))
    try:
        _, price = await process.receive(lambda answer: answer[0] is number, timeout=0.5)
    except TimeoutError:
        return None
    return price


async def customer(to: Pid, server: Pid, asks: Any) -> None:
    prices = [await asks(server, name) for name in ("tea", "salt")]
    process.send(to, prices)


async def two_questions(asks: Any) -> None:
    server = process.spawn_link(shop, {"tea": 3, "salt": 1})
    process.spawn(customer, process.current(), server, asks)
    tea, salt = await process.receive(list)  # pyright: ignore[reportUnknownVariableType]
    assert tea in (3, None) and salt in (1, None), f"tea costs {tea}, and salt {salt}"  # noqa: PT018


async def scenario() -> None:
    await two_questions(ask)


async def correct() -> None:
    await two_questions(ask_with_number)
