"""Processes that the tests in this folder spawn."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from regrow import Address, Exit, Pid, process
from regrow.testing import expect_down, expect_message


async def forever() -> None:
    """Receive, and never mind what."""
    while True:
        await process.receive()


async def until_told() -> None:
    """Receive one reason, and end with it."""
    raise Exit(await process.receive())


class Order:
    """What a process that runs `doing` is to do, for whom, and what that gave."""

    def __init__(self, function: Callable[..., Any], args: tuple[Any, ...]) -> None:
        self.asker = process.current()
        self.function = function
        self.args = args
        self.gave: Any = None


async def doing() -> None:
    """Do what one is ordered to."""
    while True:
        order = await process.receive(Order)
        order.gave = order.function(*order.args)
        process.send(order.asker, order)


async def does(pid: Pid, function: Callable[..., Any], *args: Any) -> Any:
    """Let a process that runs `doing` do something; what that gives."""
    process.send(pid, Order(function, args))
    return (await expect_message(Order)).gave


def messages() -> list[Any]:
    """What waits in one's own mailbox."""
    found: list[Any] = process.info(process.current(), "messages")
    return found


async def dead_pid() -> Pid:
    """The pid of a process that has ended."""
    pid, ref = process.spawn_monitor(int)
    assert await expect_down(ref) == "normal"
    return pid


def links_of(pid: Pid) -> list[Pid]:
    """The links of a process."""
    found: list[Pid] = process.info(pid, "links")
    return found


def sends(address: Address, *words: str) -> Any:
    """A process that sends these words, and has ended when this is awaited."""

    async def sender() -> None:
        for word in words:
            process.send(address, word)

    return expect_down(process.spawn_monitor(sender)[1], "normal")
